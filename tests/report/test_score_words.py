"""The headline of a comparison by scores: every verdict, for scores of which more is better and of which less is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from joryu.evaluation.paired_scores import ScoreComparison, ScoreVerdict
from joryu.report.score_words import score_headline

#: 40 examples; the student's IoU is .62 and its twin's .5
BETTER = ScoreComparison(
    score="IoU", n=40, left_out=0, student_mean=0.62, twin_mean=0.5, difference=0.12, difference_low=0.08,
    difference_high=0.16, confidence=0.95, p_value=0.0003,
)  # fmt: skip
#: of an error less is better: the improvement is positive where the mean is lower
LESS = replace(BETTER, score="squared error", student_mean=0.5, twin_mean=0.62)


def worse(one: ScoreComparison) -> ScoreComparison:
    """The other way round."""
    return replace(
        one, student_mean=one.twin_mean, twin_mean=one.student_mean, difference=-one.difference,
        difference_low=-one.difference_high, difference_high=-one.difference_low,
    )  # fmt: skip


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("’", "'")


@pytest.mark.parametrize(
    ("found", "verdict", "title", "mood"),
    [
        (BETTER, "BETTER", "Distilling raised mean IoU by 0.12 (95 % interval 0.08 to 0.16)", "good"),
        (LESS, "BETTER", "Distilling lowered mean squared error by 0.12 (95 % interval 0.08 to 0.16)", "good"),
        (worse(BETTER), "WORSE", "Distilling hurt: it lowered mean IoU by 0.12 (95 % interval 0.08 to 0.16)", "bad"),
        (
            worse(LESS), "WORSE",
            "Distilling hurt: it raised mean squared error by 0.12 (95 % interval 0.08 to 0.16)", "bad",
        ),
        (
            replace(BETTER, difference_low=-0.01), "NOT_SHOWN",
            "No difference shown between the student and its twin", "open",
        ),
        (replace(BETTER, p_value=0.2), "NOT_SHOWN", "No difference shown between the student and its twin", "open"),
    ],
)  # fmt: skip
def test_every_verdict_by_hand(found: ScoreComparison, verdict: str, title: str, mood: str) -> None:
    assert found.verdict is ScoreVerdict[verdict]
    said = score_headline(found)
    assert plain(said.title) == title
    assert said.tone == mood


@pytest.mark.parametrize(
    ("low", "high", "reach"),
    [
        (-0.02, 0.1, "between 0.02 worse and 0.1 better"),
        (0.01, 0.1, "between 0.01 and 0.1 better"),
        (-0.1, -0.01, "between 0.01 and 0.1 worse"),
        (0.0, 0.1, "between 0 worse and 0.1 better"),
    ],
)
def test_what_is_not_shown_says_what_may_be(low: float, high: float, reach: str) -> None:
    found = replace(BETTER, difference_low=low, difference_high=high, p_value=0.2)
    assert f"may make the mean IoU {reach} (95 % confidence interval" in plain(score_headline(found).detail)


@pytest.mark.parametrize("found", [BETTER, worse(BETTER), replace(BETTER, p_value=0.3)])
def test_both_means_and_the_test_are_said_whatever_came_out(found: ScoreComparison) -> None:
    said = plain(score_headline(found).detail)
    assert "On 40 examples the student's mean IoU is" in said
    assert ("p = 0.0003" if found.p_value < 0.1 else "p = 0.30") in said.replace("0.00030", "0.0003")
    assert "left out" not in said


def test_examples_without_a_score_are_counted() -> None:
    said = plain(score_headline(replace(BETTER, left_out=2)).detail)
    assert said.startswith("On 40 examples (2 examples without a score left out) the student's")


def test_a_mean_of_average_precision_is_called_what_it_is() -> None:
    said = plain(score_headline(replace(BETTER, score="average precision")).title)
    assert said.startswith("Distilling raised average precision per example by 0.12")
