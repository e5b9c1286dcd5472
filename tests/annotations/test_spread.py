"""Standard scores within groups beside the plainest code, whatever the order, the unit and the names of the groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.annotations.spread import (
    FAR,
    NORMAL,
    Floats,
    Ints,
    centred_within,
    group_medians,
    standard_scores,
    winsorised,
)

VALUES = st.integers(-40, 40).map(lambda value: value / 4) | st.just(float("nan"))
ROWS = st.lists(st.tuples(VALUES, st.integers(0, 3)), min_size=1, max_size=25)


def columns(rows: list[tuple[float, int]]) -> tuple[Floats, Ints]:
    return np.array([value for value, _ in rows]), np.array([group for _, group in rows], dtype=np.int64)


def known(column: Floats, groups: Ints, group: int) -> Floats:
    chosen: Floats = column[groups == group]
    return chosen[~np.isnan(chosen)]


@given(ROWS)
def test_medians_are_those_of_each_group_and_unknown_where_nothing_is_known(rows: list[tuple[float, int]]) -> None:
    column, groups = columns(rows)
    found = group_medians(column, groups)
    for group, median in zip(groups, found, strict=True):
        of_group = known(column, groups, group)
        assert np.isnan(median) if not len(of_group) else median == np.median(of_group)


@given(ROWS, st.sampled_from([0.01, 1.0]))
def test_what_is_far_is_moved_to_the_limit_and_nothing_else_is_moved(
    rows: list[tuple[float, int]], least: float
) -> None:
    column, groups = columns(rows)
    found = winsorised(column, groups, least)
    assert (np.isnan(found) == np.isnan(column)).all()
    for group in set(groups.tolist()):
        of_group = known(column, groups, group)
        if len(of_group):
            middle = np.median(of_group)
            room = FAR * max(NORMAL * np.median(np.abs(of_group - middle)), least)
            expected = np.minimum(np.maximum(of_group, middle - room), middle + room)
            np.testing.assert_allclose(known(found, groups, group), expected, rtol=1e-12)


@given(ROWS)
def test_scores_have_no_mean_and_no_more_spread_than_one(rows: list[tuple[float, int]]) -> None:
    column, groups = columns(rows)
    scores = standard_scores(column, groups, 0.5)
    for group in set(groups.tolist()):
        if len(of_group := known(scores, groups, group)):
            assert of_group.mean() == pytest.approx(0, abs=1e-9)
            assert of_group.std() <= 1 + 1e-9
            bounded = known(winsorised(column, groups, 0.5), groups, group)
            if bounded.std() >= 0.5:
                assert of_group.std() == pytest.approx(1)


@settings(max_examples=60)
@given(
    ROWS, st.randoms(use_true_random=False), st.sampled_from([0.25, 8.0]), st.integers(-9, 9), st.permutations(range(4))
)
def test_neither_order_nor_unit_nor_the_names_of_groups_matter(
    rows: list[tuple[float, int]], random: object, unit: float, shift: int, names: list[int]
) -> None:
    column, groups = columns(rows)
    order = [*range(len(rows))]
    random.shuffle(order)  # type: ignore[attr-defined]
    expected = standard_scores(column, groups, 0.5)[order]
    other = standard_scores(unit * column[order] + shift, np.array(names)[groups[order]], 0.5 * unit)
    np.testing.assert_allclose(other, expected, atol=1e-9)


@given(ROWS)
def test_a_least_spread_may_be_one_for_each_row(rows: list[tuple[float, int]]) -> None:
    column, groups = columns(rows)
    least = np.array([0.1, 1.0, 2.0, 4.0])[groups]
    found = standard_scores(column, groups, least)
    for group, one in enumerate((0.1, 1.0, 2.0, 4.0)):
        rows_of = groups == group
        if rows_of.any():
            alone = standard_scores(column[rows_of], np.zeros(rows_of.sum(), dtype=np.int64), one)
            np.testing.assert_allclose(found[rows_of], alone, atol=1e-12)


def test_one_answer_far_off_squeezes_the_others_no_further_than_its_limit() -> None:
    column = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 1e300])
    groups = np.zeros(6, dtype=np.int64)
    assert np.ptp(standard_scores(column, groups, 0.1)[:5]) > 1
    assert np.isfinite(standard_scores(column, groups, 0.1)).all()


def test_means_are_taken_of_what_is_known() -> None:
    nan = float("nan")
    found = centred_within(np.array([1.0, nan, 3.0, nan]), np.array([0, 0, 0, 1]))
    np.testing.assert_array_equal(found, [-1.0, nan, 1.0, nan])
