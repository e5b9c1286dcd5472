import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions import Link
from joryu.questions.softening import (
    TINY,
    log_sigmoid,
    log_softmax,
    logits_from_probs,
    logits_from_scores,
    sigmoid,
    softmax,
)

PROBS = torch.tensor([[0.9, 0.09, 0.01]])


def test_softmax_at_two_is_the_number_computed_by_hand():
    # ln 9 / 2 = ln 3, so 3 : 1.
    assert softmax(torch.tensor([math.log(9), 0.0]), 2.0).tolist() == pytest.approx([0.75, 0.25])
    assert log_softmax(torch.tensor([math.log(9), 0.0]), 2.0).exp().tolist() == pytest.approx([0.75, 0.25])


def test_sigmoid_at_two_is_the_number_computed_by_hand():
    assert sigmoid(torch.tensor(math.log(9)), 2.0).item() == pytest.approx(0.75)
    assert log_sigmoid(torch.tensor(math.log(9)), 2.0).item() == pytest.approx(math.log(0.75))


def test_temperature_one_is_the_plain_softmax_and_infinity_is_uniform():
    logits = torch.randn(4, 7)
    assert torch.equal(softmax(logits, 1.0), torch.softmax(logits, -1))
    assert torch.allclose(softmax(logits, 1e6), torch.full((4, 7), 1 / 7), atol=1e-6)
    assert torch.allclose(sigmoid(logits, 1e6), torch.full((4, 7), 0.5), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_before_it_is_softened(dtype):
    logits = torch.tensor([1.0, 2.0, 3.0], dtype=dtype)
    assert softmax(logits, 20.0).dtype == torch.float32
    assert torch.equal(softmax(logits, 20.0), softmax(logits.float(), 20.0))


def test_float64_stays_float64():
    assert log_softmax(torch.zeros(3, dtype=torch.float64), 2.0).dtype == torch.float64


def test_the_gradient_scale_is_t_squared_for_softmax_and_t_for_sigmoid():
    assert Link.SOFTMAX.gradient_scale(20.0) == 400.0
    assert Link.SIGMOID.gradient_scale(20.0) == 20.0
    assert Link.IDENTITY.gradient_scale(20.0) == 1.0


def test_t_squared_holds_the_softmax_gradient_at_high_temperature():
    """(1/T)(q - p) tends to (z - v) / (N T²), Hinton et al. eq. 4."""
    z = torch.tensor([1.0, -1.0, 0.5, -0.5], dtype=torch.float64)
    v = torch.tensor([-2.0, 2.0, 1.0, -1.0], dtype=torch.float64)
    for temperature in (1e3, 1e5):
        gradient = (softmax(z, temperature) - softmax(v, temperature)) / temperature
        assert torch.allclose(
            Link.SOFTMAX.gradient_scale(temperature) * gradient, (z - v) / 4, rtol=0, atol=10 / temperature
        )


def test_t_keeps_the_form_of_the_sigmoid_gradient_and_t_squared_would_keep_its_size():
    z = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([2.0], dtype=torch.float64)
    for temperature in (10.0, 1000.0):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z / temperature, sigmoid(v, temperature))
        (gradient,) = torch.autograd.grad(loss, z)
        form = sigmoid(z, temperature) - sigmoid(v, temperature)
        assert torch.allclose(Link.SIGMOID.gradient_scale(temperature) * gradient, form)
        assert (temperature**2 * gradient).item() == pytest.approx(-1.5 / 4, rel=0.01)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_cannot_be_divided_by_is_refused(temperature):
    with pytest.raises(InputError, match="temperature is not usable"):
        Link.SOFTMAX.gradient_scale(temperature)


@given(st.lists(st.floats(-40, 40, width=32), min_size=2, max_size=12))
def test_logits_from_probs_inverts_the_softmax(row):
    probs = torch.softmax(torch.tensor(row), -1)
    assert torch.allclose(softmax(logits_from_probs(probs)), probs, rtol=1e-5, atol=0)


@given(st.lists(st.floats(-20, 20, width=32), min_size=2, max_size=12), st.floats(1, 40), st.floats(-9, 9))
def test_a_black_box_softens_as_its_own_logits_would(row, temperature, constant):
    logits = torch.tensor(row)
    probs = torch.softmax(logits + constant, -1)
    assert torch.allclose(softmax(logits_from_probs(probs), temperature), softmax(logits, temperature), atol=1e-5)


def test_the_floor_stands_in_for_a_printed_zero():
    logits = logits_from_probs(torch.tensor([1.0, 0.0]), floor=1e-4)
    assert logits.tolist() == pytest.approx([0.0, math.log(1e-4)])
    assert logits_from_probs(torch.tensor([0.0])).item() == pytest.approx(math.log(TINY))


@given(st.lists(st.floats(-13, 13, width=32), min_size=1, max_size=12))
def test_logits_from_scores_inverts_the_sigmoid(row):
    scores = torch.sigmoid(torch.tensor(row, dtype=torch.float64))
    assert torch.allclose(sigmoid(logits_from_scores(scores)), scores, rtol=1e-6)


def test_scores_of_zero_and_one_stay_finite():
    assert logits_from_scores(torch.tensor([0.0, 1.0]), floor=1e-3).tolist() == pytest.approx(
        [-6.9068, 6.9068], abs=1e-3
    )


@pytest.mark.parametrize("floor", [0.0, -1e-3, 1.0])
def test_a_floor_that_is_none_is_refused(floor):
    with pytest.raises(InputError, match="floor"):
        logits_from_probs(PROBS, floor=floor)
    with pytest.raises(InputError, match="floor"):
        logits_from_scores(PROBS, floor=floor)
