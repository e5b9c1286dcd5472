"""The first thing on the page: did distilling help, in plain words and no more than the examples allow."""

from __future__ import annotations

from typing import NamedTuple

from joryu.evaluation import Comparison, Likeness, Verdict
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.wording import errors, p_value, percent, plural, ratio


class Headline(NamedTuple):
    """``tone`` is ``good``, ``bad`` or ``open``."""

    title: str
    detail: str
    tone: str


class Fact(NamedTuple):
    """One number with the sentence that gives it meaning."""

    value: str
    caption: str


def first_words(findings: Findings) -> Headline:
    """What the page of these findings says first."""
    if findings.alike is not None:
        return _alike(findings.alike)
    student = findings.evaluations[Role.STUDENT]
    return headline(findings.against_twin, student.errors, student.n)


def headline(comparison: Comparison | None, student_errors: int, n: int) -> Headline:
    """What the page says first; without a twin it claims nothing about distilling.

    >>> print(headline(None, 43, 1797).title)
    The student makes 43 errors on 1,797 examples
    """
    if comparison is None:
        return Headline(
            f"The student makes {plural(student_errors, 'error')} on {plural(n, 'example')}",
            "Whether distilling helped cannot be said: there is no twin, the same student trained on hard labels only.",
            "open",
        )
    return {
        Verdict.FEWER_ERRORS: _helped,
        Verdict.MORE_ERRORS: _hurt,
        Verdict.NOT_SHOWN: _undecided,
    }[comparison.verdict](comparison)


def _alike(found: Likeness) -> Headline:
    return Headline(
        f"The student gives its teacher’s answer on {percent(found.top1)} of {plural(found.n, 'example')}",
        "Nobody labelled these examples, so nothing is said about accuracy, and there can be no twin: this is how far"
        f" the student agrees with its teacher. Mean divergence KL(teacher ‖ student): {found.kl:.4f} nats.",
        "open",
    )


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


def facts(run: ReportData, findings: Findings) -> list[Fact]:
    """The few numbers beside the headline, each only where it means something."""
    found: list[Fact] = []
    evaluations = findings.evaluations
    shown = findings.against_twin is not None and findings.against_twin.verdict is Verdict.FEWER_ERRORS
    if shown and Role.TEACHER in evaluations:
        gap = evaluations[Role.TWIN].errors - evaluations[Role.TEACHER].errors
        closed = evaluations[Role.TWIN].errors - evaluations[Role.STUDENT].errors
        if gap > 0:
            found.append(Fact(percent(closed / gap, 0), "of the gap between twin and teacher is closed"))
    if run.teacher is not None:
        found += _savings(run)
    likeness = evaluations[Role.STUDENT].agreement if evaluations else None
    if likeness is not None:
        found.append(Fact(percent(likeness.top1), "of the student’s answers are the teacher’s"))
    return found


def _savings(run: ReportData) -> list[Fact]:
    teacher, student = run.cards[Role.TEACHER], run.student
    found = []
    if teacher.parameters and student.parameters and teacher.parameters > student.parameters:
        found.append(Fact(ratio(teacher.parameters / student.parameters), "fewer parameters than the teacher"))
    if teacher.latency and student.latency and teacher.latency.milliseconds > student.latency.milliseconds:
        times = teacher.latency.milliseconds / student.latency.milliseconds
        found.append(Fact(ratio(times), "faster than the teacher, one example at a time"))
    return found
