"""The section for numbers: predicted against true, residuals, and whether predicted intervals hold the labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from scipy.special import ndtri
from torch import Tensor

from joryu.evaluation import NumberEvaluation
from joryu.objectives import LOG_VARIANCE, MAIN, Outputs
from joryu.report import wording
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.sections.scatter import Scatter, frame_of, predicted_chart, residual_chart
from joryu.report.sections.section import (
    GAP,
    PAIRED,
    SOONER,
    TWIN,
    Definitions,
    Section,
)

EXAMPLES = 2000  #: the most examples for charts and intervals; of more, a random sample
EXAMPLES_ON_GRID = 50  #: the same where every pixel has a number
DOTS = 400  #: the most dots in a chart
CHARTS = 3  #: the most outputs with charts
LEVELS = (0.5, 0.8, 0.9, 0.95)

DEFINITIONS: Definitions = (
    *TWIN,
    *PAIRED,
    ("RMSE", "Root of the mean squared difference between what was said and what was measured, in the labels’ unit."),
    ("MAE", "Mean absolute difference, in the labels’ unit."),
    (
        "Standardised",
        "In standard deviations of each output’s labels as they were taught (of the teacher’s answers where there were"
        " none), so that no output decides because its numbers are large.",
    ),
    (
        "R²",
        "1 − the squared differences over those of always saying the labels’ mean; below 0 is worse than that.",
    ),
    (
        "Interval",
        "Of a model that says how far off it may be: prediction ± z σ of a normal distribution. A 90 % interval should"
        " hold 90 % of the labels.",
    ),
    *GAP,
    *SOONER,
)


class NumberRow(NamedTuple):
    """The errors of one output by model, in the output's own unit."""

    name: str
    rmse: dict[Role, str]
    mae: dict[Role, str]
    r2: dict[Role, str]


class Coverage(NamedTuple):
    """The share of labels inside the predicted interval that should hold a share ``level`` of them, by model."""

    level: str
    held: dict[Role, str]


class Drawn(NamedTuple):
    """The charts of one output: predicted against true, and residuals, for every model."""

    name: str
    charts: dict[Role, tuple[Scatter, Scatter]]


def output_rows(evaluations: Mapping[Role, NumberEvaluation]) -> list[NumberRow]:
    """One row per output, in the question's order."""
    return [
        NumberRow(
            name=part.name,
            rmse={role: wording.quantity(found.per_output[at].rmse) for role, found in evaluations.items()},
            mae={role: wording.quantity(found.per_output[at].mae) for role, found in evaluations.items()},
            r2={role: wording.number(found.per_output[at].r2) for role, found in evaluations.items()},
        )
        for at, part in enumerate(evaluations[Role.STUDENT].per_output)
    ]


def coverage_rows(labels: Tensor, answers: Mapping[Role, Outputs]) -> list[Coverage]:
    """How often predicted intervals hold the labels, for the models that predict a variance."""
    sure = {role: outputs for role, outputs in answers.items() if LOG_VARIANCE in outputs}
    if not sure:
        return []
    return [
        Coverage(wording.percent(level, 0), {role: _held(labels, outputs, level) for role, outputs in sure.items()})
        for level in LEVELS
    ]


def _held(labels: Tensor, outputs: Outputs, level: float) -> str:
    reach = float(ndtri((1 + level) / 2)) * (outputs[LOG_VARIANCE] / 2).exp()
    inside = (outputs[MAIN] - labels).abs() <= reach
    return wording.percent(inside[~labels.isnan()].double().mean().item())


def _by_lot(n: int, most: int) -> Tensor:
    """At most ``most`` rows of ``n``, drawn with a fixed seed, in ascending order."""
    lot = torch.randperm(n, generator=torch.Generator().manual_seed(0))[:most]
    return lot.sort().values


def drawn_outputs(names: tuple[str, ...], labels: Tensor, answers: Mapping[Role, Outputs]) -> list[Drawn]:
    """The charts of the first outputs; labels and answers are ``[..., C]``."""
    found = []
    for at, name in enumerate(names[:CHARTS]):
        labelled = labels[..., at].flatten()
        rows = (~labelled.isnan()).nonzero().flatten()
        if len(rows) == 0:
            continue
        rows = rows[_by_lot(len(rows), DOTS)]
        true, said = (
            labelled[rows].tolist(),
            {role: part[MAIN][..., at].flatten()[rows] for role, part in answers.items()},
        )
        predicted = {role: values.tolist() for role, values in said.items()}
        frame = frame_of(true, predicted.values())
        charts = {
            role: (predicted_chart(true, values, name, frame), residual_chart(true, values, name, frame))
            for role, values in predicted.items()
        }
        found.append(Drawn(name, charts))
    return found


def context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the template is filled in with: charts, intervals and the table of outputs."""
    evaluations = {role: cast(NumberEvaluation, found) for role, found in findings.evaluations.items()}
    rows = _by_lot(len(run.examples), EXAMPLES_ON_GRID if run.question.grid else EXAMPLES)
    answers = {role: card.replies.about(rows).outputs for role, card in run.cards.items() if card.replies is not None}
    labels = run.labels[rows]
    return {
        "drawn": drawn_outputs(run.question.names, labels, answers),
        "n_outputs": len(run.question),
        "outputs": output_rows(evaluations) if len(run.question) > 1 else [],
        "coverage": coverage_rows(labels, answers),
        "asked": len(rows),
        "roles": list(evaluations),
        "sure": [role for role, outputs in answers.items() if LOG_VARIANCE in outputs],
    }


SECTION = Section("numbers.html.j2", DEFINITIONS, context)
