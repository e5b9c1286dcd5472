"""The counter-based hash: published numbers, an independent computation, uniformity and independence."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joryu.examples.hashing import Draws, Words, mix

WORD = st.integers(0, 2**64 - 1)
GAMMA = 0x9E3779B97F4A7C15


def words(*values: int) -> Words:
    return np.array(values, dtype=np.uint64)


def plain_mix(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


def many_ids(count: int) -> Words:
    return np.arange(2 * count, dtype=np.uint64).reshape(count, 2)  # as unlike a hash as can be


def test_mix_gives_the_published_stream_of_splitmix64() -> None:
    counters = words(GAMMA, 2 * GAMMA % 2**64, 3 * GAMMA % 2**64)  # the stream of seed 0
    assert mix(counters).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@given(WORD, WORD, WORD, st.integers(0, 7), st.text(max_size=8))
def test_bits_equal_a_computation_in_plain_integers(high: int, low: int, seed: int, lane: int, purpose: str) -> None:
    key = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest(), "little")
    state = plain_mix(plain_mix(plain_mix(plain_mix(key) ^ high) ^ low) ^ seed)
    expected = plain_mix((state + (lane + 1) * GAMMA) % 2**64)
    assert Draws(words(high, low)[None], words(seed), purpose).bits(lane).tolist() == [expected]


@given(st.lists(st.tuples(WORD, WORD, WORD), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_a_row_does_not_depend_on_its_batch(rows: list[tuple[int, int, int]], random: object) -> None:
    table = np.array(rows, dtype=np.uint64)
    together = Draws(table[:, :2], table[:, 2], "x").bits()
    backwards = Draws(table[::-1, :2], table[::-1, 2], "x").bits()
    alone = [int(Draws(row[None, :2], row[2:], "x").bits()[0]) for row in table]
    assert together.tolist() == alone == backwards[::-1].tolist()


@pytest.mark.parametrize("below", [2, 5, 9, 1000])
def test_integers_are_uniform_over_ids_and_over_seeds(below: int) -> None:
    count = 100_000
    over_ids = Draws(many_ids(count), np.full(count, 1, dtype=np.uint64), "shift").integers(below)
    one_id = np.repeat(many_ids(1), count, axis=0)
    over_seeds = Draws(one_id, np.arange(count, dtype=np.uint64), "shift").integers(below)
    for drawn in (over_ids, over_seeds):
        counts = np.bincount(drawn, minlength=below)
        assert len(counts) == below
        assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(
    "other",
    [("shift", 1, 0), ("flip", 0, 0), ("shift", 0, 1)],
    ids=["another lane", "another purpose", "the next seed"],
)
def test_numbers_of_one_example_are_independent(other: tuple[str, int, int]) -> None:
    purpose, lane, next_seed = other
    count = 100_000
    ids, seeds = many_ids(count), np.full(count, 7, dtype=np.uint64)
    first = Draws(ids, seeds, "shift").integers(10)
    second = Draws(ids, seeds + np.uint64(next_seed), purpose).integers(10, lane)
    table = np.zeros((10, 10))
    np.add.at(table, (first, second), 1)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_one_bit_of_id_or_seed_moves_half_of_the_bits() -> None:
    count = 2000
    rng = np.random.default_rng(0)
    table = rng.integers(0, 2**63, (count, 3), dtype=np.uint64)
    before = Draws(table[:, :2], table[:, 2], "x").bits()
    for column in range(3):
        for bit in (0, 17, 63):
            changed = table.copy()
            changed[:, column] ^= np.uint64(1 << bit)
            after = Draws(changed[:, :2], changed[:, 2], "x").bits()
            moved = np.bitwise_count(before ^ after).mean()
            assert abs(moved - 32) < 0.5  # 4 / sqrt(2000) = 0.09 is one standard error
