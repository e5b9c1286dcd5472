"""All ensembles of a pool at once, against the house's own combination, and intervals against numbers made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from joryu.experiments.subsets import VOTE, best_rules, estimate, right_answers, subsets_of
from joryu.questions import Link
from joryu.targets.combination import Combination
from joryu.targets.pooling import pool_probs, pool_votes


def test_there_are_252_ensembles_of_five_out_of_ten() -> None:
    subsets = subsets_of(10, 5)
    assert subsets.shape == (252, 10)
    assert bool((subsets.sum(1) == 5).all()) and len(subsets.unique(dim=0)) == 252


@pytest.mark.parametrize("exponent", [-2.0, -0.2, 0.0, 1e-4, 0.1, 1.0, 5.0])
def test_each_exponent_names_the_class_that_the_product_combines_to(exponent: float) -> None:
    logits = torch.randn(6, 40, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 3
    labels = torch.arange(40) % 4
    subsets = subsets_of(6, 3)
    found = right_answers(logits.log_softmax(-1), labels, subsets, exponent)
    rule = Combination.parse(f"power={exponent}")
    for row, chosen in zip(found, subsets, strict=True):
        members = logits[chosen.bool()].transpose(0, 1)
        assert torch.equal(row, pool_probs(Link.SOFTMAX, members, 1.0, rule).argmax(-1) == labels)


def test_a_vote_is_the_product_s_and_of_equal_classes_the_first_is_taken() -> None:
    logits = torch.randn(5, 60, 3, generator=torch.Generator().manual_seed(5))
    labels = torch.zeros(60, dtype=torch.long)
    subsets = subsets_of(5, 4)
    found = right_answers(logits.log_softmax(-1), labels, subsets, VOTE)
    for row, chosen in zip(found, subsets, strict=True):
        votes = pool_votes(Link.SOFTMAX, logits[chosen.bool()].transpose(0, 1), Combination("vote"))
        assert torch.equal(row, votes.argmax(-1) == labels)
    two = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]]).log_softmax(-1)
    assert right_answers(two, torch.tensor([0]), subsets_of(2, 2), VOTE).item()


def test_the_interval_of_a_mean_of_learners_is_student_s() -> None:
    """With ensembles of one the jackknife is the variance of a mean, and with one picture there is no other chance."""
    values = np.array([[3.0], [1.0], [2.0]])
    found = estimate(values, subsets_of(3, 1))
    assert found.mean == pytest.approx(2)
    assert found.high - found.mean == pytest.approx(4.302653 * math.sqrt(1 / 3), rel=1e-5)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_where_all_learners_are_alike_the_pictures_make_the_interval() -> None:
    values = np.tile(np.array([0.0, 1.0, 1.0, 0.0]), (3, 1))
    found = estimate(values, subsets_of(3, 2))
    assert found.high - found.mean == pytest.approx(4.302653 * math.sqrt((1 / 3) / 4), rel=1e-5)


def test_more_learners_that_differ_widen_the_interval() -> None:
    generator = np.random.default_rng(0)
    alike = generator.random((1, 200)).repeat(10, axis=0)
    spread = alike + np.arange(10)[:, None] / 10
    one, other = (estimate(values, subsets_of(10, 9)) for values in (alike, spread))
    assert other.high - other.low > one.high - one.low


def test_of_equal_exponents_that_nearest_to_soft_is_chosen() -> None:
    accuracy = np.array([[0.5, 0.9, 0.7], [0.5, 0.8, 0.7], [0.5, 0.7, 0.8]])
    assert best_rules(accuracy, [0.0, 1.0, 2.0]) == [1.0, 0.0, 2.0]
