"""The sections of the page: a table from the type of an evaluation to its section."""

from __future__ import annotations

from joryu.evaluation import (
    ClassEvaluation,
    GradedEvaluation,
    LikenessEvaluation,
    NumberEvaluation,
    PixelEvaluation,
    TagEvaluation,
    TagLikenessEvaluation,
)
from joryu.report.findings import Findings
from joryu.report.sections import alike, classes, graded, numbers, pixels, tag_coverage, tags
from joryu.report.sections.section import HeadlineBars, MeasureRow, Runner, Section

SECTIONS: dict[type, Section] = {
    ClassEvaluation: classes.SECTION,
    GradedEvaluation: graded.SECTION,
    TagEvaluation: tags.SECTION,
    PixelEvaluation: pixels.SECTION,
    NumberEvaluation: numbers.SECTION,
    LikenessEvaluation: alike.SECTION,
    TagLikenessEvaluation: tag_coverage.SECTION,
}
"""By the type of the student's evaluation."""


def section_of(findings: Findings) -> Section:
    """The section that shows the evaluations of these findings."""
    return SECTIONS[type(findings.of_student)]


__all__ = ["SECTIONS", "HeadlineBars", "MeasureRow", "Runner", "Section", "section_of"]
