"""Agreement of a teacher's answers with hard labels: for classes, tags and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from joryu.annotations.inter_rater import beyond_chance
from joryu.questions import UNKNOWN, decided
from joryu.targets.average_precision import average_precision
from joryu.targets.calibration import expected_calibration_error, reliability_of
from joryu.targets.confusion import confusion_matrix
from joryu.targets.exchanged import MOST_CLASSES, Exchange, find_exchange
from joryu.targets.statistics import class_probs, in_parts
from joryu.targets.store import Store

SHUFFLES = 3  #: shuffles of the answers that measure chance, which for rare tags is higher than their frequency


class Correctness(Protocol):
    """The agreement of answers with labels, by a measure that depends on the question."""

    @property
    def labelled(self) -> int:
        """The number of labelled examples compared."""
        ...

    @property
    def score(self) -> float:
        """One number; 1 if every answer is right."""
        ...

    def words(self) -> str:
        """The agreement as one line of text."""
        ...


@dataclass(frozen=True, slots=True)
class ClassCorrectness:
    """Agreement with class labels. ``kappa`` is Cohen's (Cohen 1960, eq. 1): ``(accuracy - e) / (1 - e)``.

    ``e = Σ_c p_c q_c`` is the accuracy expected by chance, from the shares of each class among answers and labels.
    """

    labelled: int
    accuracy: float
    kappa: float
    calibration_error: float  #: expected calibration error, 15 bins of equal width
    exchange: Exchange | None  #: classes that are answered under one another's names

    @property
    def score(self) -> float:
        return self.accuracy

    def words(self) -> str:
        return (
            f"accuracy {self.accuracy:.4f}, calibration error {self.calibration_error:.4f}"
            f" on {self.labelled} labelled examples"
        )


@dataclass(frozen=True, slots=True)
class TagCorrectness:
    """Agreement with tags: the macro average precision, and its value for answers shuffled among the examples."""

    labelled: int
    tags: int  #: how many tags have a positive and a negative example
    macro_ap: float
    by_chance: float

    @property
    def score(self) -> float:
        return self.macro_ap

    def words(self) -> str:
        return (
            f"macro average precision {self.macro_ap:.4f} over {self.tags} tags on {self.labelled} labelled examples"
            f" ({self.by_chance:.4f} by chance)"
        )


@dataclass(frozen=True, slots=True)
class PixelCorrectness:
    """Agreement with masks: Cohen's kappa of the pixels, and the mean IoU of the classes or tags that occur.

    Both are over all pixels of the set. The IoU is ``|A ∩ B| / |A ∪ B|`` of answered and true pixels.
    """

    labelled: int  #: masks
    mean_iou: float
    kappa: float

    @property
    def score(self) -> float:
        return self.mean_iou

    def words(self) -> str:
        return f"mean IoU {self.mean_iou:.4f}, kappa of the pixels {self.kappa:.4f}, on {self.labelled} masks"


def class_correctness(store: Store, rows: Tensor, labels: Tensor) -> ClassCorrectness:
    """The agreement of the answers in some rows with the class labels ``[n]`` of the same examples."""
    n_classes = len(store.manifest.classes)
    tops, confidences = [], []
    for part in in_parts(store, rows):
        best = class_probs(store.gather(part), 1.0).max(-1)
        tops.append(best.indices)
        confidences.append(best.values)
    top, confidence = torch.cat(tops), torch.cat(confidences)
    hits = top == labels
    accuracy = hits.double().mean().item()
    shares = [kind.bincount(minlength=n_classes).double() / len(labels) for kind in (top, labels)]
    by_chance = (shares[0] * shares[1]).sum().item()
    pairs = confusion_matrix(top, labels, n_classes) if n_classes <= MOST_CLASSES else None
    return ClassCorrectness(
        labelled=len(labels),
        accuracy=accuracy,
        kappa=beyond_chance(accuracy, by_chance),
        calibration_error=expected_calibration_error(reliability_of(confidence, hits)),
        exchange=None if pairs is None else find_exchange(pairs.numpy()),
    )


def tag_correctness(store: Store, rows: Tensor, labels: Tensor) -> TagCorrectness | None:
    """The agreement of the answers in some rows with tags ``[n, C]``; ``None`` if no tag can be ranked."""
    scores = torch.cat([class_probs(store.gather(part), 1.0) for part in in_parts(store, rows)])
    positive, known = decided(labels)
    found = average_precision(scores, positive, known)
    ranked = ~found.isnan()
    if not bool(ranked.any()):
        return None
    generator = torch.Generator().manual_seed(0)
    dealt = [
        average_precision(scores[torch.randperm(len(rows), generator=generator)], positive, known)[ranked].mean()
        for _ in range(SHUFFLES)
    ]
    return TagCorrectness(
        labelled=len(rows),
        tags=int(ranked.sum()),
        macro_ap=float(found[ranked].mean()),
        by_chance=float(torch.stack(dealt).mean()),
    )


def pixel_correctness(store: Store, rows: Tensor, labels: Tensor) -> PixelCorrectness | None:
    """The agreement of the answers in some rows with masks; ``None`` if no pixel is known, or the sizes differ.

    Masks are ``[n, height, width]`` of class numbers, or ``[n, height, width, C]`` of tags.
    """
    n_outputs, independent = len(store.manifest.question), store.manifest.question.link.independent
    sites = labels.shape[1:-1] if independent else labels.shape[1:]
    if tuple(store.form.shape[-1 - len(sites) : -1]) != tuple(sites):
        return None
    counts = torch.zeros(4 if independent else n_outputs**2, dtype=torch.float64)
    per_tag = torch.zeros(2, n_outputs, dtype=torch.float64)  # of tags: intersection, union
    start = 0
    for part in in_parts(store, rows):
        probs = class_probs(store.gather(part), 1.0)
        truth = labels[start : start + len(part)]
        start += len(part)
        if independent:
            flat = truth.reshape(-1, n_outputs)
            (there, known), said = decided(flat), probs > 0.5
            counts += confusion_matrix(said[known].long(), there[known].long(), 2).flatten()
            per_tag += torch.stack([(known & there & said).sum(0), (known & (there | said)).sum(0)])
        else:
            true = truth.reshape(-1)
            known = true != UNKNOWN
            counts += confusion_matrix(probs.argmax(-1)[known], true[known].long(), n_outputs).flatten()
    table = counts.reshape(2, 2) if independent else counts.reshape(n_outputs, n_outputs)
    if not bool(table.sum() > 0):
        return None
    shared = per_tag[0] if independent else table.diagonal()
    union = per_tag[1] if independent else table.sum(0) + table.sum(1) - table.diagonal()
    there = union > 0  # what neither labels nor answers hold is agreed on, and would only flatter
    iou = float((shared[there] / union[there]).mean()) if bool(there.any()) else 1.0
    return PixelCorrectness(labelled=len(rows), mean_iou=iou, kappa=_kappa(table))


def _kappa(table: Tensor) -> float:
    """Cohen's kappa of counts ``[C, C]``."""
    shares = table / table.sum()
    return beyond_chance(float(shares.diagonal().sum()), float((shares.sum(0) * shares.sum(1)).sum()))
