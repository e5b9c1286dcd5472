"""Tests and intervals of numbers that are no numbers, are all alike, or are told apart by rounding alone."""

from __future__ import annotations

import json
import math
from itertools import permutations as every_order
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.evaluation import (
    Better,
    Comparison,
    Scores,
    ScoreVerdict,
    bca_interval,
    compare_correct,
    compare_scores,
    compare_seeds,
    permutation_test,
    sign_flip_test,
    tango_interval,
)
from joryu.evaluation.record import plain

NO_NUMBERS = [math.nan, math.inf, -math.inf]
marks = st.lists(st.integers(0, 4), min_size=2, max_size=12)


def scores(values: list[float], better: Better = Better.LOWER) -> Scores:
    return Scores("squared error", torch.tensor(values, dtype=torch.float64), better)


@pytest.mark.parametrize("ends", [(1.0, math.inf), (math.inf, 1.0), (math.inf, math.inf)])
def test_of_scores_that_are_infinite_nothing_is_shown(ends: tuple[float, float]) -> None:
    """Squared errors of two students that both diverged once made the student the worse one, with p = 0.0002."""
    student, twin = ([0.5, 0.25, end, 0.125] for end in ends)
    with pytest.raises(InputError, match=r"scores are not finite .expected finite numbers; received others for . of 4"):
        compare_scores(scores(student), scores(twin))


@pytest.mark.parametrize("odd", NO_NUMBERS)
def test_neither_an_interval_nor_a_test_is_made_of_what_is_no_number(odd: float) -> None:
    values = np.array([0.5, odd, 0.25])
    for make in (bca_interval, sign_flip_test):
        with pytest.raises(InputError, match="not finite"):
            make(values)


def test_a_statistic_that_is_no_number_is_no_evidence() -> None:
    """A correlation with a constant once was evidence, at the least p-value there is."""
    signal = np.arange(8.0)
    with pytest.raises(InputError, match=r"the statistic is no number .*received nan"):
        permutation_test(lambda _: math.nan, signal)
    seen: list[int] = []

    def fails_when_shuffled(values: np.ndarray) -> float:
        seen.append(1)
        return 1.0 if len(seen) == 1 else math.nan

    assert permutation_test(fails_when_shuffled, signal, permutations=20).p_value == 1.0


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5, math.nan])
def test_a_level_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match=r"alpha is not usable .expected a number in .0, 1."):
        permutation_test(lambda signal: float(signal[0]), np.arange(8.0), alpha=alpha)


@settings(deadline=None, max_examples=40)
@given(marks, st.sampled_from([0.1, 0.3, 1 / 3, 1e-6, 1e-14, 7e5]))
def test_an_interval_does_not_depend_on_the_unit(values: list[int], unit: float) -> None:
    """Sums in another order round differently: ties of whole numbers once were none in tenths."""
    whole = np.array(values, dtype=np.float64)
    low, high = bca_interval(whole)
    assert bca_interval(whole * unit) == pytest.approx((low * unit, high * unit), rel=1e-9, abs=1e-9 * unit)
    assert low <= high


@settings(deadline=None, max_examples=25)
@given(marks, st.floats(0.5, 0.999))
def test_an_interval_mirrors_lies_among_the_values_and_grows_with_its_confidence(
    values: list[int], confidence: float
) -> None:
    found = np.array(values, dtype=np.float64)
    low, high = bca_interval(found, confidence=confidence)
    assert found.min() <= low <= high <= found.max()
    assert bca_interval(-found, confidence=confidence) == pytest.approx((-high, -low), abs=1e-6)
    narrow = bca_interval(found, confidence=confidence / 2)
    assert low <= narrow[0] <= narrow[1] <= high


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from([-0.3, -0.1, 0.1, 0.2, 0.3]), min_size=2, max_size=8))
def test_a_test_of_signs_counts_ties_as_the_exact_one_does(differences: list[float]) -> None:
    values = np.array(differences)
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * len(values))).reshape(len(values), -1).T
    exact = float((np.abs(signs @ values) >= abs(values.sum()) - 1e-9).mean())
    found = sign_flip_test(values)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4999) + 2 / 5000)
    assert sign_flip_test(-values) == pytest.approx(found, abs=1e-12)


def test_a_difference_that_is_everywhere_the_same_is_shown_however_small() -> None:
    twin = [0.1 * at for at in range(30)]
    found = compare_scores(scores([one - 1e-7 for one in twin]), scores(twin))
    assert found.verdict is ScoreVerdict.BETTER
    assert found.difference == pytest.approx(1e-7, rel=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_right_and_wrong_answers_may_come_in_any_order(answers: list[tuple[bool, bool]], random: Random) -> None:
    def compared(pairs: list[tuple[bool, bool]]) -> Comparison:
        return compare_correct(*(torch.tensor(column) for column in zip(*pairs, strict=True)))

    shuffled = random.sample(answers, len(answers))
    found = compared(answers)
    assert compared(shuffled) == found
    turned = compared([(twin, student) for student, twin in answers])
    assert (turned.removed, turned.p_value) == (-found.removed, found.p_value)


@pytest.mark.parametrize("n", [1, 2, 10, 10**6, 10**9])
def test_an_interval_of_one_discordant_pair_or_of_all_but_one_is_found_for_any_number(n: int) -> None:
    for b, c in ((1, 0), (0, 1), (n, 0), (0, n), (n - 1, 1), (n // 2, n - n // 2), (0, 0)):
        low, high = tango_interval(b, c, n)
        assert -1 <= low <= (b - c) / n <= high <= 1
        assert low < high


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=6), st.randoms())
def test_seeds_may_come_in_any_order_and_the_twin_is_the_mirror(
    pairs: list[tuple[float, float]], random: Random
) -> None:
    student, twin = zip(*pairs, strict=True)
    found = compare_seeds(student, twin)
    again = compare_seeds(*zip(*random.sample(pairs, len(pairs)), strict=True))
    assert again.p_value == (None if found.p_value is None else pytest.approx(found.p_value, rel=1e-6, abs=1e-12))
    assert again.difference.mean == pytest.approx(found.difference.mean, abs=1e-9)
    turned = compare_seeds(twin, student)
    assert turned.difference.mean == -found.difference.mean
    assert (turned.difference.low, turned.difference.high) == (
        pytest.approx(-found.difference.high, abs=1e-9), pytest.approx(-found.difference.low, abs=1e-9),
    )  # fmt: skip


def test_a_small_permutation_test_is_the_exact_one() -> None:
    signal, truth = np.array([3.0, 1.0, 2.0]), np.array([0.3, 0.1, 0.2])
    found = permutation_test(lambda values: float(values @ truth), signal, permutations=999)
    exact = [float(np.array(order) @ truth) for order in every_order(signal)]
    assert found.observed == pytest.approx(max(exact))
    assert found.p_value == pytest.approx(1 / 6, abs=0.05)
    assert not found.evidence


NESTED = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.integers(), st.text(max_size=3)), inner, max_size=3),
    ),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(NESTED)
def test_whatever_was_found_is_json_and_keeps_every_number_that_is_one(found: object) -> None:
    told = plain(found)
    assert json.loads(json.dumps(told, allow_nan=False)) == told

    def numbers(value: object) -> list[float]:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        own = [value] if isinstance(value, float) and math.isfinite(value) else []
        return own + [number for part in parts for number in numbers(part)]

    if not _two_keys_alike(found):
        assert numbers(told) == numbers(found)


def _two_keys_alike(value: object) -> bool:
    """Whether a dictionary has both 1 and "1", of which JSON keeps one."""
    if isinstance(value, dict):
        return len({str(key) for key in value}) < len(value) or any(map(_two_keys_alike, value.values()))
    return isinstance(value, list | tuple) and any(map(_two_keys_alike, value))
