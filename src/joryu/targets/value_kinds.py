"""Tell whether a batch of answers that are given as logits looks like the output of a softmax or a sigmoid."""

from __future__ import annotations

from joryu.questions.value_kinds import ValueKind, both, value_kind_under
from joryu.targets.soft_targets import SoftTargets, Space


def value_kind_of(answers: SoftTargets, *, so_far: ValueKind | None = None) -> ValueKind:
    """What a batch of logits looks like, together with the batches ``so_far``.

    Only dense logits are looked at; other answers count as logits.

    >>> import torch
    >>> from joryu.questions import Question
    >>> values = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    >>> value_kind_of(SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(2)))
    <ValueKind.PROBABILITIES: 'probabilities'>
    """
    if so_far is ValueKind.LOGITS or answers.space is not Space.LOGITS or answers.indices is not None:
        return ValueKind.LOGITS
    return both(value_kind_under(answers.link, answers.values), so_far)
