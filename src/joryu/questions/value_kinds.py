"""Do answers that are given for logits look like what comes out of a softmax or a sigmoid?

Logits lie on both sides of zero and of one. A network that ends in a softmax gives rows between 0 and 1 that sum to
one; taken for logits they are softened a second time, and a teacher that is sure of everything comes out nearly even.
In per cent they sum to a hundred, and a softmax of them names one class and nothing else.
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor

from joryu.questions.link import Link

SUM = 5e-3
"""How far from one a row may sum and still be probabilities: computed in bfloat16 each is off by 2^-9 of itself at
most, so a whole row by two thousandths, and rounded to float16 by half a thousandth more."""

EDGE = 1e-4  #: how far below 0 or above 1 a mean of probabilities may come out


class ValueKind(StrEnum):
    """What values look like."""

    PROBABILITIES = "probabilities"  #: every row between 0 and 1, and its sum one
    SIGMOIDS = "sigmoids"  #: every value between 0 and 1
    PERCENTAGES = "percentages"  #: every row between 0 and 100, and its sum a hundred
    LOGITS = "logits"  #: anything else


_NARROW = frozenset({ValueKind.PROBABILITIES, ValueKind.SIGMOIDS})  #: both together are the second


def value_kind_under(link: Link, values: Tensor) -> ValueKind:
    """`value_kind` of outputs under this link: tags need not sum to anything."""
    found = value_kind(values)
    if not link.independent:
        return found
    return {ValueKind.PROBABILITIES: ValueKind.SIGMOIDS, ValueKind.PERCENTAGES: ValueKind.LOGITS}.get(found, found)


def both(found: ValueKind, so_far: ValueKind | None) -> ValueKind:
    """What two batches look like together."""
    if so_far is None or found is so_far:
        return found
    return ValueKind.SIGMOIDS if {found, so_far} == _NARROW else ValueKind.LOGITS


def value_kind(values: Tensor) -> ValueKind:
    """What values ``[..., C]`` look like; rows that are not finite look like nothing."""
    low, high = values.amin(-1), values.amax(-1)  # NaN where one of the row is
    if bool((low < -EDGE).any()):
        return ValueKind.LOGITS
    if bool((high > 1 + EDGE).any()):
        of_hundred = bool((~(high > 100 * (1 + EDGE)) & _sums_to(values, 100.0)).all())
        return ValueKind.PERCENTAGES if of_hundred else ValueKind.LOGITS
    return ValueKind.PROBABILITIES if bool(_sums_to(values, 1.0).all()) else ValueKind.SIGMOIDS


def _sums_to(values: Tensor, whole: float) -> Tensor:
    return ~((values.float().sum(-1) - whole).abs() > SUM * whole)
