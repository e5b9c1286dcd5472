"""Fake quantisation: numbers and gradients by hand."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import nn

from joryu.students.int8 import LearnedRange
from joryu.students.int8.arithmetic import (
    fake_quantise,
    fake_quantise_bias,
    fake_quantise_weights,
    fold_bias,
    fold_weights,
    scale_and_zero_point,
    weight_scales,
)


def ends(low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(low, requires_grad=True), torch.tensor(high, requires_grad=True)


def test_scale_and_zero_point_by_hand() -> None:
    scale, zero_point = scale_and_zero_point(torch.tensor(-0.5), torch.tensor(2.05))
    assert scale.item() == pytest.approx(0.01)
    assert (zero_point.item(), zero_point.dtype) == (50, torch.int32)


@pytest.mark.parametrize(("low", "high", "wanted"), [(0.0, 5.1, 0), (-5.1, 0.0, 255), (0.0, 0.0, 0), (-1.0, 1.55, 100)])
def test_the_zero_point_lies_within_eight_bits(low: float, high: float, wanted: int) -> None:
    scale, zero_point = scale_and_zero_point(torch.tensor(low), torch.tensor(high))
    assert zero_point.item() == wanted
    assert scale.item() > 0


def test_numbers_by_hand() -> None:
    """s = 0.01, Z = 50: -0.5 to 2.05; halves go to the even number."""
    x = torch.tensor([[-9.0, -0.5, -0.004, 0.0, 0.006, 1.0049, 2.05, 9.0]])
    said = fake_quantise(x, *ends(-0.5, 2.05))
    assert torch.allclose(said, torch.tensor([[-0.5, -0.5, 0.0, 0.0, 0.01, 1.0, 2.05, 2.05]]), atol=1e-6)


def test_what_is_said_once_is_said_again_and_there_are_256_of_it() -> None:
    x = torch.linspace(-1, 3, 10_001)[None]
    said = fake_quantise(x, *ends(-0.7, 2.2))
    assert len(said.unique()) == 256
    assert torch.equal(fake_quantise(said, *ends(-0.7, 2.2)), said)
    assert 0.0 in said


def test_the_gradient_passes_within_the_range_and_stops_outside() -> None:
    x = torch.tensor([[-0.6, -0.4, 0.0, 1.234, 2.04, 2.3]], requires_grad=True)
    low, high = ends(-0.5, 2.05)
    fake_quantise(x, low, high).backward(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]))
    assert x.grad is not None
    assert x.grad.tolist() == [[0.0, 2.0, 3.0, 4.0, 5.0, 0.0]]


def test_gradients_of_the_ends_by_hand() -> None:
    """LSQ+ with s = (high - low) / 255: what is cut is the end itself; within, x̂ moves by (round(u) - u) ds."""
    x = torch.tensor([[-0.6, 0.003, 2.3]])
    low, high = ends(-0.5, 2.05)
    fake_quantise(x, low, high).backward(torch.tensor([[2.0, 10.0, 3.0]]))
    rounding = 10.0 * (0.0 - 0.3) / 255
    factor = 1 / sqrt(255 * 3)
    assert low.grad is not None
    assert high.grad is not None
    assert low.grad.item() == pytest.approx((2.0 - rounding) * factor, rel=1e-4)
    assert high.grad.item() == pytest.approx((3.0 + rounding) * factor, rel=1e-4)


def test_weights_are_rounded_by_channel_and_never_cut() -> None:
    weights = torch.tensor([[1.27, 0.014, -0.016], [0.0127, 0.01, -0.00004], [0.0, 0.0, 0.0]], requires_grad=True)
    assert weight_scales(weights).tolist() == pytest.approx([0.01, 0.0001, 1.0])
    said = fake_quantise_weights(weights)
    by_hand = torch.tensor([[1.27, 0.01, -0.02], [0.0127, 0.01, 0.0], [0.0, 0.0, 0.0]])
    assert torch.allclose(said, by_hand, atol=1e-7)
    said.sum().backward()
    assert torch.equal(weights.grad, torch.ones(3, 3))


def test_a_bias_is_a_whole_number_of_both_scales() -> None:
    weights, bias = torch.tensor([[1.27], [-0.127]]), torch.tensor([0.01234, 0.01234])
    said = fake_quantise_bias(bias, weights, torch.tensor(0.5))  # steps of .005 and .0005
    assert said.tolist() == pytest.approx([0.01, 0.0125], rel=1e-5)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_batch_norm_is_the_batch_norm(affine: bool, bias: bool) -> None:
    torch.manual_seed(0)
    layer, norm = nn.Conv2d(3, 4, 3, bias=bias), nn.BatchNorm2d(4, affine=affine)
    for _ in range(20):
        norm(layer(3 * torch.randn(8, 3, 5, 5) + 1))
    if affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    norm.eval()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    x = torch.randn(2, 3, 5, 5)
    weights = fold_weights(layer.weight, norm.weight, norm.running_var, norm.eps)
    shift = fold_bias(layer.bias, (norm.weight, norm.bias, norm.running_mean, norm.running_var), norm.eps)
    assert torch.allclose(nn.functional.conv2d(x, weights, shift), norm(layer(x)), atol=1e-5)


# --- ranges ---------------------------------------------------------------------------------------------------------


def test_a_range_is_measured_once_in_training_and_always_holds_zero() -> None:
    place = LearnedRange()
    x = torch.tensor([[1.0, 3.0]])
    assert torch.equal(place.eval()(x), x)
    assert not place.measured
    place.train()(x)
    assert place.ends() == (0.0, 3.0)
    place(torch.tensor([[-50.0, 50.0]]))
    assert place.ends() == (0.0, 3.0)


def test_ends_are_learned_by_octaves() -> None:
    place = LearnedRange()
    place.set(-2.0, 3.0)
    with torch.no_grad():
        place.octaves.copy_(torch.tensor([1.0, -1.0]))
    assert place.ends() == (-4.0, 1.5)
    place(torch.tensor([[-9.0, 9.0]])).sum().backward()
    factor = 1 / sqrt(255 * 2)
    assert place.octaves.grad is not None
    assert place.octaves.grad.tolist() == pytest.approx([-4 * log(2) * factor, 1.5 * log(2) * factor], rel=1e-4)


def test_a_ceiling_holds() -> None:
    place = LearnedRange(ceiling=6.0)
    place.set(0.0, 5.0)
    with torch.no_grad():
        place.octaves.fill_(1.0)
    assert place.ends() == (0.0, 6.0)


def test_a_range_of_nothing_but_zeros_says_zero() -> None:
    place = LearnedRange()
    assert torch.equal(place(torch.zeros(2, 3)), torch.zeros(2, 3))
    assert place.scale().item() == pytest.approx(1 / 255)
