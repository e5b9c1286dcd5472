"""Describe the raw inputs of a network in one phrase."""

from __future__ import annotations

import torch

from joryu.examples.inputs import Inputs

SEEN = 10_000  #: the most inputs that are looked at


def shown_as(inputs: Inputs) -> str:
    """Type, shape and range of raw inputs, as they go into a teacher.

    >>> shown_as(torch.zeros(7, 3, 96, 96, dtype=torch.uint8))
    'uint8 [B, 3, 96, 96], values 0 to 255'
    >>> shown_as(torch.tensor([[0.0, -1.5], [2.25, 1.0]]))
    'float32 [B, 2], values -1.5 to 2.25'
    """
    shape = ", ".join(["B", *map(str, inputs.shape[1:])])
    kind = str(inputs.dtype).removeprefix("torch.")
    if inputs.dtype == torch.uint8:
        return f"{kind} [{shape}], values 0 to 255"
    seen = inputs[:: max(1, len(inputs) // SEEN)]
    return f"{kind} [{shape}], values {float(seen.min()):.4g} to {float(seen.max()):.4g}"
