"""Softening: divide logits by a temperature, and turn probabilities back into logits. No other file divides by T.

Everything is computed in float32 or wider. bfloat16 has 8 significant bits, so it rounds a logit near 10 to steps of
1/16, and at T = 20 a teacher's answers differ by less.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.errors import InputError

TINY = torch.finfo(torch.float32).tiny  #: the smallest normal float32, about 1.2e-38


def check_temperature(temperature: float) -> None:
    """Check that logits can be divided by a temperature.

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
    """The values as float32; float64 stays as it is.

    >>> widen(torch.ones(1, dtype=torch.bfloat16)).dtype, widen(torch.ones(1, dtype=torch.float64)).dtype
    (torch.float32, torch.float64)
    """
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def soften(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``z / T`` of logits of any shape, float32 or float64."""
    wide = widen(logits)
    return wide if temperature == 1.0 else wide / temperature


def log_softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``z_i / T - log Σ_j exp(z_j / T)`` over the last axis, ``[..., C] -> [..., C]``.

    Log-probabilities may be given as logits: they differ by a constant per row, which a softmax ignores.

    >>> log_softmax(torch.tensor([2.0, 0.0]), temperature=2.0).exp().round(decimals=3)
    tensor([0.7310, 0.2690])
    """
    return torch.log_softmax(soften(logits, temperature), dim=-1)


def softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``exp(z_i / T) / Σ_j exp(z_j / T)`` over the last axis, ``[..., C]`` (Hinton et al. 2015, eq. 1)."""
    return torch.softmax(soften(logits, temperature), dim=-1)


def log_sigmoid(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``log σ(z / T) = -log(1 + exp(-z / T))`` of each element."""
    return F.logsigmoid(soften(logits, temperature))


def sigmoid(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """``σ(z / T) = 1 / (1 + exp(-z / T))`` of each element."""
    return torch.sigmoid(soften(logits, temperature))


def logits_from_probs(probs: Tensor, *, floor: float = TINY) -> Tensor:
    """Logits of a distribution ``[..., C]``, up to a constant per row: ``log max(p, floor)``.

    ``softmax(logits_from_probs(p))`` gives ``p`` back wherever ``p >= floor``. So the answers of a black box can be
    softened afterwards. A black box that prints 0 means "less than I can print": set ``floor`` to the smallest number
    that it prints, 1e-4 for four decimals. With the default floor such a class has a logit of -87, and gets next to
    nothing even at a high temperature.

    >>> logits = logits_from_probs(torch.tensor([[0.88, 0.12, 0.0]]), floor=1e-4)
    >>> softmax(logits, temperature=4.0).round(decimals=3)
    tensor([[0.5840, 0.3550, 0.0600]])

    Raises:
        InputError: the floor is not in (0, 1).
    """
    _check_floor(floor, 1.0)
    return widen(probs).clamp_min(floor).log()


def logits_from_scores(scores: Tensor, *, floor: float = 1e-6) -> Tensor:
    """Log-odds of independent scores of any shape: ``log(s / (1 - s))``, ``s`` clamped to ``[floor, 1 - floor]``.

    >>> logits_from_scores(torch.tensor([0.5, 0.0])).round(decimals=2)
    tensor([  0.0000, -13.8200])

    Raises:
        InputError: the floor is not in (0, 0.5).
    """
    _check_floor(floor, 0.5)
    return torch.logit(widen(scores), eps=floor)


def _check_floor(floor: float, top: float) -> None:
    if not 0 < floor < top:
        raise InputError("floor is not usable", expected=f"0 < floor < {top:g}", received=floor)
