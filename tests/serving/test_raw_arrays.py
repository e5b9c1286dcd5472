"""Raw inputs: the same numbers are the same inputs, in whatever order and type an array keeps them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from joryu.errors import InputError
from joryu.questions import Question
from joryu.serving import load
from joryu.serving.raw import raw_inputs
from joryu.students import Blueprint

Array = npt.NDArray[Any]
ROWS = Blueprint(architecture="mlp:4x1", input_shape=(3,), question=Question.one_of(2))
PICTURES = Blueprint(architecture="cnn:4x1", input_shape=(3, 4, 5), question=Question.one_of(2), scale=1 / 255)


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def of_records(array: Array) -> Array:
    """A field of records of odd length, whose numbers begin at odd places."""
    records = np.zeros(len(array), [("flag", "u1"), ("values", array.dtype, array.shape[1:])])
    records["values"] = array
    return records["values"]


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "as it is": lambda array: array,
    "mirrored": lambda array: array[..., ::-1].copy()[..., ::-1],
    "backwards": lambda array: array[::-1].copy()[::-1],
    "by column": np.asfortranarray,
    "every second row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "spread from one row": lambda array: np.broadcast_to(array[:1], (2, *array.shape[1:])),
    "read-only": read_only,
    "of records": of_records,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", "<i4", ">i2", "i1"])
def test_numbers_of_any_layout_and_type_are_the_same_inputs(layout: str, dtype: str) -> None:
    array = LAYOUTS[layout](np.arange(12).reshape(4, 3).astype(dtype))
    found = raw_inputs(array, ROWS)
    assert found.dtype == torch.float32
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_so_are_bytes(layout: str) -> None:
    array = LAYOUTS[layout](np.arange(120, dtype=np.uint8).reshape(2, 3, 4, 5))
    found = raw_inputs(array, PICTURES)
    assert found.dtype == torch.uint8
    assert found.tolist() == array.tolist()


def test_an_array_of_the_caller_is_left_as_it_was(student: Callable[..., Path]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    before, flipped = pictures.copy(), pictures[..., ::-1]
    predictor = load(student("classes"))
    one, other = predictor.predict(flipped), predictor.predict(flipped.copy())
    assert [answer.to_json() for answer in one] == [answer.to_json() for answer in other]
    assert one[0].to_json() != predictor.predict(pictures)[0].to_json()
    assert np.array_equal(pictures, before)
    assert pictures.flags.writeable


def test_a_tensor_that_still_learns_is_answered_and_takes_no_gradient() -> None:
    inputs = torch.ones(2, 3, requires_grad=True)
    assert not raw_inputs(inputs, ROWS).requires_grad


@pytest.mark.parametrize(
    "values",
    [
        np.array([["a", "b", "c"]]),
        np.array([[1, None, 2]], dtype=object),
        np.array([[1j, 0, 0]]),
        np.array([[True, False, True]]),
        np.array([["2026-01-01"] * 3], dtype="datetime64[D]"),
        np.zeros((1, 3), dtype=[("a", "f4")]),
        np.zeros((2, 3), dtype=np.uint8),
        np.zeros((3,)),
        np.zeros((0, 3)),
        np.zeros(()),
    ],
    ids=lambda values: str(values.dtype),
)
def test_what_is_no_batch_of_numbers_is_refused_in_one_line(values: Array) -> None:
    with pytest.raises(InputError, match=r"no batch of inputs|learned from numbers") as refused:
        raw_inputs(values, ROWS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39, -1e300])
def test_a_number_that_float32_cannot_hold_is_refused_before_the_student_sees_it(value: float) -> None:
    inputs = np.zeros((2, 3))
    inputs[1, 2] = value
    with pytest.raises(InputError, match="inputs are not finite"):
        raw_inputs(inputs, ROWS)
    with pytest.raises(InputError, match="inputs are not finite"):
        raw_inputs(torch.from_numpy(inputs), ROWS)
