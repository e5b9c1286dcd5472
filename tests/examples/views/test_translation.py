"""Shift and crop: compared with plain slicing, uniform over their offsets, the identity at seed 0."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import content_ids
from joryu.examples.hashing import Draws
from joryu.examples.views import Crop, Shift, Transform


def pictures(batch: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    generator = torch.Generator().manual_seed(batch)
    return torch.randint(0, 256, (batch, channels, height, width), generator=generator).to(dtype)


def by_slicing(step: Transform, padded: Tensor, most: int, seeds: list[int], original: Tensor) -> Tensor:
    """What the step must give, picture by picture, from the batch padded by torch."""
    ids, words = content_ids(original), np.array(seeds, dtype=np.uint64)
    draws = Draws(ids, words, step.spec.partition(":")[0])
    down, right = draws.integers(2 * most + 1, 0), draws.integers(2 * most + 1, 1)
    height, width = original.shape[2:]
    rows = []
    for i, seed in enumerate(seeds):
        top, left = (most, most) if seed == 0 else (int(down[i]), int(right[i]))
        rows.append(padded[i, :, top : top + height, left : left + width])
    return torch.stack(rows)


@settings(max_examples=50, deadline=None)
@given(
    batch=st.integers(1, 6),
    channels=st.sampled_from([1, 3]),
    height=st.integers(2, 11),
    width=st.integers(2, 11),
    most=st.integers(1, 5),
    seed=st.integers(0, 3),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
)
def test_a_shift_is_a_window_of_the_zero_padded_picture(
    batch: int, channels: int, height: int, width: int, most: int, seed: int, dtype: torch.dtype
) -> None:
    original = pictures(batch, channels, height, width, dtype)
    most = min(most, height // 2, width // 2)
    seeds = [seed + i for i in range(batch)]
    shifted = Shift(most)(original, content_ids(original), np.array(seeds, dtype=np.uint64))
    padded = F.pad(original, (most,) * 4)
    assert shifted.dtype == dtype
    assert torch.equal(shifted, by_slicing(Shift(most), padded, most, seeds, original))


@settings(max_examples=50, deadline=None)
@given(
    batch=st.integers(1, 6),
    channels=st.sampled_from([1, 3]),
    size=st.integers(2, 9),
    data=st.data(),
    seed=st.integers(0, 3),
)
def test_a_crop_is_a_window_of_the_mirrored_picture(
    batch: int, channels: int, size: int, data: st.DataObject, seed: int
) -> None:
    padding = data.draw(st.integers(1, size - 1))
    original = pictures(batch, channels, size, size)
    seeds = [seed + i for i in range(batch)]
    step = Crop(size, padding)
    cropped = step(original, content_ids(original), np.array(seeds, dtype=np.uint64))
    padded = F.pad(original.float(), (padding,) * 4, mode="reflect").to(torch.uint8)
    assert torch.equal(cropped, by_slicing(step, padded, padding, seeds, original))


def offsets_of(step: Transform, size: int, most: int, seeds: int) -> np.ndarray:
    """Where one bright pixel in the middle went, for many seeds: [seeds, 2] in -most..most."""
    dot = torch.zeros(1, 1, size, size, dtype=torch.uint8)
    dot[0, 0, size // 2, size // 2] = 255
    batch = dot.expand(seeds, -1, -1, -1).contiguous()
    moved = step(batch, content_ids(batch), np.arange(1, seeds + 1, dtype=np.uint64))
    places = moved.flatten(1).int().argmax(1).numpy()
    return np.stack((places // size, places % size), 1) - size // 2 + most


@pytest.mark.parametrize("step", [Shift(2), Crop(15, 2)], ids=["shift", "crop"])
def test_every_offset_is_equally_likely(step: Transform) -> None:
    offsets = offsets_of(step, 15, 2, 25_000)
    table = np.zeros((5, 5))
    np.add.at(table, (offsets[:, 0], offsets[:, 1]), 1)
    assert table.sum() == 25_000
    assert stats.chisquare(table.ravel()).pvalue > 1e-3  # uniform, and down independent of right


def test_seed_zero_is_the_picture_itself() -> None:
    original = pictures(5, 3, 8, 8)
    zeros = np.zeros(5, dtype=np.uint64)
    for step in (Shift(3), Crop(8, 3)):
        assert torch.equal(step(original, content_ids(original), zeros), original)


def test_the_argument_is_not_changed() -> None:
    original = pictures(4, 1, 6, 6)
    before = original.clone()
    Shift(2)(original, content_ids(original), np.arange(4, dtype=np.uint64))
    Crop(6, 2)(original, content_ids(original), np.arange(4, dtype=np.uint64))
    assert torch.equal(original, before)


@pytest.mark.parametrize(("height", "width", "most"), [(8, 8, 4), (9, 20, 4), (20, 3, 1)])
def test_a_shift_that_would_hide_pictures_is_refused(height: int, width: int, most: int) -> None:
    """In pixels as in shares: no further than half of the shorter side."""
    original, seeds = pictures(2, 1, height, width), np.arange(2, dtype=np.uint64)
    assert Shift(most)(original, content_ids(original), seeds).shape == original.shape
    said = rf"shift:{most + 1} would move pictures out of sight .*{most} of {width}×{height}; .*try shift:{most}$"
    with pytest.raises(InputError, match=said):
        Shift(most + 1)(original, content_ids(original), seeds)
    with pytest.raises(InputError, match="leave it out"):
        Shift(1)(original[:, :, :1], content_ids(original), seeds)


def test_a_crop_that_would_change_the_shape_is_refused() -> None:
    original = pictures(2, 1, 28, 28)
    seeds = np.ones(2, dtype=np.uint64)
    with pytest.raises(InputError, match=r"expected 24×24; received 28×28\); try crop:28\+4"):
        Crop(24, 4)(original, content_ids(original), seeds)
    wide = pictures(2, 1, 24, 28)
    with pytest.raises(InputError, match=r"received 28×24\); try --size 24"):
        Crop(24, 4)(wide, content_ids(wide), seeds)


@pytest.mark.parametrize("step", [Shift(1), Crop(4, 1)], ids=["shift", "crop"])
def test_what_is_no_picture_is_refused(step: Transform) -> None:
    table = torch.zeros(3, 4)
    with pytest.raises(InputError, match=r"is made of pictures .*received shape \(3, 4\)\); leave the views out"):
        step(table, content_ids(table), np.ones(3, dtype=np.uint64))
