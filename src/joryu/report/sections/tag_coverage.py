"""The section for tags that a teacher answered alone: which it returned, how the student follows, calibration to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from joryu.evaluation import TagCoverage, TagLikenessEvaluation
from joryu.report import wording
from joryu.report.charts import reliability_dots
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.sections import alike
from joryu.report.sections.section import Definitions, measure_rows
from joryu.targets.calibration import expected_calibration_error

FIRST = 15  #: tags shown before "more"
MOST = 400  #: the most tags shown; the downloaded numbers hold all

COVERAGE: Definitions = (
    (
        "Returned, bounded, unknown",
        "What a teacher says of a tag: its probability; that it lies below a bound, as it was not returned; or"
        " nothing. Not returned is not zero.",
    ),
)
DEFINITIONS: Definitions = (
    *alike.DEFINITIONS,
    *COVERAGE,
    (
        "Average precision",
        "The area under precision against recall of a ranking, here of the teacher’s tags: positive where it says more"
        " than one half, negative where it is known not to.",
    ),
    (
        "nDCG",
        "The teacher’s probabilities of the student’s five best tags, discounted by their place, over those of the best"
        " order; 1 where the order is the teacher’s.",
    ),
    (
        "Calibration error to the teacher",
        "Over the tags that the teacher returned, in 15 bins of the student’s probability: the mean gap to the"
        " teacher’s.",
    ),
)


class CoverageRow(NamedTuple):
    """One tag: how often it was returned, and what student and teacher say there."""

    name: str
    returned: str
    bounded: str
    unknown: str
    teacher: str
    student: dict[Role, str]
    precision: dict[Role, str]


def coverage_rows(coverages: Mapping[Role, Sequence[TagCoverage]], *, limit: int = MOST) -> list[CoverageRow]:
    """One row for each tag, the most often returned first; of several models those that have been compared."""
    first = next(iter(coverages.values()))
    order = sorted(range(len(first)), key=lambda at: (-first[at].returned, at))[:limit]
    return [
        CoverageRow(
            name=first[at].name,
            returned=wording.count(first[at].returned),
            bounded=wording.count(first[at].bounded),
            unknown=wording.count(first[at].unknown),
            teacher=wording.percent(first[at].teacher_prob),
            student={role: wording.percent(found[at].student_prob) for role, found in coverages.items()},
            precision={role: wording.number(found[at].average_precision) for role, found in coverages.items()},
        )
        for at in order
    ]


def coverage_context(coverages: Mapping[Role, Sequence[TagCoverage]]) -> dict[str, object]:
    """What the table of coverage is filled in with."""
    rows = coverage_rows(coverages)
    return {
        "coverage": rows,
        "coverage_first": FIRST,
        "coverage_roles": list(coverages),
        "n_tags": len(next(iter(coverages.values()))),
    }


def context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the template is filled in with: the table of coverage, and the reliability diagram against the teacher."""
    del run
    found = cast(TagLikenessEvaluation, findings.of_student)
    said = {Role.STUDENT: found} if any(part.count for part in found.reliability) else {}
    return {
        **coverage_context({Role.STUDENT: found.per_tag}),
        "measures": measure_rows({Role.STUDENT: found}),
        "reliability": {role: reliability_dots(one.reliability) for role, one in said.items()},
        "ece": {role: wording.percent(expected_calibration_error(one.reliability), 2) for role, one in said.items()},
    }


SECTION = alike.SECTION._replace(template="tag_coverage.html.j2", definitions=DEFINITIONS, context=context)
