"""`Section`: the part of a page that depends on the type of the student's evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from joryu.evaluation import Better, Evaluated
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.wording import measured, plural

ARROWS = {Better.HIGHER: "↑", Better.LOWER: "↓"}

Definitions = tuple[tuple[str, str], ...]
"""Words of the page with what they mean."""

TWIN: Definitions = (
    (
        "Twin",
        "The same student trained on hard labels alone with the same start, budget and seed. It is the control: what"
        " distilling adds is the difference to the twin.",
    ),
)

PAIRED: Definitions = (
    (
        "Confidence interval, test",
        "Student and twin answer the same examples, so they are compared in pairs: Efron’s BCa bootstrap interval"
        " (1987) of the mean difference of their scores, and a sign-flip permutation test. A difference is called shown"
        " only when both say so. They speak about other examples of the same kind, not about other seeds.",
    ),
)

GAP: Definitions = (
    (
        "Gap closed",
        "(student − twin) / (teacher − twin), by the first measure of the table.",
    ),
)

SOONER: Definitions = (
    (
        "Sooner",
        "The first epoch in which the student’s validation loss is at or below the lowest that its twin ever had; the"
        " same examples validate both, in epochs of as many steps.",
    ),
)


class MeasureRow(NamedTuple):
    """One row of the models' table: what is measured, which way is better, and one text per model."""

    name: str
    better: str  #: ``"↑"``, ``"↓"`` or ``""``
    cells: dict[Role, str]


class Runner(NamedTuple):
    """One model's bar: its width in percent of the full width, and its number as text."""

    width: float
    text: str


class HeadlineBars(NamedTuple):
    """The headline's measure as one bar per model."""

    title: str
    runners: dict[Role, Runner]


def measure_rows(evaluations: Mapping[Role, Evaluated]) -> list[MeasureRow]:
    """A row for every measure that at least one model has, in the evaluations' order."""
    found: dict[str, MeasureRow] = {}
    for role, evaluation in evaluations.items():
        for one in evaluation.measures:
            row = found.setdefault(one.name, MeasureRow(_headed(one.name), ARROWS[one.better], {}))
            row.cells[role] = measured(one.value, one.unit)
    return list(found.values())


def _headed(name: str) -> str:
    """A measure's name at the head of a row: with a capital, unless it is an abbreviation such as nDCG."""
    return name if name[1:2].isupper() else name[0].upper() + name[1:]


def first_measure(found: Evaluated) -> str:
    """The first measure of an evaluation as a sentence."""
    first = found.measures[0]
    return f"The student’s {first.name} is {measured(first.value, first.unit)} on {plural(found.n, 'example')}"


def measure_race(evaluations: Mapping[Role, Evaluated]) -> HeadlineBars | None:
    """Bars of the first measure, relative to the largest; ``None`` if a model does not have the measure."""
    first = {role: found.measures[0] for role, found in evaluations.items()}
    values = {role: one.value for role, one in first.items() if one.value is not None}
    student = first[Role.STUDENT]
    if len(values) < len(first) or min(values.values()) < 0:
        return None
    most = max(values.values()) or 1.0
    name, examples = student.name[0].upper() + student.name[1:], plural(evaluations[Role.STUDENT].n, "example")
    return HeadlineBars(
        f"{name} on {examples}, {student.better} is better",
        {role: Runner(round(100 * value / most, 1), measured(value, student.unit)) for role, value in values.items()},
    )


def nothing_more(run: ReportData, findings: Findings) -> dict[str, object]:
    """For evaluations that need nothing beyond the table of measures: an empty context."""
    del run, findings
    return {}


class Section(NamedTuple):
    """How evaluations of one type are shown. ``Any`` in a field's type stands for that type of evaluation."""

    template: str  #: below ``templates/sections``
    definitions: Definitions
    context: Callable[[ReportData, Findings], dict[str, object]] = nothing_more  #: what fills in the template
    rows: Callable[[Mapping[Role, Any]], list[MeasureRow]] = measure_rows  #: rows of the models' table
    alone: Callable[[Any], str] = first_measure  #: the page's title if there is no twin
    race: Callable[[Mapping[Role, Any]], HeadlineBars | None] = measure_race
