"""Do answers that are given for logits look like what comes out of a softmax or a sigmoid?

Logits lie on both sides of zero and of one. A network that ends in a softmax gives rows between 0 and 1 that sum to
one; taken for logits they are softened a second time, and a teacher that is sure of everything comes out nearly even.
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor

from joryu.targets.soft_targets import SoftTargets, Space

SUM = 5e-3
"""How far from one a row may sum and still be probabilities: computed in bfloat16 each is off by 2^-9 of itself at
most, so a whole row by two thousandths, and rounded to float16 by half a thousandth more."""

EDGE = 1e-4  #: how far below 0 or above 1 a mean of probabilities may come out


class Likeness(StrEnum):
    """What values look like, the narrower first."""

    PROBABILITIES = "probabilities"  #: every row between 0 and 1, and its sum one
    SIGMOIDS = "sigmoids"  #: every value between 0 and 1
    LOGITS = "logits"  #: anything else


def likeness_of(answers: SoftTargets, *, so_far: Likeness = Likeness.PROBABILITIES) -> Likeness:
    """What a batch of logits looks like, together with those before it; what is not dense logits is taken at its word.

    >>> import torch
    >>> from joryu.questions import Question
    >>> values = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    >>> likeness_of(SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(2)))
    <Likeness.PROBABILITIES: 'probabilities'>
    """
    if so_far is Likeness.LOGITS or answers.space is not Space.LOGITS or answers.indices is not None:
        return Likeness.LOGITS
    found = likeness(answers.values)
    if answers.link.independent and found is Likeness.PROBABILITIES:  # tags need not sum to anything
        found = Likeness.SIGMOIDS
    return max(so_far, found, key=list(Likeness).index)


def likeness(values: Tensor) -> Likeness:
    """What values ``[..., C]`` look like; rows that are not finite look like nothing."""
    low, high = values.amin(-1), values.amax(-1)  # NaN where one of the row is
    if bool(((low < -EDGE) | (high > 1 + EDGE)).any()):
        return Likeness.LOGITS
    off = (values.float().sum(-1) - 1).abs()
    return Likeness.SIGMOIDS if bool((off > SUM).any()) else Likeness.PROBABILITIES
