"""Memory of blocks is used again, and never while anybody can still see it."""

from __future__ import annotations

import numpy as np
import torch

from joryu.examples.block_memory import block


def place(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def test_memory_is_used_again() -> None:
    first = block((7, 4099))
    there = place(first)
    del first
    assert place(block((4099, 7))) == there
    other = block((7, 4100))
    assert other.shape == (7, 4100)


def test_never_while_somebody_sees_it() -> None:
    tensor = torch.from_numpy(block((5, 1009)))
    part = tensor.fill_(3)[2:].numpy()
    del tensor
    for _ in range(4):
        block((5, 1009)).fill(9)
    assert (part == 3).all()


def test_many_at_once() -> None:
    blocks = [block((3, 2003)) for _ in range(6)]
    for number, one in enumerate(blocks):
        one.fill(number)
    assert [int(one.max()) for one in blocks] == [*range(6)]
    assert len({place(one) for one in blocks}) == 6


def test_nothing() -> None:
    assert block((0, 3)).size == 0
