"""Tags that a teacher answered in part: other ways to take those that it did not return, and other losses.

An API returns the best tags and says nothing of thousands of others. `joryu.objectives.tagging` holds those below their
bound and no more; here they are taken for zeros, as is often done, or pulled towards what can be expected of them.
Functions, symbols and shapes are those of `joryu.objectives.tagging`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.tagging import binary_kl, soft_binary_cross_entropy
from joryu.questions.softening import log_sigmoid, soften

FOCUS, MARGIN = 4.0, 0.05  #: γ₋ and m of the asymmetric loss, as its paper sets them (§4.1)
_LEFT_OUT = -1e30  #: the logarithm of nothing, which unlike -inf has a gradient of 0


def zero_filled_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, coverage: Tensor | None = None
) -> Tensor:
    """``-1/C Σ [p log q + (1 - p) log(1 - q)]``, with ``p = 0`` for every tag that was not returned.

    The binary cross-entropy (Bishop 2006, eq. 4.90) of all ``C`` tags. It is what is usually done, and claims more than
    the teacher said. A student learns from it that a tag of 0.49 and one of 0.01 are the same.

    >>> unreturned = torch.zeros(1, 1, dtype=torch.bool)
    >>> zero_filled_cross_entropy(torch.zeros(1, 1), torch.zeros(1, 1), coverage=unreturned)
    tensor([0.6931])
    """
    if coverage is not None:
        teacher_logits = teacher_logits.masked_fill(~coverage, torch.finfo(teacher_logits.dtype).min)
    return soft_binary_cross_entropy(student_logits, teacher_logits, temperature=temperature)


def prior_cross_entropy(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 1.0,
    coverage: Tensor | None = None,
    priors: Sequence[float] = (),
) -> Tensor:
    """``1/C Σ [H(p, q) if returned, else KL(min(b, q) ‖ q) + KL(min(π, b) ‖ q)]``: bounded, and pulled to a prior.

    To ``KL(min(b, q) ‖ q)`` of a tag below its bound ``b`` it adds ``KL(π ‖ q)``, softened alike: ``π`` is what the tag
    is expected to be given that it was not returned (`joryu.targets.expected_unreturned`), and never above ``b``.
    Without it a bound of 0.5 leaves thousands of tags anywhere below, and their order to chance. Joryu's own; to learn
    from conditional expectations in place of what is missing is the E-step of Dempster, Laird & Rubin 1977.

    >>> unreturned, bound = torch.zeros(1, 1, dtype=torch.bool), torch.zeros(1, 1)
    >>> below = torch.tensor([[-2.0]])
    >>> prior_cross_entropy(below, bound, coverage=unreturned, priors=[0.01]).round(decimals=3)
    tensor([0.0910])

    Raises:
        InputError: tags were not returned, and there is not one prior for each.
    """
    bounded = soft_binary_cross_entropy(student_logits, teacher_logits, temperature=temperature, coverage=coverage)
    if coverage is None:
        return bounded
    if len(priors) != coverage.shape[-1]:
        raise InputError(
            "nobody says what is expected of tags that were not returned",
            expected=f"one prior for each of {coverage.shape[-1]} tags", received=len(priors),
            hint="joryu.targets.expected_unreturned reads them from a store, as joryu distill does",
        )  # fmt: skip
    expected = torch.logit(bounded.new_tensor(list(priors))).expand_as(coverage)
    expected = torch.minimum(expected, torch.where(coverage, torch.inf, teacher_logits.to(expected.dtype)))
    # Of tags that were returned the prior is compared with itself: neither loss nor gradient.
    pulled = torch.where(coverage, expected, student_logits.to(expected.dtype))
    return bounded + binary_kl(pulled, expected, temperature=temperature)


def asymmetric_cross_entropy(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, coverage: Tensor | None = None
) -> Tensor:
    """``-1/C Σ [p log q + (1 - p) q_m^4 log(1 - q_m)]`` with ``q_m = max(q - 0.05, 0)``: easy negatives count little.

    The asymmetric loss of Ridnik et al. 2021 (eqs. 5 to 7, with γ₊ = 0, γ₋ = 4, m = 0.05), with the teacher's
    probability for the label. Rankings gain from it where most tags hold rarely; its minimum lies above ``p``, so
    probabilities do not stay calibrated. Tags not covered are held below their bound.

    >>> asymmetric_cross_entropy(torch.zeros(1, 1), torch.full((1, 1), -99.0)).round(decimals=4)
    tensor([0.0245])
    """
    student, teacher_probs = soften(student_logits, temperature), torch.sigmoid(soften(teacher_logits, temperature))
    shifted = (torch.sigmoid(student) - MARGIN).clamp_min(0)
    negative = (1 - teacher_probs) * shifted.pow(FOCUS) * torch.log1p(-shifted)
    losses = -(teacher_probs * log_sigmoid(student) + negative)
    if coverage is None:
        return losses.mean(-1)
    return losses.masked_fill(~coverage, 0).mean(-1) + _above_bound(student, teacher_logits, temperature, coverage)


def normalised_kl(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 1.0, coverage: Tensor | None = None
) -> Tensor:
    """``KL(p̂ ‖ q̂)``: the scores of the returned tags divided by their sum, as if they were one distribution.

    ``p̂ = p / Σ p`` and ``q̂ = q / Σ q``, sums over the tags that were returned, which is what a Kullback–Leibler loss on
    the scores of an API means. Only their ratios are learned: scores that are all twice too small cost nothing. Tags
    not covered are held below their bound.

    >>> normalised_kl(torch.tensor([[2.0, 2.0]]), torch.tensor([[-1.0, -1.0]]))
    tensor([0.])
    """
    student, teacher = log_sigmoid(student_logits, temperature), log_sigmoid(teacher_logits, temperature)
    if coverage is not None:
        student, teacher = student.masked_fill(~coverage, _LEFT_OUT), teacher.masked_fill(~coverage, _LEFT_OUT)
    student_log_probs, teacher_log_probs = torch.log_softmax(student, -1), torch.log_softmax(teacher, -1)
    losses = teacher_log_probs.exp() * (teacher_log_probs - student_log_probs)
    if coverage is None:
        return losses.sum(-1)
    found = losses.masked_fill(~coverage, 0).sum(-1)
    return found + _above_bound(soften(student_logits, temperature), teacher_logits, temperature, coverage)


def _above_bound(student: Tensor, teacher_logits: Tensor, temperature: float, coverage: Tensor) -> Tensor:
    """The bounded loss of the tags that were not returned alone."""
    bounds = soften(teacher_logits, temperature)
    bounds = torch.where(coverage, student, torch.minimum(bounds, bounds.new_tensor(torch.finfo(bounds.dtype).max)))
    return binary_kl(torch.maximum(student, bounds), bounds)
