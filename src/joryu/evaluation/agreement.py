"""How much of the teacher is in the student, its mistakes included."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Likeness:
    """The student beside its teacher where nobody labelled anything, so that none of the two can be called right."""

    n: int
    top1: float  #: share of examples with the same top answer, in [0, 1]
    kl: float  #: mean KL(teacher || student), in nats, >= 0


def likeness(student_log_probs: Tensor, teacher_probs: Tensor) -> Likeness:
    """How far a student says what its teacher says; both ``[n, C]``, at T = 1 (the formulas are `agreement`'s).

    >>> probs = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    >>> likeness(torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log(), probs).top1
    0.5
    """
    divergence = row_divergences(student_log_probs, teacher_probs)
    same = student_log_probs.argmax(-1) == teacher_probs.argmax(-1)
    # Rounding alone can push a divergence of equal distributions a hair below zero.
    return Likeness(len(same), same.double().mean().item(), max(divergence.double().mean().item(), 0.0))


def row_divergences(student_log_probs: Tensor, teacher_probs: Tensor) -> Tensor:
    """``KL(teacher || student) [n]`` of each row, with ``0 log 0 = 0``."""
    return (torch.xlogy(teacher_probs, teacher_probs) - teacher_probs * student_log_probs).sum(-1)


@dataclass(frozen=True, slots=True)
class Agreement:
    """The student beside its teacher, on labelled examples.

    Of the ``teacher_errors`` examples that the teacher gets wrong, the student either gives the teacher's *same wrong
    answer* (``inherited``), gets it right (``corrected``), or is wrong in its own way (``other_wrong``).
    """

    top1: float  #: share of examples with the same top answer, in [0, 1]
    kl: float  #: mean KL(teacher || student), in nats, >= 0
    teacher_errors: int
    inherited: int
    corrected: int
    other_wrong: int
    inherited_share: float | None  #: ``inherited / teacher_errors``; ``None`` for a teacher without errors


def agreement(student_log_probs: Tensor, teacher_probs: Tensor, labels: Tensor) -> Agreement:
    """Agreement of a student with its teacher.

    ``student_log_probs [n, C]``, ``teacher_probs [n, C]``, ``labels [n]``.

    * ``top1 = mean(argmax student == argmax teacher)``
    * ``kl = mean sum_c p_c (log p_c - log q_c)`` with teacher ``p``, student ``q``, and ``0 log 0 = 0``; both at T = 1
    * ``inherited = #(student's answer == teacher's answer != label)``

    Inheritance means little without a control: a twin that never saw the teacher also repeats many of its mistakes,
    because some examples are simply hard. Read the student's share beside the twin's.

    >>> student = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).log()
    >>> found = agreement(student, torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([0, 0]))
    >>> found.top1, round(found.kl, 6), found.inherited, found.inherited_share
    (1.0, 0.0, 1, 1.0)
    """
    student, teacher = student_log_probs.argmax(-1), teacher_probs.argmax(-1)
    alike = likeness(student_log_probs, teacher_probs)
    wrong = teacher != labels
    errors = int(wrong.sum())
    inherited = int((wrong & (student == teacher)).sum())
    corrected = int((wrong & (student == labels)).sum())
    return Agreement(
        top1=alike.top1,
        kl=alike.kl,
        teacher_errors=errors,
        inherited=inherited,
        corrected=corrected,
        other_wrong=errors - inherited - corrected,
        inherited_share=inherited / errors if errors else None,
    )
