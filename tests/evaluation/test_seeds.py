from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from joryu.errors import InputError, MismatchError
from joryu.evaluation import compare_seeds, summarise

several = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8)


def test_three_seeds_by_hand() -> None:
    found = summarise([70, 74, 72])
    # sd² = (4 + 4 + 0) / 2; t(2 d.o.f., 97.5 %) = 4.3027 from any table; half width = 4.3027 * 2 / sqrt(3)
    assert (found.mean, found.sd) == (72.0, 2.0)
    assert found.low == pytest.approx(72 - 4.3027 * 2 / math.sqrt(3), abs=1e-3)
    assert found.high == pytest.approx(72 + 4.3027 * 2 / math.sqrt(3), abs=1e-3)


def test_one_seed_has_no_spread() -> None:
    found = summarise([67])
    assert (found.mean, found.sd, found.low, found.high) == (67.0, None, None, None)


@given(several)
def test_agrees_with_the_standard_library_and_scipy(values: list[float]) -> None:
    found = summarise(values)
    assert found.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert found.sd == pytest.approx(statistics.stdev(values), abs=1e-9)
    if found.sd is not None and found.sd > 1e-6:
        expected = stats.t.interval(0.95, len(values) - 1, loc=found.mean, scale=found.sd / math.sqrt(len(values)))
        assert (found.low, found.high) == pytest.approx(expected)


def test_paired_comparison_is_scipy_s() -> None:
    student, twin = [70.0, 74.0, 72.0, 75.0], [130.0, 131.0, 129.0, 140.0]
    found = compare_seeds(student, twin)
    expected = stats.ttest_rel(student, twin)
    interval = expected.confidence_interval(0.95)
    assert found.difference.mean == pytest.approx(-59.75)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))
    assert found.student.mean == 72.75
    assert found.twin.values == tuple(twin)


@pytest.mark.parametrize(
    ("student", "twin"), [([70], [130]), ([1, 2, 3], [2, 3, 4]), ([0.3, 0.6, 0.9], [0.1, 0.4, 0.7])]
)
def test_no_spread_means_no_p_value(student: list[float], twin: list[float]) -> None:
    assert compare_seeds(student, twin).p_value is None


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=6), st.integers(-200, 200))
def test_accuracies_that_differ_by_one_share_everywhere_have_no_p_value(hits: list[int], more: int) -> None:
    twin = [hit / 1000 for hit in hits]
    assert compare_seeds([hit / 1000 + more / 1000 for hit in hits], twin).p_value is None
    some = [hit / 1000 + (more + at) / 1000 for at, hit in enumerate(hits)]  # by one example more from seed to seed
    assert compare_seeds(some, twin).p_value == pytest.approx(stats.ttest_rel(some, twin).pvalue, abs=1e-6)


@pytest.mark.parametrize("values", [[], [float("nan")], [1.0, float("inf")]])
def test_what_cannot_be_summarised_says_so(values: list[float]) -> None:
    with pytest.raises(InputError, match="summarised"):
        summarise(values)


def test_seeds_must_pair_up() -> None:
    with pytest.raises(MismatchError, match="pair up"):
        compare_seeds([1, 2], [1, 2, 3])
