"""How closely a student follows its teacher, in answers, in probabilities and in mistakes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Likeness:
    """How closely a student follows its teacher on examples without labels, where neither can be called right."""

    n: int
    top1: float  #: share of examples with the same top answer, in [0, 1]
    kl: float  #: mean KL(teacher || student), in nats, >= 0


def likeness(student_log_probs: Tensor, teacher_probs: Tensor) -> Likeness:
    """How closely a student follows its teacher, without labels: `Agreement.top1` and `Agreement.kl`.

    Both arguments are ``[n, C]``, at T = 1. The formulas are those of `agreement`.

    >>> probs = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    >>> likeness(torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log(), probs).top1
    0.5
    """
    divergence = row_divergences(student_log_probs, teacher_probs)
    same = student_log_probs.argmax(-1) == teacher_probs.argmax(-1)
    # Rounding alone can push a divergence of equal distributions a hair below zero.
    return Likeness(len(same), same.double().mean().item(), max(divergence.double().mean().item(), 0.0))


def row_divergences(student_log_probs: Tensor, teacher_probs: Tensor) -> Tensor:
    """``KL(teacher || student) = Σ_c p_c (log p_c - log q_c)`` of each row, ``[n]`` in nats, with ``0 log 0 = 0``."""
    return (torch.xlogy(teacher_probs, teacher_probs) - teacher_probs * student_log_probs).sum(-1)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How closely a student follows its teacher on labelled examples.

    The teacher gets ``teacher_errors`` examples wrong. On each of them the student gives the *same wrong answer*
    (``inherited``), the right answer (``corrected``), or another wrong answer (``other_wrong``).
    """

    top1: float  #: share of examples with the same top answer, in [0, 1]
    kl: float  #: mean KL(teacher || student), in nats, >= 0
    teacher_errors: int
    inherited: int
    corrected: int
    other_wrong: int
    inherited_share: float | None  #: ``inherited / teacher_errors``; ``None`` for a teacher without errors


def agreement(student_log_probs: Tensor, teacher_probs: Tensor, labels: Tensor) -> Agreement:
    """Measure how closely a student follows its teacher, mistakes included.

    ``student_log_probs [n, C]`` and ``teacher_probs [n, C]`` are at T = 1, ``labels [n]`` are numbers of classes.

    * ``top1 = mean(argmax student == argmax teacher)``
    * ``kl = mean Σ_c p_c (log p_c - log q_c)`` in nats, with teacher ``p``, student ``q``, and ``0 log 0 = 0``
    * ``inherited = #(student's answer == teacher's answer != label)``

    The first two are the top-1 agreement and the predictive KL of Stanton et al. 2021, "Does knowledge distillation
    really work?".

    The share that is inherited means little by itself: some examples are simply hard, so a twin that never saw the
    teacher repeats many of its mistakes too. Compare the student's share with the twin's.

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
