"""One of many: how far a student's distribution over classes is from a teacher's, or from a label.

Every function takes *logits* ``[..., C]``, never probabilities, so that no softmax can be forgotten; log-probabilities
are logits too. Each returns one number per row, ``[...]``: unreduced, in at least float32, and without the T² of
`joryu.questions.Link.gradient_scale`.

``z`` are the student's logits and ``v`` the teacher's, ``q = softmax(z / T)`` and ``p = softmax(v / T)`` (Hinton,
Vinyals & Dean 2015, eq. 1).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.questions import UNKNOWN
from joryu.questions.softening import log_softmax, widen


def soft_cross_entropy(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``H(p, q) = -Σ p log q`` (Hinton, Vinyals & Dean 2015, §2); its gradient is ``(q - p) / T`` (their eq. 2).

    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[3.0, 1.0]]))
    tensor([0.6931])
    """
    teacher_probs = log_softmax(teacher_logits, temperature).exp()
    return -(teacher_probs * log_softmax(student_logits, temperature)).sum(-1)


def forward_kl(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``KL(p ‖ q) = Σ p (log p - log q)`` (Cover & Thomas 2006, eq. 2.26; in distillation Hinton et al. 2015, eq. 5).

    It is the soft cross-entropy less the teacher's entropy, so it has the same gradient (Hinton et al. 2015, eq. 2).
    The student must cover all that the teacher finds possible.

    >>> forward_kl(torch.tensor([[1.0, 0.0]]), torch.tensor([[5.0, 4.0]]))
    tensor([0.])
    """
    # A torch.autograd.Function that returns (q - p) / T from its backward was tried: no faster than these few traced
    # operations ([256, 10], one core), and it loses second derivatives.
    student_log_probs = log_softmax(student_logits, temperature)
    teacher_log_probs = _teacher_log_probs(teacher_logits, temperature)
    return (teacher_log_probs.exp() * (teacher_log_probs - student_log_probs)).sum(-1)


def reverse_kl(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``KL(q ‖ p) = Σ q (log q - log p)`` (in distillation Gu et al. 2024, "MiniLLM", §2.1).

    The student must not claim what the teacher finds impossible, but may leave out some of what it finds possible
    (Bishop 2006, §10.1.2).

    >>> reverse_kl(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]])).round(decimals=4)
    tensor([0.4338])
    """
    student_log_probs = log_softmax(student_logits, temperature)
    teacher_log_probs = _teacher_log_probs(teacher_logits, temperature)
    return (student_log_probs.exp() * (student_log_probs - teacher_log_probs)).sum(-1)


def jensen_shannon(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """``½ KL(p ‖ m) + ½ KL(q ‖ m)`` with ``m = ½ (p + q)`` (Lin 1991, eq. 4.1 with equal weights).

    It is symmetric and at most ``log 2``.

    >>> jensen_shannon(torch.tensor([[90.0, 0.0]]), torch.tensor([[0.0, 90.0]]))
    tensor([0.6931])
    """
    student_log_probs = log_softmax(student_logits, temperature)
    teacher_log_probs = _teacher_log_probs(teacher_logits, temperature)
    middle = torch.logaddexp(student_log_probs, teacher_log_probs) - math.log(2)
    student_part = student_log_probs.exp() * (student_log_probs - middle)
    teacher_part = teacher_log_probs.exp() * (teacher_log_probs - middle)
    return 0.5 * (student_part + teacher_part).sum(-1)


def logit_matching(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """``1/(2N) Σ (z - v)²`` with ``z`` and ``v`` each centred on zero: half the variance of ``z - v``.

    The loss of Buciluǎ, Caruana & Niculescu-Mizil 2006 as Ba & Caruana 2014 write it (eq. 1), over ``N`` classes. With
    this factor its gradient is ``(z - v) / N``. That of the soft cross-entropy times T² becomes the same as T → ∞
    (Hinton, Vinyals & Dean 2015, eq. 4), where both are assumed to be centred. Centring also makes the loss forget a
    constant added to a row, as a softmax does.

    >>> logit_matching(torch.tensor([[1.0, 0.0]]), torch.tensor([[7.0, 10.0]]))
    tensor([2.])
    """
    gap = widen(student_logits) - widen(teacher_logits)
    return 0.5 * (gap - gap.mean(-1, keepdim=True)).square().mean(-1)


def hard_cross_entropy(
    student_logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """``-log q_y`` at T = 1 (Bishop 2006, eq. 4.108).

    Labels are int64 ``[...]``, or distributions ``[..., C]``, as mixup makes them. With ``label_smoothing`` ε the label
    becomes ``(1 - ε) y + ε / C`` (Szegedy et al. 2016, §7). With ``class_weights`` ``[C]`` it is ``-w_y log q_y``, and
    ``-Σ w y log q`` of a distribution.

    A row labelled `UNKNOWN` gives exactly 0, and so does a distribution of zeros. The mean over a batch still
    divides by all its rows: where a tenth of them is labelled, the hard part counts a tenth.

    >>> hard_cross_entropy(torch.tensor([[0.0, 0.0], [5.0, 0.0]]), torch.tensor([1, -1]))
    tensor([0.6931, 0.0000])
    """
    logits = widen(student_logits)
    if not labels.is_floating_point():
        if logits.ndim > 2:
            logits = logits.movedim(-1, 1)
        weights = None if class_weights is None else class_weights.to(logits.dtype)
        return F.cross_entropy(
            logits, labels, weights, ignore_index=UNKNOWN, reduction="none", label_smoothing=label_smoothing
        )
    label_probs = labels.to(logits.dtype)
    if label_smoothing:
        share = label_probs.sum(-1, keepdim=True) * (label_smoothing / logits.shape[-1])
        label_probs = (1 - label_smoothing) * label_probs + share
    if class_weights is not None:
        label_probs = label_probs * class_weights
    return -(label_probs * torch.log_softmax(logits, dim=-1)).sum(-1)


def _teacher_log_probs(teacher_logits: Tensor, temperature: float) -> Tensor:
    """Finite: a class a teacher masks out (logit -inf) has ``p log p = 0``, which floats would turn into NaN."""
    log_probs = log_softmax(teacher_logits, temperature)
    return log_probs.clamp_min(torch.finfo(log_probs.dtype).min)
