"""Statistics of a store's probabilities, gathered in one pass over its rows."""

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
    """Means over all answers. Entropies are in nats; those called ``normalised`` are shares of the largest possible.

    ``information`` is the mutual information of example and answer, ``H(mean p) - mean H(p)`` in nats (Cover & Thomas
    2006, theorem 2.4.1). It is 0 if, and only if, all answers are the same. For masks it is the mean over the pixels,
    computed for each by itself: a mask that never changes gives 0, whatever it looks like.

    ``top_counts`` holds for each class the number of answers in which it is the best; for each tag, the number of
    answers that name it (p >= 0.5).
    """

    rows: int
    hard_share: float  #: the share of answers that are not 0 for one class alone, the same for all members
    mean_entropy: float
    normalised_entropy: float
    information: float
    softened_normalised_entropy: float  #: at the chosen temperature
    softened_top: float  #: mean probability of the best class, at the chosen temperature
    top_counts: tuple[int, ...]
    mean_probs: tuple[float, ...]
    likeness: ValueKind  #: what the logits look like, if they look like something else

    def words(self, temperature: float, question: Question) -> str:
        """The statistics as one line of text, for the question and the temperature that they were gathered with."""
        return (
            f"mean entropy {self.mean_entropy:.3f} nats; at T = {temperature:g} the likeliest {question.nouns[0]} has "
            f"{self.softened_top:.3f} and the entropy is {self.softened_normalised_entropy:.1%} of the largest possible"
        )


def in_parts(store: Store, rows: Tensor) -> Iterator[Tensor]:
    """The rows in parts, each of at most `CHUNK` answers and `CELLS` values, so that memory stays bounded."""
    width = max(1, math.prod(store.form.shape))
    yield from torch.split(rows, max(1, min(CHUNK, CELLS // width)))


def finite_rows(store: Store, rows: Tensor) -> Tensor:
    """The rows whose values are all finite, and whose variances, if there are any, are positive and finite."""
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
    """The statistics of the answers in some rows, which must be finite, also softened at ``temperature``."""
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
    """Probabilities at a temperature, ``[answers, C]``: members are combined, and each pixel is an answer by itself."""
    return answers.combined(temperature).probs(temperature).flatten(0, -2)


def _name_one_class(answers: SoftTargets) -> Tensor:
    """Which answers are not 0 for at most one class, bool; those of several members are taken together."""
    full = answers.dense()
    named = full.values != 0 if full.coverage is None else (full.values != 0) & full.coverage
    return (named.any(1) if answers.members else named).sum(-1) <= 1
