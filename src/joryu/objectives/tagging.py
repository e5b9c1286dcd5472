"""Many of many: each tag is a question of its own, answered by a sigmoid.

Functions take *logits* (log-odds) ``[..., C]`` and return the mean over the tags, ``[...]``, in at least float32 and
without the factor of `joryu.questions.Link.gradient_scale`. ``q = σ(z / T)`` is the student's probability of a tag and
``p = σ(v / T)`` the teacher's.

*Not returned is not zero.* Where ``coverage`` is false the tag was not returned. Its probability is then only known to
lie below ``p``, and the loss is ``KL(min(p, q) ‖ q)`` between two Bernoullis: nothing while the student stays below the
bound, and above it a gradient of ``(q - p) / T``. This is Joryu's own; see ``docs/objectives.md``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.questions import UNKNOWN
from joryu.questions.softening import soften, widen


def soft_binary_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, coverage: Tensor | None = None
) -> Tensor:
    """``-1/C Σ [p log q + (1 - p) log(1 - q)]`` (Bishop 2006, eq. 4.90, with the teacher's probability for the label).

    Softened as Hinton, Vinyals & Dean 2015 (§2) soften classes. Tags not covered are held below their bound instead.

    >>> soft_binary_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.0, 3.0]]))
    tensor([0.6931])
    >>> low, high = torch.full((1, 2), -9.0), torch.tensor([[-3.0, -1.0]])
    >>> soft_binary_cross_entropy(low, high, coverage=torch.zeros(1, 2, dtype=torch.bool))
    tensor([0.])
    """
    student, teacher = soften(student_logits, temperature), soften(teacher_logits, temperature)
    if coverage is None:
        return _cross_entropy(student, torch.sigmoid(teacher)).mean(-1)
    student, teacher = _held_below(student, teacher, coverage)
    teacher_probs = torch.sigmoid(teacher)
    entropy = torch.where(coverage, 0.0, _cross_entropy(teacher, teacher_probs))
    return (_cross_entropy(student, teacher_probs) - entropy).mean(-1)


def returned_cross_entropy(
    student_logits: Tensor, returned: Tensor, indices: Tensor, bound: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """`soft_binary_cross_entropy` of few returned tags and a bound for all others, which never become dense.

    ``1/C [Σ_c KL(min(b, q_c) ‖ q_c) + Σ_r (CE(p_r, q_r) - KL(min(b, q_r) ‖ q_r))]``: all tags are held below the bound
    in one pass, and the few that were returned are corrected (CE: Bishop 2006, eq. 4.90). ``returned`` are log-odds
    ``[B, k]`` of the tags ``indices [B, k]`` (-1 marks an empty place), ``bound`` is the log-odds that no other tag is
    above, ``[B]``. With 32 of 500 or of 5,000 tags, forwards and backwards, it takes 0.4 to 0.6 of the dense form's
    time (one thread).

    >>> bound, logits = torch.zeros(1), torch.tensor([[1.0, -2.0, 3.0]])
    >>> few = returned_cross_entropy(logits, torch.tensor([[2.0]]), torch.tensor([[0]]), bound)
    >>> covered = torch.tensor([[True, False, False]])
    >>> whole = soft_binary_cross_entropy(logits, torch.tensor([[2.0, 0.0, 0.0]]), coverage=covered)
    >>> few.allclose(whole)
    True
    """
    student, teacher = soften(student_logits, temperature), soften(returned, temperature)
    level = soften(bound, temperature)[:, None]
    level = level.clamp_max(torch.finfo(level.dtype).max)  # a bound of +inf says nothing, and must not make NaN
    share, held = torch.sigmoid(level), torch.maximum(student, level)
    above = (F.softplus(held) - share * held) - (F.softplus(level) - share * level)
    kept, places = indices >= 0, indices.clamp_min(0)
    own = _cross_entropy(student.gather(1, places), torch.sigmoid(teacher))
    corrected = (own - above.gather(1, places)).masked_fill(~kept, 0)
    return (above.sum(-1) + corrected.sum(-1)) / student.shape[-1]


def binary_kl(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, coverage: Tensor | None = None
) -> Tensor:
    """``1/C Σ KL(Bernoulli(p) ‖ Bernoulli(q))`` (Cover & Thomas 2006, eq. 2.26, for each tag).

    It is `soft_binary_cross_entropy` less the teacher's entropy, so it has the same gradient.

    >>> binary_kl(torch.tensor([[2.0, -1.0]]), torch.tensor([[2.0, -1.0]]))
    tensor([0.])
    """
    student, teacher = soften(student_logits, temperature), soften(teacher_logits, temperature)
    if coverage is not None:
        student, teacher = _held_below(student, teacher, coverage)
    teacher_probs = torch.sigmoid(teacher)
    return (_cross_entropy(student, teacher_probs) - _cross_entropy(teacher, teacher_probs)).mean(-1)


def hard_binary_cross_entropy(
    student_logits: Tensor, labels: Tensor, *, positive_weights: Tensor | None = None
) -> Tensor:
    """``-1/C Σ [y log q + (1 - y) log(1 - q)]`` at T = 1, for labels ``[..., C]`` in [0, 1] (Bishop 2006, eq. 4.90).

    A tag labelled `UNKNOWN` gives 0; the mean still divides by all ``C`` tags. ``positive_weights`` ``[C]`` multiply
    the first of the two parts, what a missed tag costs.

    >>> hard_binary_cross_entropy(torch.zeros(1, 2), torch.tensor([[1, -1]]))
    tensor([0.3466])
    """
    logits = widen(student_logits)
    known = labels != UNKNOWN
    weights = None if positive_weights is None else positive_weights.to(logits.dtype)
    losses = F.binary_cross_entropy_with_logits(
        logits, labels.to(logits.dtype).clamp_min(0), reduction="none", pos_weight=weights
    )
    return losses.masked_fill(~known, 0).mean(-1)


def _cross_entropy(logits: Tensor, probs: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, probs, reduction="none")


def _held_below(student: Tensor, teacher: Tensor, coverage: Tensor) -> tuple[Tensor, Tensor]:
    """Lift a student below the bound of a tag not covered up to it, where it has neither loss nor gradient."""
    teacher = teacher.clamp_max(torch.finfo(teacher.dtype).max)  # a bound of +inf says nothing, and must not make NaN
    return torch.where(coverage, student, torch.maximum(student, teacher)), teacher
