"""The headline where answers are right or wrong: whether distilling helped, as far as the paired test shows it."""

from __future__ import annotations

from typing import NamedTuple

from joryu.evaluation import Comparison, Verdict
from joryu.report.wording import errors, p_value, percent, plural


class Headline(NamedTuple):
    """The title of a page and the sentence below it; ``tone`` is ``good``, ``bad`` or ``open``."""

    title: str
    detail: str
    tone: str


NO_TWIN = "Whether distilling helped cannot be said: there is no twin, the same student trained on hard labels only."


def headline(comparison: Comparison | None, student_errors: int, n: int) -> Headline:
    """The headline of a page about classes: of student and twin, or without a twin of the student's errors alone.

    >>> print(headline(None, 43, 1797).title)
    The student makes 43 errors on 1,797 examples
    """
    if comparison is None:
        return Headline(
            f"The student makes {plural(student_errors, 'error')} on {plural(n, 'example')}",
            NO_TWIN,
            "open",
        )
    return {
        Verdict.FEWER_ERRORS: _helped,
        Verdict.MORE_ERRORS: _hurt,
        Verdict.NOT_SHOWN: _undecided,
    }[comparison.verdict](comparison)


def _helped(found: Comparison) -> Headline:
    return Headline(
        f"Distilling removed {found.removed:,} of {plural(found.twin_errors, 'error')}"
        f" ({percent(found.removed_share, 0)})",
        f"{_counts(found)} {_level(found)} confidence interval: {errors(found.removed_low)} to"
        f" {errors(found.removed_high)} errors removed; exact McNemar test {p_value(found.p_value)}.",
        "good",
    )


def _hurt(found: Comparison) -> Headline:
    return Headline(
        f"Distilling hurt: {plural(-found.removed, 'error')} more than without a teacher",
        f"{_counts(found)} {_level(found)} confidence interval: {errors(-found.removed_high)} to"
        f" {errors(-found.removed_low)} errors added; exact McNemar test {p_value(found.p_value)}.",
        "bad",
    )


def _undecided(found: Comparison) -> Headline:
    low, high = found.removed_low, found.removed_high
    if low <= 0 <= high:
        reach = f"between {errors(-low)} more and {errors(high)} fewer errors"
    elif low > 0:
        reach = f"between {errors(low)} and {errors(high)} fewer errors"
    else:
        reach = f"between {errors(-high)} and {errors(-low)} more errors"
    return Headline(
        "No difference shown between the student and its twin",
        f"{_counts(found)} Distilling may mean {reach} ({_level(found)} confidence interval; exact McNemar test"
        f" {p_value(found.p_value)}). More test examples, or several seeds, would tell.",
        "open",
    )


def _counts(found: Comparison) -> str:
    return (
        f"On {plural(found.n, 'example')} the student makes {plural(found.student_errors, 'error')};"
        f" its twin, the same network trained on hard labels only, makes {found.twin_errors:,}."
    )


def _level(found: Comparison) -> str:
    return percent(found.confidence, 0)
