"""The section for pixels: masks over pictures, and the overlap (IoU) of each class or tag over the whole set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

from joryu.evaluation import PixelEvaluation
from joryu.questions import UNKNOWN, Question
from joryu.report import wording
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.sections.overlays import COLOURS, EXTRA, MISSED, RIGHT, UNSURE, colour_of, overlays, shown_outputs
from joryu.report.sections.section import (
    GAP,
    PAIRED,
    SOONER,
    TWIN,
    Definitions,
    Section,
)

FIRST = 20  #: classes shown before "more"

DEFINITIONS: Definitions = (
    *TWIN,
    *PAIRED,
    (
        "IoU",
        "Pixels that label and answer share, over the pixels that either has; 1 where both have none. Mean IoU is the"
        " mean over the pictures (of several classes, of those that label or answer have); over the set, all pixels are"
        " added up first.",
    ),
    ("Dice", "Twice the pixels that label and answer share, over the sum of the pixels of both."),
    (
        "Precision at IoU 0.50–0.95",
        "The mean over ten thresholds of the share of pictures whose IoU is greater (Kaggle’s salt challenge).",
    ),
    (
        "Boundary F",
        "Of the answer’s boundary pixels the share near the true boundary, of the true ones the share near the"
        " answer’s, and their harmonic mean; near is within 0.75 % of the diagonal, and at least a pixel.",
    ),
    ("Cross-entropy", "Mean of −log p of what a pixel is, over a picture, then over the pictures, in nats."),
    *GAP,
    *SOONER,
)


class MaskRow(NamedTuple):
    """The overlap (IoU) of one class or tag over the whole set, by model."""

    name: str
    colour: str | None
    share: str  #: the share of pixels that have it, by the labels
    iou: dict[Role, str]


def output_rows(question: Question, evaluations: Mapping[Role, PixelEvaluation]) -> list[MaskRow]:
    """One row per class or tag, in the question's order."""
    student = evaluations[Role.STUDENT].per_output
    pixels = sum(part.true for part in student)
    shown = shown_outputs(question)
    return [
        MaskRow(
            name=part.name,
            colour=css(colour_of(at, question)) if at in shown else None,
            share=wording.percent(part.true / pixels) if pixels else wording.ABSENT,
            iou={role: wording.number(found.per_output[at].iou) for role, found in evaluations.items()},
        )
        for at, part in enumerate(student)
    ]


def css(colour: tuple[int, int, int]) -> str:
    """A colour in CSS notation.

    >>> css((0, 114, 178))
    'rgb(0 114 178)'
    """
    return f"rgb({' '.join(map(str, colour))})"


def context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the template is filled in with: strips of pictures, and the table of classes or tags."""
    evaluations = {role: cast(PixelEvaluation, found) for role, found in findings.evaluations.items()}
    rows = output_rows(run.question, evaluations)
    unknown = run.labels is not None and bool((run.labels == UNKNOWN).any())
    return {
        "strips": overlays(run, {role: found.scores for role, found in evaluations.items()}),
        "rows": rows,
        "first": FIRST,
        "roles": list(evaluations),
        "keys": [(row.name, row.colour) for row in rows if row.colour][: len(COLOURS)],
        "colours": {"right": css(RIGHT), "missed": css(MISSED), "extra": css(EXTRA)},
        "unsure": css(UNSURE) if unknown else None,
    }


SECTION = Section("pixels.html.j2", DEFINITIONS, context)
