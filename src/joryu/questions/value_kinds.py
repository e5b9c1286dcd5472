"""Tell whether values that are given as logits look like the output of a softmax or a sigmoid.

Logits lie on both sides of zero, and above one. A network that ends in a softmax gives rows between 0 and 1 that sum to
one. Taken for logits, such rows are softened twice, and a teacher that is sure of everything looks nearly even. Rows of
percentages sum to a hundred; taken for logits, they give one class everything.
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor

from joryu.questions.link import Link

SUM = 5e-3
"""How far the sum of a row of probabilities may be from one. In bfloat16 each is off by 2^-9 of itself at most, so a
row by two thousandths; rounding to float16 adds half a thousandth."""

EDGE = 1e-4  #: how far below 0 or above 1 rounding may put a probability, or a mean of several


class ValueKind(StrEnum):
    """What answers ``[..., C]`` look like, judged by their values alone."""

    PROBABILITIES = "probabilities"  #: every row between 0 and 1, and its sum one
    SIGMOIDS = "sigmoids"  #: every value between 0 and 1
    PERCENTAGES = "percentages"  #: every row between 0 and 100, and its sum a hundred
    LOGITS = "logits"  #: anything else


_NARROW = frozenset({ValueKind.PROBABILITIES, ValueKind.SIGMOIDS})  #: both together are the second


def value_kind_under(link: Link, values: Tensor) -> ValueKind:
    """`value_kind` of the outputs of a link.

    Rows of tags sum to one or a hundred by chance only: under sigmoid (and identity) such values are ``SIGMOIDS`` and
    ``LOGITS``.

    >>> import torch
    >>> value_kind_under(Link.SIGMOID, torch.tensor([[0.2, 0.8]])).value
    'sigmoids'
    """
    if not link.independent:
        return value_kind(values)
    return ValueKind.SIGMOIDS if _lie_between(values, 1.0) else ValueKind.LOGITS


def both(found: ValueKind, so_far: ValueKind | None) -> ValueKind:
    """What two batches look like together; ``so_far`` is ``None`` before the first.

    >>> both(ValueKind.SIGMOIDS, ValueKind.PROBABILITIES).value
    'sigmoids'
    """
    if so_far is None or found is so_far:
        return found
    return ValueKind.SIGMOIDS if {found, so_far} == _NARROW else ValueKind.LOGITS


def value_kind(values: Tensor) -> ValueKind:
    """What values ``[..., C]`` look like. A row with a NaN fits every kind.

    >>> import torch
    >>> [value_kind(torch.tensor([row])).value for row in ([0.2, 0.8], [0.2, 0.9], [20.0, 80.0], [-1.0, 4.0])]
    ['probabilities', 'sigmoids', 'percentages', 'logits']
    """
    if _lie_between(values, 1.0) and bool(_sums_to(values, 1.0).all()):
        return ValueKind.PROBABILITIES
    # First: of more than a hundred classes that are nearly even, each may have less than one per cent.
    if _lie_between(values, 100.0) and bool(_sums_to(values, 100.0).all()):
        return ValueKind.PERCENTAGES
    return ValueKind.SIGMOIDS if _lie_between(values, 1.0) else ValueKind.LOGITS


def _lie_between(values: Tensor, whole: float) -> bool:
    """Whether all that is no NaN lies between 0 and ``whole``, but for rounding."""
    low, high = values.amin(-1), values.amax(-1)  # NaN where one of the row is
    return not bool(((low < -EDGE) | (high > whole * (1 + EDGE))).any())


def _sums_to(values: Tensor, whole: float) -> Tensor:
    return ~((values.float().sum(-1) - whole).abs() > SUM * whole)
