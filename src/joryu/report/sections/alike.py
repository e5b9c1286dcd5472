"""The section for examples without labels. How far student and teacher agree stands at the top of the page already."""

from __future__ import annotations

from collections.abc import Mapping

from joryu.evaluation import Evaluated
from joryu.report.data import Role
from joryu.report.sections.section import Definitions, HeadlineBars, MeasureRow, Section

DEFINITIONS: Definitions = (
    (
        "Agreement",
        "How often, or how far, student and teacher give the same answer. The teacher may be wrong there, and then so"
        " is the student.",
    ),
    ("KL", "Mean of Σ p log(p / q) with the teacher’s p and the student’s q, both at T = 1; 0 for equal answers."),
)


def _rows(evaluations: Mapping[Role, Evaluated]) -> list[MeasureRow]:
    del evaluations
    return []


def _race(evaluations: Mapping[Role, Evaluated]) -> HeadlineBars | None:
    del evaluations
    return None


SECTION = Section("plain.html.j2", DEFINITIONS, rows=_rows, race=_race)
