"""Flip: half of the views mirrored, independently of the shift."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from joryu.examples.examples import content_ids
from joryu.examples.views import Flip, Shift

SEEDS = 20_000


def one_example(times: int) -> Tensor:
    picture = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    picture[0, 0, 2, 1] = 255
    return picture.expand(times, -1, -1, -1).contiguous()


def flipped_rows(batch: Tensor, seeds: np.ndarray) -> np.ndarray:
    views = Flip()(batch, content_ids(batch), seeds)
    kept = (views == batch).flatten(1).all(1)
    mirrored = (views == torch.from_numpy(batch.numpy()[..., ::-1].copy())).flatten(1).all(1)
    assert bool((kept ^ mirrored).all())
    return mirrored.numpy()


def test_half_of_the_views_are_mirrored() -> None:
    mirrored = flipped_rows(one_example(SEEDS), np.arange(1, SEEDS + 1, dtype=np.uint64))
    assert stats.binomtest(int(mirrored.sum()), SEEDS, 0.5).pvalue > 1e-3


def test_colour_planes_are_mirrored_together_and_rows_of_other_pictures_are_not_touched() -> None:
    batch = torch.randint(0, 256, (64, 3, 4, 7), dtype=torch.uint8)
    mirrored = flipped_rows(batch, np.ones(64, dtype=np.uint64))
    assert 10 < mirrored.sum() < 54


def test_seed_zero_is_the_picture_itself() -> None:
    batch = torch.randint(0, 256, (64, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(Flip()(batch, content_ids(batch), np.zeros(64, dtype=np.uint64)), batch)


def test_flip_and_shift_are_independent() -> None:
    batch, seeds = one_example(SEEDS), np.arange(1, SEEDS + 1, dtype=np.uint64)
    mirrored = flipped_rows(batch, seeds)
    places = Shift(1)(batch, content_ids(batch), seeds).flatten(1).int().argmax(1).numpy()
    table = np.zeros((2, 9))
    columns = (places // 5 - 1) * 3 + places % 5
    np.add.at(table, (mirrored.astype(int), columns), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3
