"""The top of a page: its headline, and a few numbers beside it."""

from __future__ import annotations

from typing import NamedTuple

from joryu.report.comparisons import headline_of, shown_better
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.headline import NO_TWIN, Headline
from joryu.report.likeness_words import likeness_headline, likeness_of
from joryu.report.sections import section_of
from joryu.report.sooner import Sooner
from joryu.report.wording import percent, plural, ratio


class Fact(NamedTuple):
    """One number with the sentence that gives it meaning."""

    value: str
    caption: str


def first_words(findings: Findings) -> Headline:
    """The headline of the page with these findings."""
    if findings.alike is not None:
        return likeness_headline(findings.alike)
    if findings.against_twin is not None:
        return headline_of(findings.against_twin)
    why = UNPAIRED if Role.TWIN in findings.evaluations else NO_TWIN
    return Headline(section_of(findings).alone(findings.of_student), why, "open")


UNPAIRED = (
    "Whether distilling helped cannot be said: fewer than two examples have a score by which student and twin could be"
    " compared, or one has a score that is not finite."
)


def facts(run: ReportData, findings: Findings) -> list[Fact]:
    """The numbers beside the headline; one that means nothing for this run is left out."""
    found = _gap(findings)
    if findings.sooner is not None:
        found.append(_sooner(findings.sooner))
    if run.teacher is not None:
        found += _savings(run)
    alike = likeness_of(findings.of_student)
    if findings.alike is None and alike is not None and alike[0].value is not None:
        found.append(Fact(alike[1].value(alike[0].value), alike[1].caption))
    return found


def _gap(findings: Findings) -> list[Fact]:
    """The share of the gap between twin and teacher that the student closes, by the first measure."""
    if not shown_better(findings.against_twin) or Role.TEACHER not in findings.evaluations:
        return []
    first = {role: found.measures[0] for role, found in findings.evaluations.items()}
    values = [first[role].value for role in (Role.TEACHER, Role.STUDENT, Role.TWIN)]
    if None in values:
        return []
    teacher, student, twin = (value for value in values if value is not None)
    sign = 1 if first[Role.STUDENT].better == "higher" else -1
    if sign * (teacher - twin) <= 0:
        return []
    return [Fact(percent((student - twin) / (teacher - twin), 0), "of the gap between twin and teacher is closed")]


def _sooner(found: Sooner) -> Fact:
    if found.student is None:
        return Fact("never", f"did the student reach its twin’s best validation loss ({found.loss:.4g})")
    epochs, goal = plural(found.student.epoch, "epoch"), "to reach its twin’s best validation loss"
    instead = f"as many as its twin took, {goal}"
    if found.student.epoch != found.twin.epoch:
        instead = f"instead of {found.twin.epoch:,} {goal}"
    share = "" if found.time_share is None else f" ({found.time_share:.2g} of the time)"
    return Fact(epochs, f"{instead}{share}")


def _savings(run: ReportData) -> list[Fact]:
    teacher, student = run.cards[Role.TEACHER], run.student
    found = []
    if teacher.parameters and student.parameters and teacher.parameters > student.parameters:
        found.append(Fact(ratio(teacher.parameters / student.parameters), "fewer parameters than the teacher"))
    if teacher.latency and student.latency and teacher.latency.milliseconds > student.latency.milliseconds:
        times = teacher.latency.milliseconds / student.latency.milliseconds
        found.append(Fact(ratio(times), "faster than the teacher, one example at a time, on one thread"))
    return found
