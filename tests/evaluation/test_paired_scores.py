"""The bootstrap interval and the permutation test beside scipy's, their symmetries, and their error rates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap, permutation_test

from joryu.errors import InputError, MismatchError
from joryu.evaluation import (
    Better,
    Scores,
    ScoreVerdict,
    as_json,
    bca_interval,
    compare_evaluations,
    compare_scores,
    evaluator_for,
    paired_scores,
    sign_flip_test,
)
from joryu.questions import Question
from joryu.targets.soft_targets import SoftTargets, Space


def scores(values: object, better: Better = Better.HIGHER, name: str = "IoU") -> Scores:
    return Scores(name, torch.as_tensor(values, dtype=torch.float64), better)


def skewed(n: int, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(size=n) - 1 + shift


def test_the_interval_beside_scipy_s_on_skewed_values() -> None:
    values = skewed(60)
    found = bca_interval(values)
    expected = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    spread = values.std() / np.sqrt(60)
    assert found == pytest.approx((expected.low, expected.high), abs=0.08 * spread)
    # BCa stretches towards the tail, which the plain percentiles do less
    plain = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert found[1] > plain.high + 0.05 * spread


def test_the_interval_holds_the_mean_about_as_often_as_it_says() -> None:
    """300 sets of 60 skewed values with mean 0: 95 % ± 4 % (binomial: ± 2.5 %; the bootstrap is a little short)."""
    ends = [bca_interval(skewed(60, seed)) for seed in range(300)]
    assert np.mean([low <= 0 <= high for low, high in ends]) == pytest.approx(0.95, abs=0.04)


def test_the_p_value_beside_scipy_s_exact_one() -> None:
    values = np.array([0.3, -0.1, 0.4, 0.2, 0.35, -0.05, 0.15, 0.5])
    exact = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_test(values) == pytest.approx(exact, abs=0.01)


def test_without_a_difference_it_is_rarely_shown() -> None:
    """Symmetric noise: p <= 0.05 in 5 % of 400 sets; 20 expected, at most 28 by the binomial's 97.5 %."""
    generator = np.random.default_rng(0)
    p_values = [sign_flip_test(generator.standard_normal(25)) for _ in range(400)]
    assert 8 <= sum(p <= 0.05 for p in p_values) <= 30


def test_a_comparison_by_hand_in_both_directions() -> None:
    """Twin 0.5 everywhere, student 0.6 in half of the pictures and 0.8 in the others: 0.2 better on average."""
    twin, student = np.full(40, 0.5), np.tile([0.6, 0.8], 20)
    for better, sign in ((Better.HIGHER, 1), (Better.LOWER, -1)):
        found = compare_scores(scores(student, better), scores(twin, better))
        assert found.difference == pytest.approx(sign * 0.2)
        assert (found.n, found.left_out) == (40, 0)
        assert (found.student_mean, found.twin_mean) == pytest.approx((0.7, 0.5))
        # the normal interval of forty differences with standard deviation 0.1
        half = 1.96 * 0.1 / np.sqrt(40)
        assert sorted([abs(found.difference_low), abs(found.difference_high)]) == pytest.approx(
            [0.2 - half, 0.2 + half], abs=0.004
        )
        assert found.verdict is (ScoreVerdict.BETTER if sign > 0 else ScoreVerdict.WORSE)
        assert as_json(found)["score"] == "IoU"


def test_a_mirror_changes_the_sign_alone() -> None:
    one, other = scores(skewed(30)), scores(skewed(30, seed=1))
    found, back = compare_scores(one, other), compare_scores(other, one)
    assert found.difference == -back.difference
    assert found.p_value == back.p_value
    assert (found.difference_low, found.difference_high) == pytest.approx(
        (-back.difference_high, -back.difference_low), abs=0.03
    )


def test_the_seed_decides_and_the_level_widens() -> None:
    one, other = scores(skewed(30)), scores(skewed(30, seed=1))
    assert compare_scores(one, other) == compare_scores(one, other)
    narrow, wide = compare_scores(one, other, confidence=0.8), compare_scores(one, other, confidence=0.99)
    assert wide.difference_low < narrow.difference_low < narrow.difference_high < wide.difference_high


@pytest.mark.parametrize("gap", [0.0, 0.25])
def test_one_and_the_same_difference_everywhere(gap: float) -> None:
    twin = torch.rand(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = compare_scores(scores(twin + gap), scores(twin))
    assert (found.difference_low, found.difference_high) == pytest.approx((gap, gap), abs=1e-12)
    assert found.verdict is (ScoreVerdict.BETTER if gap else ScoreVerdict.NOT_SHOWN)


def test_two_examples_show_nothing() -> None:
    """Four signs, two of which give the same: p about 1/2, whatever the interval says."""
    found = compare_scores(scores([0.9, 0.8]), scores([0.1, 0.2]))
    assert found.p_value == pytest.approx(0.5, abs=0.03)
    assert found.verdict is ScoreVerdict.NOT_SHOWN


def test_examples_without_a_score_are_left_out() -> None:
    nan = float("nan")
    found = compare_scores(scores([0.5, nan, 0.7, 0.9]), scores([0.4, nan, 0.7, 0.5]))
    assert (found.n, found.left_out) == (3, 1)
    assert found.difference == pytest.approx(0.5 / 3)
    with pytest.raises(MismatchError, match="not judged by the same examples"):
        compare_scores(scores([0.5, nan, 0.7]), scores([0.4, 0.3, 0.7]))
    with pytest.raises(InputError, match="too few examples"):
        compare_scores(scores([0.5, nan]), scores([0.4, nan]))


def test_what_cannot_be_paired_is_refused() -> None:
    with pytest.raises(MismatchError, match="same examples"):
        compare_scores(scores([0.5, 0.6]), scores([0.5]))
    with pytest.raises(MismatchError, match=r"two kinds.*expected IoU; received squared error"):
        compare_scores(scores([0.5, 0.6]), scores([0.5, 0.6], name="squared error"))
    with pytest.raises(InputError, match="confidence"):
        compare_scores(scores([0.5, 0.6]), scores([0.5, 0.7]), confidence=95)


def test_right_and_wrong_answers_are_not_paired_with_likeness() -> None:
    question = Question.one_of(2)
    labelled = evaluator_for(question)
    labelled.add({"main": torch.eye(2)}, torch.tensor([0, 1]))
    judged = labelled.result()
    twin = evaluator_for(question)
    twin.add({"main": torch.eye(2)[:1]}, torch.tensor([0]))
    with pytest.raises(MismatchError, match="same examples"):
        compare_evaluations(question, judged, twin.result())
    alike = evaluator_for(question)
    targets = SoftTargets(values=torch.eye(2), space=Space.LOGITS, question=question)
    alike.add({"main": torch.eye(2)}, None, targets)
    with pytest.raises(MismatchError, match="expected right answer; received teacher's answer"):
        compare_evaluations(question, judged, alike.result())


def test_drawing_in_small_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = skewed(50)
    whole = bca_interval(values)
    monkeypatch.setattr(paired_scores, "_AT_ONCE", 1200)
    assert bca_interval(values) == whole
    assert sign_flip_test(values) == pytest.approx(sign_flip_test(values[::-1].copy()), abs=0.03)
