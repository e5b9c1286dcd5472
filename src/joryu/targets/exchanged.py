"""Find classes that a teacher answers under one another's names, and the order in which its answers would be right.

If a teacher numbers its classes 0, 1, 2, … 10, 11 and the folders of the examples are sorted as text (0, 1, 10, 11,
2, …), the same class has two names, and a student learns the wrong one. Hard labels show it. The best one-to-one
assignment of answers to labels is found (Kuhn 1955, "The Hungarian Method") and divided into its cycles. The rules
below decide whether a cycle is an exchange of names; the reason stands beside each. A teacher that is only weak, takes
every dog for a cat, or has few labelled answers must not be accused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Order = npt.NDArray[np.int64]

CHANCE = 0.01
"""A class *speaks* for a cycle if its assigned answer is given significantly more often than its own name. The test is
the exact one-sided binomial of the two counts, at the level ``CHANCE / C``, so that all ``C`` classes together have one
chance in a hundred (Bonferroni). For ten classes eleven unanimous answers are enough."""

SPEAKING = 0.5
"""At least this share of a cycle's labelled classes must speak for it, and two successive ones among them. One class
that is taken for another is a confusion; two that are taken for one another are an exchange of names."""

GAIN = 0.2
"""The share of a cycle's labelled examples that must be right in addition after the exchange. With many thousand labels
one in a hundred would be significant too, but it would be a weakness of the teacher and not of its names."""

LEARNED = 0.3
"""The share of all labelled examples that must be right after the exchange. A network that never learned exchanges some
classes by accident (10 of 80 on digits did; after the exchange none was right on a quarter). Its fault is another."""

MOST_CLASSES = 4000
"""The most classes for which an exchange is looked for. More would take gigabytes, and of the 100,000 answers that are
looked at hardly any class would have the twenty that it needs to speak."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Which classes are answered under which names, and the accuracy in the right order; classes are numbers."""

    moved: tuple[tuple[int, int], ...]  #: (class, the class it is answered as), of exchanged classes with labels
    counts: tuple[tuple[int, int], ...]  #: for each of them: examples answered so, and all its labelled examples
    order: tuple[int, ...]  #: for each place in the teacher's answers, the class that it is really about
    accuracy: float  #: on all labelled examples, in the right order


def find_exchange(confusion: Counts) -> Exchange | None:
    """The exchange that a confusion matrix ``[C, C]`` shows (rows: labels, columns: best answers), or ``None``.

    >>> counts = np.array([[30, 1, 0], [2, 1, 25], [1, 28, 2]])
    >>> found = find_exchange(counts)
    >>> found.moved, found.order, round(found.accuracy, 2)
    (((1, 2), (2, 1)), (0, 2, 1), 0.92)
    >>> find_exchange(np.array([[30, 0, 0], [0, 0, 30], [0, 5, 25]])) is None  # every 1 is taken for a 2: no exchange
    True
    """
    if not confusion.any():
        return None
    assigned = _best_assignment(confusion)
    speaking = _speaking(confusion, assigned)
    kept = np.arange(len(confusion))
    for cycle in _cycles(assigned):
        if _is_exchange(confusion, assigned, cycle, speaking):
            kept[cycle] = assigned[cycle]
    accuracy = float(confusion[np.arange(len(kept)), kept].sum() / confusion.sum())
    moved = np.flatnonzero((kept != np.arange(len(kept))) & (confusion.sum(1) > 0))
    if not len(moved) or accuracy < LEARNED:
        return None
    order = np.empty_like(kept)
    order[kept] = np.arange(len(kept))
    return Exchange(
        moved=tuple((int(at), int(kept[at])) for at in moved),
        counts=tuple((int(confusion[at, kept[at]]), int(confusion[at].sum())) for at in moved),
        order=tuple(order.tolist()),
        accuracy=accuracy,
    )


def _best_assignment(confusion: Counts) -> Order:
    """The one-to-one assignment of answers to classes with most labels right; of equal ones, that with fewest moved."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - a third of a second that only labels need

    n = len(confusion)
    _, assigned = linear_sum_assignment(confusion * (n + 1) + np.eye(n, dtype=np.int64), maximize=True)
    found: Order = assigned.astype(np.int64)
    return found


def _speaking(confusion: Counts, assigned: Order) -> npt.NDArray[np.bool_]:
    """Which classes are given their assigned answer significantly more often than their own name (`CHANCE`)."""
    from scipy.special import bdtrc  # noqa: PLC0415

    own, other = np.diag(confusion), confusion[np.arange(len(confusion)), assigned]
    differ = (assigned != np.arange(len(confusion))) & (other > own)
    by_chance = bdtrc(other.astype(float) - 1, (own + other).astype(np.int64), 0.5)  # P(at least `other` of both)
    clear: npt.NDArray[np.bool_] = differ & (by_chance < CHANCE / len(confusion))
    return clear


def _cycles(assigned: Order) -> list[Order]:
    """The cycles of a permutation that are longer than one."""
    seen = np.zeros(len(assigned), dtype=bool)
    cycles = []
    for start in range(len(assigned)):
        cycle, at = [], start
        while not seen[at]:
            seen[at] = True
            cycle.append(at)
            at = int(assigned[at])
        if len(cycle) > 1:
            cycles.append(np.array(cycle))
    return cycles


def _is_exchange(confusion: Counts, assigned: Order, cycle: Order, speaking: npt.NDArray[np.bool_]) -> bool:
    known = cycle[confusion[cycle].sum(1) > 0]
    own, other = confusion[known, known], confusion[known, assigned[known]]
    gain = (other.sum() - own.sum()) / max(1, confusion[known].sum())
    against = int((own >= np.maximum(other, 1)).sum())  # a long cycle may hold a class that the teacher hardly knows
    return bool(
        against <= len(known) // 10
        and speaking[known].sum() >= SPEAKING * len(known)
        and (speaking[cycle] & speaking[assigned[cycle]]).any()
        and gain >= GAIN
    )
