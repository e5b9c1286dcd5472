"""The maths of an ensemble: members' answers to one answer, in log space; pure functions of tensors.

With the weights ``w_m`` (they sum to one) and ``p_m = softmax(v_m / T)`` or ``σ(v_m / T)``, the power mean of exponent
``u`` is

    p ∝ (Σ_m w_m p_m^u)^(1/u)

with a softmax normalised over the classes, and of a tag over "true" and "false". ``u = 1`` is the arithmetic mean,
which needs no normalising, and ``u → 0`` the geometric one, ``p ∝ Π_m p_m^(w_m)``; Hinton, Vinyals & Dean 2015 (§1)
name both for soft targets. The geometric mean is the mean of logits, ``softmax(Σ_m w_m v_m / T)``. ``u → ±∞`` is the
largest, or the smallest. Arithmetic and geometric mean are the linear and the logarithmic opinion pool (Genest &
Zidek 1986).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import Link
from joryu.questions.softening import soften, widen
from joryu.targets.combination import Combination

NEAR_ZERO = 1e-3
"""Exponents below are computed around the geometric mean: the general formula divides what float64 rounds by them."""


def pool_probs(link: Link, logits: Tensor, temperature: float, combination: Combination) -> Tensor:
    """Logits ``[B, ..., C]`` of the combined probabilities, from the members' logits ``[B, M, ..., C]``.

    Each member is softened at ``temperature`` first, so the result stands at this temperature: log-probabilities of a
    softmax, log-odds of tags. A vote has none (see `pool_votes`).

    >>> members = torch.tensor([[[0.8, 0.2], [0.2, 0.8], [0.5, 0.5]]]).log()
    >>> pool_probs(Link.SOFTMAX, members, 1.0, Combination.parse("soft,weights=1/0/1")).exp()
    tensor([[0.6500, 0.3500]])
    >>> pool_probs(Link.SOFTMAX, members, 1.0, Combination.parse("power=2,weights=1/0/1")).exp().round(decimals=4)
    tensor([[0.6366, 0.3634]])
    """
    exponent = combination.exponent
    if exponent is None:
        raise InputError("a vote has no exponent", expected="another rule", received=str(combination))
    counted, shares = _counted(soften(logits, temperature), combination)
    if link is Link.SOFTMAX:
        said = torch.log_softmax(counted, -1)
        if said.shape[1] == 1:
            return said[:, 0]
        pooled = power_mean(said, shares, exponent)
        return pooled if exponent == 1 else torch.log_softmax(pooled, -1)
    if counted.shape[1] == 1:
        return counted[:, 0]
    if exponent == 0:  # the log-odds are linear in the members' ones
        return (counted * _column(shares, counted)).sum(1)
    true, false = torch.nn.functional.logsigmoid(counted), torch.nn.functional.logsigmoid(-counted)
    return power_mean(true, shares, exponent) - power_mean(false, shares, exponent)


def power_mean(log_values: Tensor, shares: tuple[float, ...], exponent: float) -> Tensor:
    """``log (Σ_m w_m exp(u l_m))^(1/u)`` over axis 1, ``[B, M, ...] -> [B, ...]``; the limits at ``u = 0`` and ``±∞``.

    Around 0 it is ``a + log(1 + Σ_m w_m (exp(u (l_m - a)) - 1)) / u`` with ``a = Σ_m w_m l_m``, the logarithm of the
    geometric mean, so that nothing is lost however small ``u`` is.

    >>> values = torch.tensor([[1.0, 4.0]], dtype=torch.float64).log()
    >>> [round(power_mean(values, (0.5, 0.5), u).exp().item(), 4) for u in (-math.inf, -1, 0, 1e-12, 1, 2, math.inf)]
    [1.0, 1.6, 2.0, 2.0, 2.5, 2.9155, 4.0]
    """
    if math.isinf(exponent):
        return log_values.amax(1) if exponent > 0 else log_values.amin(1)
    wide = log_values if exponent == 1 else log_values.double()  # the exponent may enlarge what float32 rounds
    weight = _column(shares, wide)
    if abs(exponent) >= NEAR_ZERO:
        return (torch.logsumexp(exponent * wide + weight.log(), 1) / exponent).to(log_values.dtype)
    middle = (weight * wide).sum(1, keepdim=True)
    if exponent == 0:
        return middle[:, 0].to(log_values.dtype)
    beyond = torch.log1p((weight * torch.expm1(exponent * (wide - middle))).sum(1)) / exponent
    return (middle[:, 0] + beyond).to(log_values.dtype)


def mean_logits(logits: Tensor, combination: Combination) -> Tensor:
    """``Σ_m w_m v_m`` of the members' logits ``[B, M, ..., C]``: what logit matching aims at, whatever the exponent.

    Logit matching is the limit T → ∞ of the soft loss, and there ``p_m ≈ (1 + (v_m - mean v_m) / T) / C``, of which the
    power means of all finite exponents are the same to first order in ``1 / T``.

    Raises:
        InputError: a vote, or the largest or smallest probability, which have no such limit.
    """
    if combination.exponent is None or math.isinf(combination.exponent):
        raise InputError(
            "logits cannot be matched with this rule of an ensemble", expected="soft, logits or a finite power",
            received=str(combination), hint="try --divergence kl-forward",
        )  # fmt: skip
    counted, shares = _counted(widen(logits), combination)
    return (counted * _column(shares, counted)).sum(1)


def pool_votes(link: Link, logits: Tensor, combination: Combination) -> Tensor:
    """The weighted shares of votes ``[B, ..., C]``, from the members' logits ``[B, M, ..., C]``.

    Each member votes for its best class, or for every tag that it holds for more likely than not. A member with
    several best classes splits its vote evenly among them; a tag at exactly one half gets half a vote.

    >>> pool_votes(Link.SOFTMAX, torch.tensor([[[2.0, 0.0], [1.0, 0.0], [0.0, 9.0], [3.0, 3.0]]]), Combination("vote"))
    tensor([[0.6250, 0.3750]])
    """
    counted, shares = _counted(widen(logits), combination)
    if link is Link.SOFTMAX:
        best = (counted == counted.amax(-1, keepdim=True)).to(counted.dtype)
        votes = best / best.sum(-1, keepdim=True)
    else:
        votes = (counted.sign() + 1) / 2
    return (votes * _column(shares, votes)).sum(1)


def pool_numbers(numbers: Tensor, variance: Tensor | None, combination: Combination) -> tuple[Tensor, Tensor | None]:
    """Mean and variance ``[B, ..., C]`` of the members' mixture, from their means and variances ``[B, M, ..., C]``.

    The law of total variance, ``σ² = Σ_m w_m σ_m² + Σ_m w_m (μ_m - μ)²``: that within the members and that between them
    (Lakshminarayanan et al. 2017, §2.4). Without the members' variances it is unknown.

    >>> pool_numbers(torch.tensor([[[1.0], [3.0]]]), torch.tensor([[[0.5], [1.5]]]), Combination())
    (tensor([[2.]]), tensor([[2.]]))
    """
    counted, shares = _counted(numbers, combination)
    weight = _column(shares, counted)
    mean = (weight * counted).sum(1)
    if variance is None:
        return mean, None
    within, _ = _counted(widen(variance), combination)
    between = (counted - mean.unsqueeze(1)).square()
    return mean, (weight * (within + between)).sum(1)


def _counted(members: Tensor, combination: Combination) -> tuple[Tensor, tuple[float, ...]]:
    """The members whose weight is not 0, and their weights: 0 times minus infinity would be no number."""
    shares = combination.shares(members.shape[1])
    kept = [at for at, share in enumerate(shares) if share]
    return (members if len(kept) == len(shares) else members[:, kept]), tuple(shares[at] for at in kept)


def _column(shares: tuple[float, ...], like: Tensor) -> Tensor:
    return like.new_tensor(shares).reshape(1, -1, *[1] * (like.ndim - 2))
