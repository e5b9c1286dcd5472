"""Fake quantisation: float32 numbers that are exactly those which 8 bits can say (Jacob et al. 2018).

Activations are unsigned 8-bit numbers with a zero point, for a whole tensor. Weights are signed ones without it, for
each output channel. These are what onnxruntime computes fastest, and what its QDQ models hold.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

MOST = 255  #: the largest unsigned 8-bit number
LARGEST_WEIGHT = 127  #: -128 is not used, so that the range of weights is symmetric
_LARGEST_BIAS = 2**31 - 1


def scale_and_zero_point(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """``s = (high - low) / 255`` and ``Z = round(-low / s)``, so that ``x = s (q - Z)`` and 0 is said exactly.

    Jacob et al. 2018, equations 1 and 12; 0 lies between ``low`` and ``high``. Where they are the same, ``s`` is 1/255.

    >>> scale_and_zero_point(torch.tensor(-1.0), torch.tensor(1.55))
    (tensor(0.0100), tensor(100, dtype=torch.int32))
    """
    span = high - low
    scale = torch.where(span > 0, span, 1.0) / MOST
    return scale, (-low / scale).round().clamp(0, MOST).int()


class _FakeQuantise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        scale, zero_point = scale_and_zero_point(low, high)
        said = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, MOST)
        ctx.save_for_backward(x, said, scale, zero_point)
        return said

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (gradient,) = gradients
        x, said, scale, zero_point = ctx.saved_tensors
        above, below = x > (MOST - zero_point) * scale, x < -zero_point * scale
        inside = gradient.masked_fill(above | below, 0.0)
        rounding = (inside * (said - x)).sum() / (MOST * scale)
        factor = 1 / sqrt(MOST * max(1, x[0].numel()))
        to_high = ((gradient * above).sum() + rounding) * factor
        to_low = ((gradient * below).sum() - rounding) * factor
        return inside, to_low, to_high


def fake_quantise(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """``s (clamp(round(x / s) + Z, 0, 255) - Z)``: Jacob et al. 2018, equation 12; ``x`` is ``[B, …]``.

    Backwards, rounding counts as the identity (the straight-through estimator, Bengio et al. 2013): what lies within
    the range hands its gradient on, what is cut hands it to the end that cuts it. Both ends also learn from the
    rounding, as the step does in LSQ+ (Bhalgat et al. 2020, section 3.1). Their gradients are divided by ``√(255 n)``
    for ``n`` numbers of an example (Esser et al. 2020, section 2.2).

    >>> fake_quantise(torch.tensor([[-2.0, 0.004, 0.006, 9.0]]), torch.tensor(-1.0), torch.tensor(1.55))
    tensor([[-1.0000,  0.0000,  0.0100,  1.5500]])
    """
    found: Tensor = _FakeQuantise.apply(x, low, high)
    return found


def weight_scales(weights: Tensor) -> Tensor:
    """``max |w| / 127`` of each output channel, the first axis; 1 for a channel of zeros, as onnxruntime has it."""
    largest = weights.detach().abs().flatten(1).amax(1)
    return torch.where(largest > 0, largest / LARGEST_WEIGHT, 1.0)


def fake_quantise_weights(weights: Tensor) -> Tensor:
    """Weights ``[out, …]`` as signed 8-bit numbers with a scale for each output channel; none of them is cut.

    >>> fake_quantise_weights(torch.tensor([[1.27, 0.004, -0.006]]))
    tensor([[ 1.2700,  0.0000, -0.0100]])
    """
    scales = weight_scales(weights)
    zero_points = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weights, scales, zero_points, 0, -LARGEST_WEIGHT, LARGEST_WEIGHT)


def fake_quantise_bias(bias: Tensor, weights: Tensor, input_scale: Tensor) -> Tensor:
    """A bias ``[out]`` as a 32-bit whole number of input scale times weight scale (Jacob et al. 2018, equation 11)."""
    scales = (weight_scales(weights) * input_scale).detach()
    zero_points = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(bias, scales, zero_points, 0, -_LARGEST_BIAS, _LARGEST_BIAS)


def fold_weights(weights: Tensor, gamma: Tensor | None, variance: Tensor, epsilon: float) -> Tensor:
    """``γ w / √(σ² + ε)``: the weights of a convolution that does the batch norm behind it as well.

    Jacob et al. 2018, equation 14, with the averages of the finished training, which stay as they are.
    """
    factor = _factor(gamma, variance, epsilon)
    return weights * factor.reshape(-1, *[1] * (weights.ndim - 1))


def fold_bias(bias: Tensor | None, norm: tuple[Tensor | None, Tensor | None, Tensor, Tensor], epsilon: float) -> Tensor:
    """``β + γ (b - μ) / √(σ² + ε)``: the bias that goes with `fold_weights`; ``norm`` is ``(γ, β, μ, σ²)``."""
    gamma, beta, mean, variance = norm
    shifted = -mean if bias is None else bias - mean
    folded = _factor(gamma, variance, epsilon) * shifted
    return folded if beta is None else folded + beta


def _factor(gamma: Tensor | None, variance: Tensor, epsilon: float) -> Tensor:
    factor = (variance + epsilon).rsqrt()
    return factor if gamma is None else factor * gamma
