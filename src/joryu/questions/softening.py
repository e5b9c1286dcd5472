"""The only home of softening: logits over a temperature, and probabilities back to logits.

Everything here works in at least float32: bfloat16 keeps 8 bits, and at T = 20 they are all that a teacher's small
differences have left.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.errors import InputError

TINY = torch.finfo(torch.float32).tiny  #: the smallest normal float32, about 1.2e-38


def check_temperature(temperature: float) -> None:
    """Refuse what cannot be divided by.

    Raises:
        InputError: a temperature that is not a positive, finite number.
    """
    if not 0 < temperature < math.inf:
        raise InputError(
            "is not usable",
            setting="temperature",
            expected="a number > 0",
            received=temperature,
            hint="try --temperature 4",
        )


def widen(values: Tensor) -> Tensor:
    """At least float32; float64 stays float64.

    >>> widen(torch.ones(1, dtype=torch.bfloat16)).dtype, widen(torch.ones(1, dtype=torch.float64)).dtype
    (torch.float32, torch.float64)
    """
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def soften(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``logits / temperature``, widened first."""
    wide = widen(logits)
    return wide if temperature == 1.0 else wide / temperature


def log_softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``z_i / T - log Σ_j exp(z_j / T)`` over the last axis, ``[..., C] -> [..., C]``.

    Log-probabilities of any source may stand in for logits: they differ by a constant, which the softmax forgets.

    >>> log_softmax(torch.tensor([2.0, 0.0]), temperature=2.0).exp().round(decimals=3)
    tensor([0.7310, 0.2690])
    """
    return torch.log_softmax(soften(logits, temperature), dim=-1)


def softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``exp(z_i / T) / Σ_j exp(z_j / T)`` over the last axis (Hinton et al. 2015, eq. 1)."""
    return torch.softmax(soften(logits, temperature), dim=-1)


def log_sigmoid(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``-log(1 + exp(-z / T))``, each tag for itself."""
    return F.logsigmoid(soften(logits, temperature))


def sigmoid(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``1 / (1 + exp(-z / T))``, each tag for itself."""
    return torch.sigmoid(soften(logits, temperature))


def logits_from_probs(probs: Tensor, *, floor: float = TINY) -> Tensor:
    """Logits of a distribution, up to a constant per row: ``log max(p, floor)``.

    ``softmax(logits_from_probs(p))`` gives ``p`` back wherever ``p >= floor``, so the answers of a black box can be
    softened anew. A black box that prints 0 means "less than I print": set ``floor`` to the least number it can print
    (1e-4 for four decimals), or high temperatures will see a class as far away as the default floor puts it (-87).

    >>> logits = logits_from_probs(torch.tensor([[0.88, 0.12, 0.0]]), floor=1e-4)
    >>> softmax(logits, temperature=4.0).round(decimals=3)
    tensor([[0.5840, 0.3550, 0.0600]])

    Raises:
        InputError: a floor outside (0, 1).
    """
    _check_floor(floor, 1.0)
    return widen(probs).clamp_min(floor).log()


def logits_from_scores(scores: Tensor, *, floor: float = 1e-6) -> Tensor:
    """Log-odds of independent scores, ``log(s / (1 - s))`` with ``s`` kept in ``[floor, 1 - floor]``.

    >>> logits_from_scores(torch.tensor([0.5, 0.0])).round(decimals=2)
    tensor([  0.0000, -13.8200])

    Raises:
        InputError: a floor outside (0, 0.5).
    """
    _check_floor(floor, 0.5)
    return torch.logit(widen(scores), eps=floor)


def _check_floor(floor: float, top: float) -> None:
    if not 0 < floor < top:
        raise InputError("floor is not usable", expected=f"0 < floor < {top:g}", received=floor)
