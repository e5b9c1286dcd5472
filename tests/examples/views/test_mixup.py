"""Mixup: the law of the share, the partner, exact blending and the labels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joryu.errors import InputError
from joryu.examples import Examples, parse_views
from joryu.examples.views import Mixup
from joryu.examples.views.mixup import SHARES, _beta_quantiles, blend, draws_of


def ten(labels: list[int] | None = None) -> Examples:
    """Ten examples of one number each: 0, 10, …, 90; the label is the place unless given."""
    inputs = torch.arange(0, 100, 10, dtype=torch.uint8)[:, None]
    return Examples.of(inputs, torch.tensor(labels or list(range(10))), classes=[str(i) for i in range(10)])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_the_share_follows_the_beta_law(alpha: float) -> None:
    count = 20_000
    ids, seeds = np.repeat(ten().ids[:1], count, axis=0), np.arange(1, count + 1, dtype=np.uint64)
    shares = Mixup(alpha).shares(draws_of(ids, seeds), seeds).numpy()
    inner = (np.array([0, 5, 100, 3_000, 10_000, 32_768, 50_000, 64_000, 65_500]) + 0.5) / SHARES  # between two shares
    expected = np.diff(stats.beta(alpha, alpha).cdf(np.array([0, *inner, 1]))) * count
    counts = np.histogram(shares / SHARES, [-1, *inner, 2])[0]
    often = expected > 5
    assert stats.chisquare(counts[often], expected[often] * counts[often].sum() / expected[often].sum()).pvalue > 1e-3
    assert counts[~often].sum() < 40


def test_every_example_is_equally_often_the_partner_whatever_the_share() -> None:
    count = 20_000
    examples, mixup = ten(), Mixup(0.5)
    ids, seeds = np.repeat(examples.ids[3:4], count, axis=0), np.arange(1, count + 1, dtype=np.uint64)
    draws = draws_of(ids, seeds)
    table = np.zeros((2, 10))
    small = (mixup.shares(draws, seeds).numpy() < SHARES // 2).astype(int)
    np.add.at(table, (small, mixup.partners(examples, draws).numpy()), 1)
    assert stats.chisquare(table.sum(0)).pvalue > 1e-3
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_the_partner_is_found_in_any_order_of_the_same_set() -> None:
    examples = ten()
    order = torch.tensor([4, 4, 1, 9, 0, 2, 3, 5, 6, 7, 8, 1])  # with copies
    shuffled = examples.select(order)
    seeds = torch.arange(1, 11)
    views = parse_views("mixup:1")
    here = views.apply(examples, torch.arange(10), seeds)
    places = torch.tensor([order.tolist().index(i) for i in range(10)])
    there = views.apply(shuffled, places, seeds)
    assert torch.equal(here.inputs, there.inputs)
    assert here.labels is not None
    assert there.labels is not None
    assert torch.equal(here.labels, there.labels)


@given(
    own=st.lists(st.integers(0, 255), min_size=1, max_size=20),
    other=st.integers(0, 255),
    share=st.integers(0, SHARES),
)
def test_bytes_are_blended_exactly_and_rounded_to_the_nearest(own: list[int], other: int, share: int) -> None:
    mixed = blend(
        torch.tensor([own], dtype=torch.uint8),
        torch.full((1, len(own)), other, dtype=torch.uint8),
        torch.tensor([share], dtype=torch.int32),
    )
    exact = [Fraction(share, SHARES) * value + Fraction(SHARES - share, SHARES) * other for value in own]
    assert mixed.tolist() == [[int(value + Fraction(1, 2)) for value in exact]]


def test_floats_are_blended() -> None:
    mixed = blend(torch.tensor([[1.0], [1.0]]), torch.tensor([[3.0], [3.0]]), torch.tensor([SHARES, SHARES // 4]))
    assert mixed.tolist() == [[1.0], [2.5]]


def test_inputs_and_labels_are_blended_by_the_same_share() -> None:
    examples = ten()
    batch = parse_views("mixup:1").apply(examples, torch.arange(10), torch.full((10,), 5))
    assert batch.labels is not None
    values = batch.labels @ examples.inputs.float()  # the label of value v is v / 10
    assert (values - batch.inputs.float()).abs().max() <= 0.501
    assert len(set(batch.inputs.flatten().tolist())) > 5


def test_seed_zero_is_the_example_and_its_label() -> None:
    batch = parse_views("mixup:1").apply(ten(), torch.arange(10), torch.zeros(10, dtype=torch.int64))
    assert torch.equal(batch.inputs, ten().inputs)
    assert batch.labels is not None
    assert torch.equal(batch.labels, torch.eye(10))


def test_the_partner_is_seen_through_its_own_view() -> None:
    inputs = torch.zeros(2, 1, 5, 5, dtype=torch.uint8)
    inputs[0, 0, 2, 2], inputs[1, 0, 2, 2] = 100, 200
    examples = Examples.of(inputs, classes=[])
    rows, seeds = torch.tensor([0, 1]), torch.tensor([9, 9])
    shifted = parse_views("shift:2").apply(examples, rows, seeds).inputs
    mixed = parse_views("shift:2,mixup:1").apply(examples, rows, seeds).inputs
    draws = draws_of(examples.ids, np.array([9, 9], dtype=np.uint64))
    partners, shares = Mixup(1).partners(examples, draws), Mixup(1).shares(draws, np.array([9, 9], dtype=np.uint64))
    assert torch.equal(mixed, blend(shifted, shifted[partners], shares))


def test_a_new_set_gets_new_partners() -> None:
    views = parse_views("mixup:1")
    rows, seeds = torch.arange(5), torch.full((5,), 3)
    views.apply(ten(), rows, seeds)
    few = ten().select([0, 1, 2, 3, 4])
    fresh = parse_views("mixup:1").apply(few, rows, seeds)
    assert torch.equal(views.apply(few, rows, seeds).inputs, fresh.inputs)
    assert int(fresh.inputs.max()) <= 40


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_a_useless_alpha_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="mixup:ALPHA with ALPHA > 0"):
        Mixup(alpha)


@pytest.mark.parametrize("alpha", [1e-300, 1e-6, 0.01, 0.2, 1.0, 7.5, 1e4, 1e12])
def test_shares_are_those_of_the_example_and_of_its_partner_alike(alpha: float) -> None:
    """λ and 1 − λ have one law, for any α that can be typed."""
    quantiles = _beta_quantiles(alpha).astype(np.int64)
    assert quantiles.min() >= 0
    assert (np.diff(quantiles) >= 0).all()
    assert np.abs(quantiles + quantiles[::-1] - SHARES).max() <= 1


def test_a_set_of_one_is_blended_with_itself() -> None:
    one = ten().select([4, 4])
    seen = parse_views("mixup:0.3").apply(one, torch.tensor([0, 1]), torch.tensor([7, 8]))
    assert seen.inputs.tolist() == [[40], [40]]
    assert seen.labels is not None
    assert torch.allclose(seen.labels, torch.eye(10)[[4, 4]])
