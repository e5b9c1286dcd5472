"""How the page shows student against twin: headline, interval and numbers, by the type of the comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from joryu.evaluation import Comparison, Paired, ScoreComparison, as_json
from joryu.report.charts import Interval, removed_interval, score_interval
from joryu.report.headline import Headline, headline
from joryu.report.score_words import score_headline
from joryu.report.wording import percent


class ComparisonWords(NamedTuple):
    """The functions that show comparisons of one type."""

    headline: Callable[[Any], Headline]
    interval: Callable[[Any], Interval]
    caption: Callable[[Any], str]  #: of the interval
    numbers: Callable[[Any], dict[str, object]]


def _of_errors(found: Comparison) -> dict[str, object]:
    return as_json(found) | {
        "removed": found.removed,
        "removed_low": found.removed_low,
        "removed_high": found.removed_high,
        "removed_share": found.removed_share,
    }


COMPARED: dict[type, ComparisonWords] = {
    Comparison: ComparisonWords(
        headline=lambda found: headline(found, found.student_errors, found.n),
        interval=removed_interval,
        caption=lambda found: f"Errors removed by distilling, with {percent(found.confidence, 0)} confidence interval",
        numbers=_of_errors,
    ),
    ScoreComparison: ComparisonWords(
        headline=score_headline,
        interval=score_interval,
        caption=lambda found: (
            f"Mean {found.score} improved by distilling, with {percent(found.confidence, 0)} confidence interval"
        ),
        numbers=as_json,
    ),
}
"""By the type of the comparison."""


def comparison_numbers(found: Paired | None) -> dict[str, object] | None:
    """The comparison as JSON-able numbers, with its verdict; ``None`` where nothing was compared."""
    return None if found is None else COMPARED[type(found)].numbers(found) | {"verdict": str(found.verdict)}


def shown_better(found: Paired | None) -> bool:
    """Whether both the test and the confidence interval show that the student is better than its twin."""
    return found is not None and headline_of(found).tone == "good"


def headline_of(found: Paired) -> Headline:
    """The headline that compares student and twin."""
    return COMPARED[type(found)].headline(found)
