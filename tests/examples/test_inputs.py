"""Rows of inputs: numbered as NumPy numbers them, and the same whether some parts are held or none is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from joryu.examples.block_means import means_of
from joryu.examples.inputs import Inputs, is_held, numbers, rows_ahead, select, spooled, take
from joryu.examples.joined import joined
from joryu.examples.shown import SEEN, shown_as

INTEGERS = st.integers(-7, 7)
SLICES = st.builds(slice, st.none() | INTEGERS, st.none() | INTEGERS, st.none() | INTEGERS.filter(bool))
CHOICES = INTEGERS | SLICES | st.lists(INTEGERS, max_size=6) | st.lists(st.booleans(), min_size=5, max_size=5)


@dataclass
class Lazy:
    """Pictures that are not held, and a list of what was read of them."""

    pictures: Tensor
    read: list[list[int]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    @property
    def shape(self) -> torch.Size:
        return self.pictures.shape

    @property
    def ndim(self) -> int:
        return self.pictures.ndim

    @property
    def dtype(self) -> torch.dtype:
        return self.pictures.dtype

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: Any) -> Tensor:
        wanted = numbers(rows, len(self))
        self.read.append(wanted.reshape(-1).tolist())
        return self.pictures[torch.from_numpy(np.asarray(wanted))]

    @property
    def block_means(self) -> npt.NDArray[np.float32]:
        return means_of(self.pictures)

    def select(self, rows: npt.NDArray[np.int64]) -> Lazy:
        return Lazy(self.pictures[torch.from_numpy(rows)], self.read, self.folders)

    def spooled(self, folder: Path) -> None:
        self.folders.append(folder)


def pictures(n: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 256, (n, 1, 5, 4), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def parts(lengths: list[int]) -> tuple[Tensor, Inputs, list[Lazy]]:
    """The same pictures held, and in parts of which every second is held."""
    held = [pictures(length, seed) for seed, length in enumerate(lengths)]
    lazy = {at: Lazy(part) for at, part in enumerate(held) if at % 2 == 0}
    return torch.cat(held), joined([lazy.get(at, part) for at, part in enumerate(held)]), list(lazy.values())


@given(st.integers(0, 7), CHOICES)
def test_rows_are_numbered_as_numpy_numbers_them(n: int, rows: Any) -> None:
    try:
        expected = np.arange(n)[rows if rows != [] else np.zeros(0, dtype=np.int64)]
    except IndexError:
        with pytest.raises(IndexError):
            numbers(rows, n)
    else:
        assert numbers(rows, n).tolist() == expected.tolist()
        assert numbers(torch.tensor(expected.tolist()), n).tolist() == expected.tolist()


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), CHOICES, st.lists(st.integers(0, 11), max_size=5))
def test_parts_are_one_set_of_rows_however_they_are_asked_for(lengths: list[int], rows: Any, chosen: list[int]) -> None:
    whole, mixed, _ = parts(lengths)
    assert (mixed.shape, mixed.ndim, mixed.dtype, len(mixed)) == (whole.shape, 4, torch.uint8, len(whole))
    assert torch.equal(mixed[:], whole)
    some = torch.tensor([row % len(whole) for row in chosen], dtype=torch.int64)
    for lazy, held in ((mixed, whole), (select(mixed, some), whole[some])):
        assert lazy.shape == held.shape
        assert np.array_equal(means_of(lazy), means_of(held))
        assert torch.equal(take(lazy, torch.arange(len(held)).flip(0)), held.flip(0))
        assert torch.equal(select(lazy, torch.arange(len(held)).flip(0))[:], held.flip(0))
        try:
            expected = held.numpy()[rows if rows != [] else np.zeros(0, dtype=np.int64)]
        except IndexError:
            with pytest.raises(IndexError):
                lazy[rows]
        else:
            assert np.array_equal(lazy[rows].numpy(), expected)


def test_of_what_is_not_held_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    _, mixed, lazy = parts([2, 3, 4])
    chosen = select(select(mixed, torch.tensor([8, 2, 0, 5])), torch.tensor([0, 3]))
    assert (lazy[0].read, lazy[1].read, is_held(chosen)) == ([], [], False)
    assert len(chosen[:]) == 2
    assert (lazy[0].read, lazy[1].read) == ([], [[3, 0]])
    spooled(chosen, tmp_path)
    assert [part.folders for part in lazy] == [[tmp_path], [tmp_path]]


def test_the_next_rows_are_read_while_some_are_used() -> None:
    _, mixed, (lazy, *_) = parts([6])
    ahead = rows_ahead(mixed, [torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([5])])
    assert [rows.tolist() for rows in ahead] == [[0, 1], [2], [5]]
    assert sorted(lazy.read) == [[0, 1], [2], [5]]
    held = [torch.tensor([4])]
    assert list(rows_ahead(pictures(6), held)) == held


def test_the_range_of_many_inputs_is_told_from_some_of_them() -> None:
    values = torch.arange(4.0 * SEEN).reshape(-1, 1)
    assert shown_as(values) == f"float32 [B, 1], values 0 to {float(4 * SEEN - 4):.4g}"
    assert shown_as(values[:1] - 2) == "float32 [B, 1], values -2 to -2"
