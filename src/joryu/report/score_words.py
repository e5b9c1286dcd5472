"""The headline where every example has a score: whether distilling helped, as far as the paired test shows it."""

from __future__ import annotations

from joryu.evaluation import ScoreComparison, ScoreVerdict
from joryu.report.headline import Headline
from joryu.report.wording import p_value, percent, plural, quantity


def score_headline(found: ScoreComparison) -> Headline:
    """The headline that compares the mean scores of student and twin.

    >>> found = ScoreComparison(
    ...     score="IoU", n=40, left_out=0, student_mean=0.80, twin_mean=0.769, difference=0.031, difference_low=0.012,
    ...     difference_high=0.05, confidence=0.95, p_value=0.0002,
    ... )
    >>> print(score_headline(found).title.replace(chr(160), " "))
    Distilling raised mean IoU by 0.031 (95 % interval 0.012 to 0.05)
    """
    return {
        ScoreVerdict.BETTER: _helped,
        ScoreVerdict.WORSE: _hurt,
        ScoreVerdict.NOT_SHOWN: _undecided,
    }[found.verdict](found)


def _helped(found: ScoreComparison) -> Headline:
    ends = f"{quantity(found.difference_low)} to {quantity(found.difference_high)}"
    return Headline(
        f"Distilling {_moved(found)} by {quantity(found.difference)} ({_level(found)} interval {ends})",
        f"{_means(found)} Permutation test {p_value(found.p_value)}.",
        "good",
    )


def _hurt(found: ScoreComparison) -> Headline:
    ends = f"{quantity(-found.difference_high)} to {quantity(-found.difference_low)}"
    return Headline(
        f"Distilling hurt: it {_moved(found)} by {quantity(-found.difference)} ({_level(found)} interval {ends})",
        f"{_means(found)} Permutation test {p_value(found.p_value)}.",
        "bad",
    )


def _undecided(found: ScoreComparison) -> Headline:
    low, high = found.difference_low, found.difference_high
    if low <= 0 <= high:
        reach = f"between {quantity(-low)} worse and {quantity(high)} better"
    elif low > 0:
        reach = f"between {quantity(low)} and {quantity(high)} better"
    else:
        reach = f"between {quantity(-high)} and {quantity(-low)} worse"
    return Headline(
        "No difference shown between the student and its twin",
        f"{_means(found)} Distilling may make the {_mean(found)} {reach} ({_level(found)} confidence interval;"
        f" permutation test {p_value(found.p_value)}). More test examples, or several seeds, would tell.",
        "open",
    )


def _moved(found: ScoreComparison) -> str:
    return f"{'raised' if found.student_mean > found.twin_mean else 'lowered'} {_mean(found)}"


def _means(found: ScoreComparison) -> str:
    left = f" ({plural(found.left_out, 'example')} without a score left out)" if found.left_out else ""
    return (
        f"On {plural(found.n, 'example')}{left} the student’s {_mean(found)} is {quantity(found.student_mean)};"
        f" that of its twin, the same network trained on hard labels only, is {quantity(found.twin_mean)}."
    )


def _level(found: ScoreComparison) -> str:
    return percent(found.confidence, 0)


_MEANS = {"average precision": "average precision per example"}  #: scores for which "mean SCORE" means something else


def _mean(found: ScoreComparison) -> str:
    return _MEANS.get(found.score, f"mean {found.score}")
