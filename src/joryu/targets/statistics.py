"""What a store's answers look like as a whole, gathered in one pass over its rows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.targets.calibration import expected_calibration_error, reliability_of
from joryu.targets.exchanged import MOST_CLASSES, Exchange, find_exchange
from joryu.targets.likeness import Likeness, likeness_of
from joryu.targets.soft_targets import Kind, SoftTargets, Space
from joryu.targets.store import Store

CHUNK = 4096  # rows at a time: a thousand classes in float32 take 16 MiB


@dataclass(frozen=True, slots=True)
class Statistics:
    """Means over the answers; entropies in nats, those named ``normalised`` as a share of the largest possible.

    ``information`` is the mutual information between the example and its class, ``H(mean p) - mean H(p)``: how much
    naming the example tells about the answer. It is zero exactly when all answers are the same.
    """

    rows: int
    hard_share: float  #: answers that put all they have on one class, the same one for all members
    mean_entropy: float
    normalised_entropy: float
    information: float
    softened_normalised_entropy: float  #: at the chosen temperature
    softened_top: float  #: mean probability of the best class, at the chosen temperature
    top_counts: tuple[int, ...]
    mean_probs: tuple[float, ...]
    likeness: Likeness  #: of logits: what they look like that logits are not


@dataclass(frozen=True, slots=True)
class Agreement:
    """Answers against hard labels; Cohen's kappa is accuracy beyond what the two frequencies alone would give."""

    labelled: int
    accuracy: float
    kappa: float
    calibration_error: float  #: expected calibration error, 15 bins of equal width
    exchange: Exchange | None  #: classes that are answered under one another's names


def finite_rows(store: Store, rows: Tensor) -> Tensor:
    """Those of the rows whose every value is finite."""
    flags = [store.gather(part).values.flatten(1).isfinite().all(1) for part in torch.split(rows, CHUNK)]
    return rows[torch.cat(flags)]


def gather_statistics(store: Store, rows: Tensor, temperature: float) -> Statistics:
    """The statistics of some rows, which must be finite."""
    n_classes = len(store.manifest.classes)
    totals = torch.zeros(5, dtype=torch.float64)  # hard rows, entropy, softened entropy, softened top, answers
    counts, sums = torch.zeros(n_classes, dtype=torch.int64), torch.zeros(n_classes, dtype=torch.float64)
    likeness = Likeness.PROBABILITIES
    for part in torch.split(rows, CHUNK):
        answers = store.gather(part)
        likeness = likeness_of(answers, so_far=likeness)
        probs, softened = class_probs(answers, 1.0), class_probs(answers, temperature)
        hard = _name_one_class(answers) if answers.space is not Space.LOGITS else torch.zeros(1)
        totals += torch.stack([
            hard.double().sum(), _entropy(probs, answers.kind).sum(), _entropy(softened, answers.kind).sum(),
            softened.amax(-1).double().sum(), torch.tensor(len(probs), dtype=torch.float64),
        ])  # fmt: skip
        counts += probs.argmax(-1).bincount(minlength=n_classes)
        sums += probs.double().sum(0)
    hard_rows, entropy, softened_entropy, softened_top, _ = (totals / totals[4]).tolist()
    mean = sums / totals[4]
    largest = _entropy(_flattest(n_classes, store.form.kind), store.form.kind).item()
    return Statistics(
        rows=len(rows),
        hard_share=hard_rows,
        mean_entropy=entropy,
        normalised_entropy=entropy / largest,
        information=max(0.0, _entropy(mean[None], store.form.kind).item() - entropy),
        softened_normalised_entropy=softened_entropy / largest,
        softened_top=softened_top,
        top_counts=tuple(counts.tolist()),
        mean_probs=tuple(mean.tolist()),
        likeness=likeness,
    )


def gather_agreement(store: Store, rows: Tensor, labels: Tensor) -> Agreement:
    """How well the answers in some rows fit the hard labels of the same examples."""
    n_classes = len(store.manifest.classes)
    tops, confidences = [], []
    for part in torch.split(rows, CHUNK):
        best = class_probs(store.gather(part), 1.0).max(-1)
        tops.append(best.indices)
        confidences.append(best.values)
    top, confidence = torch.cat(tops), torch.cat(confidences)
    hits = top == labels
    accuracy = hits.double().mean().item()
    shares = [kind.bincount(minlength=n_classes).double() / len(labels) for kind in (top, labels)]
    by_chance = (shares[0] * shares[1]).sum().item()
    kappa = (accuracy - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0
    pairs = (labels * n_classes + top).bincount(minlength=n_classes**2) if n_classes <= MOST_CLASSES else None
    return Agreement(
        labelled=len(labels),
        accuracy=accuracy,
        kappa=kappa,
        calibration_error=expected_calibration_error(reliability_of(confidence, hits)),
        exchange=None if pairs is None else find_exchange(pairs.reshape(n_classes, n_classes).numpy()),
    )


def class_probs(answers: SoftTargets, temperature: float) -> Tensor:
    """Probabilities ``[answers, C]`` at a temperature: members averaged, each pixel or frame an answer of its own."""
    probs = answers.probs(temperature)
    return (probs.mean(1) if answers.members else probs).flatten(0, -2)


def _name_one_class(answers: SoftTargets) -> Tensor:
    """Which answers hold nothing beside one class, bool; an answer of several members is one of their mean."""
    full = answers.dense()
    named = full.values != 0 if full.coverage is None else (full.values != 0) & full.coverage
    return (named.any(1) if answers.members else named).sum(-1) <= 1


def _entropy(probs: Tensor, kind: Kind) -> Tensor:
    probs = probs.double()
    one = -torch.xlogy(probs, probs)
    if kind is Kind.MANY_OF_MANY:
        one = one - torch.xlogy(1 - probs, 1 - probs)
    return one.sum(-1)


def _flattest(n_classes: int, kind: Kind) -> Tensor:
    return torch.full((1, n_classes), 0.5 if kind is Kind.MANY_OF_MANY else 1 / n_classes, dtype=torch.float64)
