"""The section for tags: each tag by itself, and the calibration of the probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

from joryu.evaluation import TagEvaluation
from joryu.report import wording
from joryu.report.charts import reliability_dots
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.sections.section import (
    GAP,
    PAIRED,
    SOONER,
    TWIN,
    Definitions,
    Section,
)
from joryu.report.sections.tag_coverage import COVERAGE, coverage_context

FIRST = 15  #: tags shown before "more"
MOST = 400  #: the most tags shown; the downloaded numbers hold all

DEFINITIONS: Definitions = (
    *TWIN,
    *PAIRED,
    (
        "Average precision",
        "The area under precision against recall of a ranking: of the examples by one tag (macro: the mean over the"
        " tags), of all pairs of example and tag (micro), or of the tags of one example (per example, by which student"
        " and twin are compared). Not defined without a positive and a negative.",
    ),
    (
        "Calibration error",
        "The mean gap between probability and how often the tag holds, in 15 equal-width bins, weighted by their pairs"
        " of example and tag.",
    ),
    (
        "Cross-entropy",
        "Mean of −log p of the tag being as it is, over known pairs of example and tag, in nats.",
    ),
    (
        "Precision, recall and nDCG at 5",
        "Of an example’s five best tags: the share that hold, the share of those that hold, and how well they are"
        " ordered (1: all that hold come first).",
    ),
    *COVERAGE,
    *GAP,
    *SOONER,
)


class TagRow(NamedTuple):
    """One tag: how many examples have it, and every model's average precision, bias and calibration."""

    name: str
    positives: str
    known: str
    precision: dict[Role, str]
    best: Role | None  #: student or twin, whichever has the higher average precision
    bias: dict[Role, str]  #: the mean probability beside the share of examples that have the tag
    calibration: dict[Role, str]


def tag_rows(evaluations: Mapping[Role, TagEvaluation], *, limit: int = MOST) -> list[TagRow]:
    """One row per tag, the most frequent first."""
    student = evaluations[Role.STUDENT].per_tag
    order = sorted(range(len(student)), key=lambda at: (-student[at].positives, at))[:limit]
    return [_tag_row(evaluations, at) for at in order]


def _tag_row(evaluations: Mapping[Role, TagEvaluation], at: int) -> TagRow:
    of_tag = {role: found.per_tag[at] for role, found in evaluations.items()}
    mine = of_tag[Role.STUDENT]
    twin = of_tag[Role.TWIN].average_precision if Role.TWIN in of_tag else None
    best = None
    if mine.average_precision is not None and twin is not None and mine.average_precision != twin:
        best = Role.STUDENT if mine.average_precision > twin else Role.TWIN
    return TagRow(
        name=mine.name,
        positives=wording.count(mine.positives),
        known=wording.count(mine.known),
        precision={role: wording.number(one.average_precision) for role, one in of_tag.items()},
        best=best,
        bias={
            role: wording.ABSENT
            if one.mean_prob is None or one.share is None
            else f"{100 * (one.mean_prob - one.share):+.1f}".replace("-", "−")
            for role, one in of_tag.items()
        },
        calibration={role: wording.percent(one.calibration_error) for role, one in of_tag.items()},
    )


def context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the template is filled in with: the table of tags, and reliability diagrams."""
    del run
    evaluations = {role: cast(TagEvaluation, found) for role, found in findings.evaluations.items()}
    student = evaluations[Role.STUDENT]
    covered = {role: found.coverage for role, found in evaluations.items() if found.coverage}
    return {
        **(coverage_context(covered) if any(tag.returned < student.n for tag in student.coverage) else {}),
        "tags": tag_rows(evaluations),
        "n_tags": len(student.per_tag),
        "unranked": student.unranked,
        "first": FIRST,
        "roles": list(evaluations),
        "reliability": {role: reliability_dots(found.reliability) for role, found in evaluations.items()},
        "ece": {role: wording.percent(found.ece, 2) for role, found in evaluations.items()},
        "longest": max(len(tag.name) for tag in student.per_tag),
    }


SECTION = Section("tags.html.j2", DEFINITIONS, context)
