"""What a store's answers look like as a whole, gathered in one pass over its rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.questions import Link, Question
from joryu.questions.value_kinds import ValueKind
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.targets.store import Store
from joryu.targets.value_kinds import value_kind_of

CHUNK = 4096  # rows at a time: a thousand classes in float32 take 16 MiB
CELLS = 2**22  # and no more values than these at once, of which a few copies are made in float64


@dataclass(frozen=True, slots=True)
class Statistics:
    """Means over the answers; entropies in nats, those named ``normalised`` as a share of the largest possible.

    ``information`` is the mutual information between the example and its class, ``H(mean p) - mean H(p)``: how much
    naming the example tells about the answer. It is zero exactly when all answers are the same. Of masks it is the mean
    over the pixels, each taken for itself: a mask that never changes says nothing, whatever it looks like.

    ``top_counts`` counts for each class the answers in which it is best, for each tag those that name it (p >= 0.5).
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
    likeness: ValueKind  #: of logits: what they look like that logits are not

    def words(self, temperature: float, question: Question) -> str:
        """In one line, for answers to this question that were softened at this temperature."""
        return (
            f"mean entropy {self.mean_entropy:.3f} nats; at T = {temperature:g} the likeliest {question.nouns[0]} has "
            f"{self.softened_top:.3f} and the entropy is {self.softened_normalised_entropy:.1%} of the largest possible"
        )


def in_parts(store: Store, rows: Tensor) -> Iterator[Tensor]:
    """The rows, so many at a time that their answers take little memory, pixels or none."""
    width = max(1, math.prod(store.form.shape))
    yield from torch.split(rows, max(1, min(CHUNK, CELLS // width)))


def finite_rows(store: Store, rows: Tensor) -> Tensor:
    """Those of the rows whose every value is finite; of numbers their variance is positive, too."""
    flags = []
    for part in in_parts(store, rows):
        answers = store.gather(part)
        sound = answers.values.flatten(1).isfinite().all(1)
        if answers.variance is not None:
            variance = answers.variance.flatten(1)
            sound &= (variance.isfinite() & (variance > 0)).all(1)
        flags.append(sound)
    return rows[torch.cat(flags)]


def gather_statistics(store: Store, rows: Tensor, temperature: float) -> Statistics:
    """The statistics of some rows, which must be finite."""
    link, n_classes = store.manifest.question.link, len(store.manifest.question)
    totals = torch.zeros(5, dtype=torch.float64)  # hard rows, entropy, the last two of soft_probs, answers
    counts = torch.zeros(n_classes, dtype=torch.int64)
    sites = store.form.shape[1 if store.form.members else 0 : -1]
    sums = torch.zeros(*sites, n_classes, dtype=torch.float64)
    likeness = None
    for part in in_parts(store, rows):
        answers = store.gather(part)
        likeness = value_kind_of(answers, so_far=likeness)
        probs, soft_probs = class_probs(answers, 1.0), class_probs(answers, temperature)
        hard = _name_one_class(answers) if answers.space is not Space.LOGITS else torch.zeros(1)
        totals += torch.stack([
            hard.double().sum(), link.entropy(probs.double()).sum(), link.entropy(soft_probs.double()).sum(),
            soft_probs.amax(-1).double().sum(), torch.tensor(len(probs), dtype=torch.float64),
        ])  # fmt: skip
        counts += _named_counts(probs, link, n_classes)
        sums += probs.double().reshape(-1, *sites, n_classes).sum(0)
    hard_rows, entropy, softened_entropy, softened_top, _ = (totals / totals[4]).tolist()
    mean = sums / len(rows)
    largest = link.most_entropy(n_classes)
    return Statistics(
        rows=len(rows),
        hard_share=hard_rows,
        mean_entropy=entropy,
        normalised_entropy=entropy / largest,
        information=max(0.0, link.entropy(mean).mean().item() - entropy),
        softened_normalised_entropy=softened_entropy / largest,
        softened_top=softened_top,
        top_counts=tuple(counts.tolist()),
        mean_probs=tuple(mean.reshape(-1, n_classes).mean(0).tolist()),
        likeness=likeness or ValueKind.LOGITS,
    )


def _named_counts(probs: Tensor, link: Link, n_classes: int) -> Tensor:
    if link.independent:
        return (probs >= 0.5).sum(0)
    return probs.argmax(-1).bincount(minlength=n_classes)


def class_probs(answers: SoftTargets, temperature: float) -> Tensor:
    """Probabilities ``[answers, C]`` at a temperature: members averaged, each pixel or frame an answer of its own."""
    probs = answers.probs(temperature)
    return (probs.mean(1) if answers.members else probs).flatten(0, -2)


def _name_one_class(answers: SoftTargets) -> Tensor:
    """Which answers hold nothing beside one class, bool; an answer of several members is one of their mean."""
    full = answers.dense()
    named = full.values != 0 if full.coverage is None else (full.values != 0) & full.coverage
    return (named.any(1) if answers.members else named).sum(-1) <= 1
