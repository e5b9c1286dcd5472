"""Numbers: how far a student's are from a teacher's, or from a label.

Functions take numbers ``[..., C]`` and return the mean over the ``C`` of them that are known, ``[...]``, unreduced. All
compute in at least float32. A number that is NaN, or that ``coverage`` says was not given, adds nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from joryu.questions.softening import widen


def squared_error(predicted: Tensor, numbers: Tensor, *, coverage: Tensor | None = None) -> Tensor:
    """``mean over the known c of (z_c - y_c)²`` (Bishop 2006, eq. 3.12, without its ½); 0 where none is known.

    >>> squared_error(torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, math.nan]]))
    tensor([4.])
    """
    known = _known(numbers, coverage)
    # The difference is masked before it is squared: 0 · NaN would be NaN, in the gradient too.
    difference = (widen(predicted) - numbers.nan_to_num()).masked_fill(~known, 0)
    return _mean(difference.square(), known)


def gaussian_nll(
    predicted: Tensor,
    log_variance: Tensor,
    numbers: Tensor,
    *,
    variance: Tensor | None = None,
    coverage: Tensor | None = None,
) -> Tensor:
    """``mean over c of ½ [log 2π + t_c + (σ_c² + (z_c - v_c)²) / exp(t_c)]``.

    ``z`` is the student's number and ``t`` its log-variance, ``v`` the teacher's number and ``σ²`` its ``variance``,
    all ``[B, (height, width,) C]``. Without a variance the numbers are taken for exact, as labels are, and this is the
    negative log-likelihood of Nix & Weigend 1994, written in the log-variance as by Kendall & Gal 2017 (eq. 8). A
    teacher that says ``N(v, σ²)`` adds ``σ²``: the loss is then the cross-entropy of the two Gaussians, least where
    they are the same.

    >>> gaussian_nll(torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([[2.0]]), variance=torch.ones(1, 1))  # + 5 / 2
    tensor([3.4189])
    """
    known = _known(numbers, coverage)
    difference = (widen(predicted) - numbers.nan_to_num()).masked_fill(~known, 0)
    # A variance that is not known reads as none: the teacher is then believed to the digit.
    spread = 0.0 if variance is None else widen(variance).nan_to_num()
    spoken = widen(log_variance)
    losses = 0.5 * (math.log(2 * math.pi) + spoken + (spread + difference.square()) * torch.exp(-spoken))
    return _mean(losses.masked_fill(~known, 0), known)


def _known(numbers: Tensor, coverage: Tensor | None) -> Tensor:
    known = ~numbers.isnan()
    return known if coverage is None else known & coverage


def _mean(losses: Tensor, known: Tensor) -> Tensor:
    return losses.sum(-1) / known.sum(-1).clamp_min(1)
