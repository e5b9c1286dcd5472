"""The shuffled control: exact where nothing is there, and quick to see what is."""

from __future__ import annotations

from itertools import permutations as every_order

import numpy as np
import pytest
from scipy import stats

from joryu.errors import InputError
from joryu.evaluation import permutation_test, rejection_bound
from joryu.evaluation.permutation import Floats


def test_shuffled_statistics_are_those_of_the_permutation_distribution() -> None:
    signal, truth = np.array([3.0, 1.0, 4.0, 1.5]), np.array([2.0, 0.5, 3.0, 1.0])
    found = permutation_test(lambda s: float(s @ truth), signal, permutations=4000, seed=1)
    every = sorted(float(np.array(order) @ truth) for order in every_order(signal))
    assert set(np.round(found.shuffled, 9)) == set(np.round(every, 9))
    exact = sum(value >= found.observed - 1e-12 for value in every) / len(every)
    assert found.p_value == pytest.approx(exact, abs=0.015)
    assert found.gain == pytest.approx(found.observed - np.mean(every), abs=0.1)


def test_p_values_are_uniform_where_the_signal_tells_nothing() -> None:
    generator = np.random.default_rng(0)
    p_values = []
    for seed in range(300):
        signal, truth = generator.standard_normal((2, 30))
        p_values.append(permutation_test(lambda s, t=truth: float(s @ t), signal, permutations=99, seed=seed).p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    assert sum(p <= 0.05 for p in p_values) <= rejection_bound(300, 0.05, confidence=0.999)


def test_equal_statistics_are_equal_however_they_round() -> None:
    # One of twenty answers is marked, and which one makes no difference: nothing can be told.
    for row in range(20):
        marked = np.zeros(20)
        marked[row] = 1.0
        found = permutation_test(lambda signal: float(sum(0.1 + 0.2 * one for one in signal)), marked)
        assert found.p_value == 1.0


def test_a_difference_between_sessions_alone_is_no_evidence() -> None:
    # Two sittings that differ in level and in difficulty: without sessions this looks like a signal.
    generator = np.random.default_rng(4)
    sessions = np.repeat(["morning", "evening"], 60)
    level = (sessions == "evening") * 3.0
    signal, truth = level + generator.standard_normal(120), level + generator.standard_normal(120)

    def together(shuffled: Floats) -> float:
        return float(np.corrcoef(shuffled, truth)[0, 1])

    assert permutation_test(together, signal).evidence
    within = permutation_test(together, signal, sessions=sessions)
    assert not within.evidence
    assert str(within).startswith("no evidence (gain ")


def test_missing_values_stay_in_their_session() -> None:
    seen: list[int] = []

    def missing_in_the_first(shuffled: Floats) -> float:
        seen.append(int(np.isnan(shuffled[:3]).sum()))
        return 0.0

    signal = np.array([np.nan, np.nan, 1.0, 2.0, 3.0, 4.0])
    permutation_test(missing_in_the_first, signal, sessions=np.array([0, 0, 0, 1, 1, 1]), permutations=20)
    assert set(seen) == {2}


@pytest.mark.parametrize(("trials", "rate"), [(400, 0.05), (20, 0.05), (1, 0.5)])
def test_the_bound_is_the_binomial_quantile(trials: int, rate: float) -> None:
    assert rejection_bound(trials, rate) == stats.binom.ppf(0.95, trials, rate)


def test_levels_that_the_permutations_cannot_reach_are_refused() -> None:
    with pytest.raises(InputError, match="too few permutations"):
        permutation_test(float, np.zeros(3), permutations=10)
    with pytest.raises(InputError, match="sessions do not fit"):
        permutation_test(lambda s: 0.0, np.zeros(3), sessions=np.zeros(2))
