"""Check raw inputs (tensors or arrays) against the kind that a student was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.students import Blueprint


def raw_inputs(values: Tensor | npt.NDArray[Any], blueprint: Blueprint) -> Tensor:
    """A batch ``[n, ...]`` of raw inputs as a tensor, checked: they must be as in training, before any scaling.

    A student of pictures takes uint8 of 0 to 255; pictures already scaled to 0..1 would look black to it. A student
    of other data takes floating-point numbers.

    Raises:
        InputError: the inputs have another shape or type, there are none, or some are not finite.
    """
    inputs = _array(values) if isinstance(values, np.ndarray) else values.detach().cpu()
    shape, n_axes = blueprint.input_shape, len(blueprint.input_shape) + 1
    if inputs.ndim != n_axes or not len(inputs):
        raise InputError(
            "this is no batch of inputs", expected=["n", *shape], received=list(inputs.shape),
            hint="one example is a batch of one: inputs[None]" if inputs.ndim == n_axes - 1 else None,
        )  # fmt: skip
    _require_kind(inputs, in_bytes=blueprint.scale != 1)
    if inputs.dtype == torch.uint8:
        return inputs
    found = inputs.float()  # as the student will see them: what is finite in float64 need not be
    if not bool(found.isfinite().all()):
        raise InputError("inputs are not finite", expected="finite numbers", hint="fill in what is missing first")
    return found


def _array(values: npt.NDArray[Any]) -> Tensor:
    try:
        # PyTorch takes no memory that it may not write, that runs backwards or whose bytes stand the other way round.
        return torch.from_numpy(np.require(values, values.dtype.newbyteorder("="), ("C", "W")))
    except TypeError as error:
        raise InputError("this is no batch of inputs", expected="numbers", received=values.dtype) from error


def _require_kind(inputs: Tensor, *, in_bytes: bool) -> None:
    if in_bytes and inputs.dtype != torch.uint8:
        raise InputError(
            "the student learned from bytes", expected="uint8 of 0 to 255", received=inputs.dtype,
            hint="give it the pictures as they were read, neither scaled nor turned into floats",
        )  # fmt: skip
    if not in_bytes and (inputs.dtype in (torch.uint8, torch.bool) or inputs.is_complex()):
        raise InputError(
            "the student learned from numbers, not from bytes", expected="float32, in the units it learned from",
            received=inputs.dtype,
        )  # fmt: skip
