"""Evaluate masks: how far the answered pixels overlap the true ones, in each picture and over the whole set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.evaluation.boundaries import boundary_f_of_classes, boundary_f_of_tags
from joryu.evaluation.classes import teacher_probs
from joryu.evaluation.evaluator import (
    Better,
    LikenessEvaluation,
    Measure,
    Scores,
    defined,
    described,
    joined,
)
from joryu.evaluation.masks import Overlap, teacher_answers
from joryu.objectives import MAIN, HardLabels, Outputs, total
from joryu.objectives.parts import soft_part
from joryu.questions import UNKNOWN, Link, Question, decided
from joryu.questions.softening import widen
from joryu.targets.soft_targets import SoftTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOverlap:
    """The overlap of one class or mask, over all known pixels of the set."""

    name: str
    iou: float | None  #: ``None`` if no label and no answer has it anywhere
    dice: float | None  #: likewise
    true: int  #: pixels that have it in the labels
    answered: int  #: pixels that have it in the answers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelEvaluation:
    """An `Evaluated` for masks. Unknown pixels (-1) are left out, and so are pictures without a known pixel.

    The answer ``A`` is the set of pixels with a probability above 0.5 (sigmoid), or whose most probable class it is
    (softmax); ``B`` is the true set.

    * ``loss``: the cross-entropy in nats, a mean over the known pixels of a picture, then over the pictures.
    * ``iou``: ``|A ∩ B| / |A ∪ B|``, 1 if both are empty; the mean over the pictures. If there are several masks, the
      IoU of a picture is the mean over those with a known pixel. If there are classes, it is the mean over the classes
      that its label or its answer has. The background is a class too, so that a picture of background alone counts.
    * ``dice``: ``2 |A ∩ B| / (|A| + |B|)``, with the same means.
    * ``precision``: the share of the thresholds 0.50, 0.55, …, 0.95 that the IoU is above, with the same means. For
      one mask it is the score of Kaggle's "TGS Salt Identification Challenge": one object in a picture, and 1 if
      neither answer nor label has any.
    * ``boundary_f``: whether the boundaries of ``A`` and ``B`` lie at the same places, within 0.75 % of the picture's
      diagonal and at least a pixel (`joryu.evaluation.boundaries.boundary_f`), with the same means.
    * ``set_iou``: the IoU over all pixels of the set, as in Pascal VOC: the mean over the classes or masks, without
      those that nobody has. ``per_output`` holds them one by one.
    * ``accuracy``: the share of known pixels that are answered right; with several masks, of pixels times masks.

    ``scores`` holds the IoU of each picture.
    """

    n: int
    loss: float
    iou: float | None
    dice: float | None
    precision: float | None
    boundary_f: float | None
    set_iou: float | None
    accuracy: float
    per_output: tuple[OutputOverlap, ...]
    likeness: tuple[Measure, ...]
    scores: Scores

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The mean IoU over the pictures first, then the other numbers, then what a teacher adds."""
        return (
            Measure("mean IoU", self.iou, unit="share"),
            Measure("IoU over the set", self.set_iou, unit="share"),
            Measure("Dice", self.dice, unit="share"),
            Measure("precision at IoU 0.50–0.95", self.precision, unit="share"),
            Measure("boundary F", self.boundary_f, unit="share"),
            Measure("pixel accuracy", self.accuracy, unit="share"),
            Measure("cross-entropy", self.loss, Better.LOWER, "nats"),
            *self.likeness,
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(self, per_output=[asdict(part) for part in self.per_output])


@final
class PixelTally:
    """Collects answers about masks; keeps sums over the set and five numbers per picture."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._likeness = PixelLikeness(question)
        self._columns: dict[str, list[Tensor]] = {name: [] for name in ("loss", "iou", "dice", "hits", "edges")}
        # both, answered, true, known: one row each
        self._sums = torch.zeros(4, len(question), dtype=torch.int64)

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: logits ``[B, height, width, C]`` and masks; those of classes are ``[B, height, width]``."""
        logits = outputs[MAIN].detach()
        if self._question.link is Link.SIGMOID:
            masks = (logits > 0, *decided(labels))
            losses, found, edges = mask_losses(logits, labels), Overlap.of_tags(*masks), boundary_f_of_tags(*masks)
        else:
            losses = total(HardLabels()({MAIN: logits}, None, labels))
            answer = logits.argmax(-1)
            found = Overlap.of_classes(answer, labels, len(self._question))
            edges = boundary_f_of_classes(answer, labels, found.counted)
        columns = {"loss": losses, "iou": found.iou(), "dice": found.dice(), "hits": found.hits()}
        columns["edges"] = found.mean(edges)
        for name, column in columns.items():
            self._columns[name].append(column)
        sums = torch.stack([part.sum(0) for part in (found.both, found.answered, found.true, found.known)])
        self._sums = self._sums + sums  # not in place, which inference mode forbids its tensors outside of it
        if teacher is not None:
            self._likeness.add(outputs, teacher)

    def result(self) -> PixelEvaluation:
        """The evaluation of all batches."""
        columns = {name: joined(parts) for name, parts in self._columns.items()}
        means = {name: defined(column.nanmean()) for name, column in columns.items()}
        per_output = tuple(map(_overlap, self._question.names, *self._sums[:3].tolist()))
        found = [part.iou for part in per_output if part.iou is not None]
        both, answered, true, known = self._sums
        if self._question.link is Link.SIGMOID:
            accuracy = 1 - (answered + true - 2 * both).sum().item() / max(known.sum().item(), 1)
        else:
            accuracy = both.sum().item() / known[0].item()
        return PixelEvaluation(
            n=len(columns["loss"]),
            loss=columns["loss"].mean().item(),
            iou=means["iou"],
            dice=means["dice"],
            precision=means["hits"],
            boundary_f=means["edges"],
            set_iou=sum(found) / len(found) if found else None,
            accuracy=accuracy,
            per_output=per_output,
            likeness=self._likeness.measures(),
            scores=Scores("IoU", columns["iou"]),
        )


def _overlap(name: str, both: int, answered: int, true: int) -> OutputOverlap:
    union = answered + true - both
    return OutputOverlap(
        name=name, iou=both / union if union else None, dice=2 * both / (answered + true) if union else None,
        true=true, answered=answered,
    )  # fmt: skip


def mask_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """The binary cross-entropy of each picture, ``[B]`` in nats: a mean over its known pixels of all masks."""
    wide, known = widen(logits), labels != UNKNOWN
    losses = F.binary_cross_entropy_with_logits(wide, labels.to(wide.dtype).clamp_min(0), reduction="none")
    return losses.masked_fill(~known, 0).flatten(1).sum(1) / known.flatten(1).sum(1)


@final
class PixelLikeness:
    """Collects how closely a student follows its teacher's masks: their IoU at 0.5, and the KL over the pixels."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._columns: dict[str, list[Tensor]] = {"loss": [], "kl": [], "iou": []}

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch: logits ``[B, height, width, C]`` and the teacher's answers."""
        link, logits = self._question.link, outputs[MAIN].detach()
        if link is Link.SIGMOID:
            overlap = Overlap.of_tags(logits > 0, *teacher_answers(teacher))
        else:
            overlap = Overlap.of_classes(logits.argmax(-1), teacher_probs(teacher).argmax(-1), len(self._question))
        self._columns["iou"].append(overlap.iou())
        for name, divergence in (("loss", "cross-entropy"), ("kl", "kl-forward")):
            self._columns[name].append(soft_part(divergence, {MAIN: logits}, teacher, temperature=1.0))

    def measures(self) -> tuple[Measure, ...]:
        """IoU and KL as means over the pictures; empty if there was no teacher."""
        if not self._columns["iou"]:
            return ()
        iou, divergence = (joined(self._columns[name]).nanmean() for name in ("iou", "kl"))
        return (
            Measure("IoU with the teacher", defined(iou), unit="share"),
            Measure("KL to the teacher", max(divergence.item(), 0.0), Better.LOWER, "nats"),
        )

    def result(self) -> LikenessEvaluation:
        """The evaluation by the teacher's answers: the loss is the cross-entropy, the score the IoU of the masks."""
        losses = joined(self._columns["loss"])
        return LikenessEvaluation(
            n=len(losses), loss=losses.mean().item(), measures=self.measures(),
            scores=Scores("IoU with the teacher", joined(self._columns["iou"])),
        )  # fmt: skip
