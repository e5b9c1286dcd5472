"""Classes answered under one another's names: the order in which a teacher's answers would be right.

A teacher that counts 0, 1, 2, … 10, 11 and examples whose folders are sorted as text (0, 1, 10, 11, 2, …) call the
same thing by different names, and a student learns the names. Hard labels give it away. The best one-to-one assignment
of answers to labels is found (Kuhn 1955, "The Hungarian Method") and cut into its cycles. Each cycle is judged by the
rules below, whose reasons stand with them. They must not accuse an honest teacher that is weak, that takes every dog
for a cat, or of whose answers few have labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Order = npt.NDArray[np.int64]

CHANCE = 0.01
"""A class of ``C`` speaks for a cycle where its assigned answer beats its own name so clearly that a teacher to which
both are the same would do it with a probability under ``CHANCE / C``: the exact binomial test of the two counts, one
sided, at one chance in a hundred for all classes together (Bonferroni). Eleven unanimous answers do for ten classes."""

SPEAKING = 0.5
"""Of a cycle's classes with labels at least this share must speak for it, and two of them one after the other: one
class taken for another is an honest confusion, but two taken for one another are an exchange of names."""

GAIN = 0.2
"""So much more of a cycle's labelled examples must be right after the exchange than before. Of many thousand labels a
difference of one in a hundred is significant too, and it is a weakness and no mistake of names."""

LEARNED = 0.3
"""So many of all labels must be right once the names are. A network that never learned exchanges a few classes by
accident (of 80 on digits 10 did, and none was then right on a quarter): what is wrong with it is not its names."""

MOST_CLASSES = 4000
"""With more classes nobody looks for an exchange: it would take gigabytes, and of the 100,000 answers that are looked
at hardly a class has the twenty it takes to speak."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Which classes are answered under which names, and what putting them right would bring; classes by number."""

    moved: tuple[tuple[int, int], ...]  #: (class, the class it is answered as), only of those that have labels
    counts: tuple[tuple[int, int], ...]  #: for each: labelled examples so answered, and labelled examples in all
    order: tuple[int, ...]  #: for each place in the teacher's answers the class that really stands there
    accuracy: float  #: on all labelled examples, once put right


def find_exchange(confusion: Counts) -> Exchange | None:
    """The exchange that labels (rows) and best answers (columns) give away, or ``None``.

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
    """The answer of each class that makes most labels right; of equally good ones that with most classes in place."""
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415 - a third of a second that only labels need

    n = len(confusion)
    _, assigned = linear_sum_assignment(confusion * (n + 1) + np.eye(n, dtype=np.int64), maximize=True)
    found: Order = assigned.astype(np.int64)
    return found


def _speaking(confusion: Counts, assigned: Order) -> npt.NDArray[np.bool_]:
    """The classes whose assigned answer beats their own name beyond chance."""
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
