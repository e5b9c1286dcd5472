"""Splits: exact counts, strata, the leakage guard, and independence of the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joryu.errors import InputError
from joryu.examples import UNLABELLED, Examples, split_examples
from joryu.examples.splits import apportion


def numbered(labels: list[int], contents: list[int] | None = None, classes: int = 10) -> Examples:
    """Examples whose content is one number each, their place unless given."""
    values = torch.tensor(contents if contents is not None else list(range(len(labels))), dtype=torch.float32)
    return Examples.of(values[:, None], torch.tensor(labels), classes=[str(i) for i in range(classes)])


def contents(part: Examples) -> list[int]:
    return part.inputs.flatten().int().tolist()


def test_counts_are_exact_and_every_stratum_keeps_its_share() -> None:
    examples = numbered([0] * 70 + [1] * 20 + [UNLABELLED] * 10)
    parts = split_examples(examples, (0.7, 0.2, 0.1), seed=3)
    assert [len(part) for part in parts] == [70, 20, 10]
    counts = [[int((part.labels == label).sum()) for label in (0, 1, UNLABELLED)] for part in parts]
    assert counts == [[49, 14, 7], [14, 4, 2], [7, 2, 1]]
    assert sorted(number for part in parts for number in contents(part)) == list(range(100))


def test_sixty_thousand_by_nine_tenths() -> None:
    labels = torch.arange(60_000) % 10
    examples = Examples.of(torch.arange(60_000.0)[:, None], labels, classes=list("0123456789"))
    train, validation = split_examples(examples, (0.9, 0.1), seed=0)
    assert (len(train), len(validation)) == (54_000, 6_000)
    assert torch.bincount(validation.labels).tolist() == [600] * 10  # type: ignore[arg-type]


def test_a_part_keeps_the_order_of_the_rows() -> None:
    for part in split_examples(numbered([0] * 50), (0.5, 0.5), seed=1):
        assert contents(part) == sorted(contents(part))


def test_the_rest_is_left_out() -> None:
    parts = split_examples(numbered([0, 1] * 50), (0.1, 0.2), seed=0)
    assert [len(part) for part in parts] == [10, 20]


def test_a_seed_decides_and_the_order_of_rows_does_not() -> None:
    examples = numbered([0, 1, 2, 3] * 25)
    shuffled = examples.select(torch.randperm(100, generator=torch.Generator().manual_seed(0)))
    first, same = (set(contents(split_examples(e, (0.5, 0.5), seed=5)[0])) for e in (examples, shuffled))
    other = set(contents(split_examples(examples, (0.5, 0.5), seed=6)[0]))
    assert first == same
    assert first != other


def test_identical_content_never_falls_on_both_sides() -> None:
    copies = [place % 30 for place in range(90)]  # each content three times
    parts = split_examples(numbered([c % 3 for c in copies], copies), (0.5, 0.3, 0.2), seed=2)
    assert [len(part) for part in parts] == [45, 27, 18]  # 15, 9 and 6 distinct ones
    sets = [set(contents(part)) for part in parts]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])


def test_copies_with_different_labels_stay_together() -> None:
    examples = numbered([0, 1, UNLABELLED, 2, 0, 1], [7, 7, 7, 8, 9, 10])
    for seed in range(20):
        for part in split_examples(examples, (0.5, 0.5), seed=seed):
            assert contents(part).count(7) in (0, 3)


def test_examples_without_labels_are_one_stratum() -> None:
    examples = Examples.of(torch.arange(10.0)[:, None], classes=[])
    assert [len(part) for part in split_examples(examples, (0.6, 0.4), seed=0)] == [6, 4]


def test_over_seeds_everyone_is_drawn_equally_often() -> None:
    examples = numbered([0] * 10 + [1] * 10)
    drawn = np.zeros(20)
    for seed in range(600):
        drawn[contents(split_examples(examples, (0.3, 0.7), seed=seed)[0])] += 1
    assert drawn.sum() == 600 * 6
    # A draw without replacement varies less than the multinomial this test supposes: a bound, not an equality.
    assert stats.chisquare(drawn).pvalue > 1e-3


@given(
    labels=st.lists(st.integers(UNLABELLED, 4), min_size=12, max_size=80),
    copies=st.integers(1, 3),
    fractions=st.sampled_from([(0.5, 0.5), (0.8, 0.1, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.25, 0.5), (1.0,), (0.37, 0.63)]),
    seed=st.integers(-5, 2**64),
)
def test_for_any_labels_parts_are_exact_disjoint_and_stratified(
    labels: list[int], copies: int, fractions: tuple[float, ...], seed: int
) -> None:
    examples = numbered(labels * copies, list(range(len(labels))) * copies)
    parts = split_examples(examples, fractions, seed=seed)
    distinct = [set(contents(part)) for part in parts]
    assert len(set().union(*distinct)) == sum(map(len, distinct))
    for fraction, part, group in zip(fractions, parts, distinct, strict=True):
        assert len(part) == copies * len(group)
        assert abs(len(group) - fraction * len(labels)) < 1
        for label in set(labels):
            share = sum(labels[content] == label for content in group)
            assert abs(share - fraction * labels.count(label)) < len(fractions)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), st.integers(0, 200))
def test_apportionment_is_whole_and_within_one_of_its_quota(weights: list[int], seats: int) -> None:
    counts = apportion(np.array(weights, dtype=np.float64), seats)
    assert counts.sum() == seats
    assert (np.abs(counts - np.array(weights) * seats / sum(weights)) < 1).all()


@pytest.mark.parametrize("fractions", [(), (0.5, 0.6), (0.0, 1.0), (-0.1, 0.5), (float("nan"), 0.5)])
def test_useless_fractions_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="positive numbers that sum to at most 1"):
        split_examples(numbered([0] * 10), fractions, seed=0)


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(InputError, match=r"too small for this split.*received 2 distinct examples"):
        split_examples(numbered([0, 0, 0], [1, 1, 2]), (0.4, 0.3, 0.3), seed=0)
