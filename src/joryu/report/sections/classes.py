"""The section for classes: calibration, confusion, inherited errors, wrong pictures, and the effect of temperature."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joryu.evaluation import ClassEvaluation, Evaluation
from joryu.report import wording
from joryu.report.charts import confusion_cells, reliability_dots
from joryu.report.data import ReportData, Role
from joryu.report.findings import Findings
from joryu.report.sections.class_answers import probs_of, temperature_ladder, wrong_pictures
from joryu.report.sections.class_tables import confused_rows, hardest_rows, metrics_of
from joryu.report.sections.section import SOONER, TWIN, Definitions, HeadlineBars, MeasureRow, Runner, Section

MATRIX_CLASSES = 20  #: confusion matrices are drawn for at most this many classes
MATRIX_SIDE = 270
CARDS_FIRST = 9  #: pictures shown before "more"

_MEASURES: tuple[tuple[str, str, Callable[[Evaluation], str]], ...] = (
    ("Accuracy", "↑", lambda e: wording.percent(e.accuracy, 2)),
    ("Errors", "↓", lambda e: wording.count(e.errors)),
    ("Top-5 accuracy", "↑", lambda e: wording.percent(e.top_k[5], 2) if 5 in e.top_k else ""),
    ("NLL", "↓", lambda e: wording.number(e.nll)),
    ("ECE", "↓", lambda e: wording.percent(e.ece, 2)),
    ("Brier score", "↓", lambda e: wording.number(e.brier)),
)

DEFINITIONS: Definitions = (
    *TWIN,
    (
        "Confidence interval, test",
        "Student and twin answer the same examples, so they are compared in pairs: Tango’s score interval (1998) for"
        " the difference of the error rates, times the number of examples, and McNemar’s exact test on the examples"
        " that exactly one of the two gets wrong. A difference is called shown only when both say so. They speak about"
        " other"
        " examples of the same kind, not about other seeds.",
    ),
    ("NLL", "Mean of −log p(label), in nats: how surprised the model is by the truth."),
    (
        "Brier score",
        "Mean of the squared distance between the probabilities and the one-hot label, 0 to 2.",
    ),
    (
        "ECE",
        "Expected calibration error: the mean gap between confidence and accuracy in 15 equal-width bins of confidence,"
        " weighted by their answers (Guo et al. 2017).",
    ),
    ("KL", "Mean of Σ p log(p / q) with the teacher’s p and the model’s q, both at T = 1; 0 for equal answers."),
    ("Gap closed", "(errors of the twin − errors of the student) / (errors of the twin − errors of the teacher)."),
    *SOONER,
)


def context(run: ReportData, findings: Findings) -> dict[str, object]:
    """What the template is filled in with."""
    evaluations, probs = metrics_of(findings), probs_of(run)
    likeness = {role: found.agreement for role, found in evaluations.items() if found.agreement is not None}
    return {
        "classes": run.examples.classes,
        "longest": max(map(len, run.examples.classes)),
        "evaluations": evaluations,
        "against_teacher": findings.against_teacher,
        "student_errors": evaluations[Role.STUDENT].errors,
        "reliability": {role: reliability_dots(found.reliability) for role, found in evaluations.items()},
        "confusion": _confusion(run, evaluations),
        "confusion_side": MATRIX_SIDE,
        "pairs": confused_rows(run, findings, probs),
        "hardest": hardest_rows(run, findings),
        "inheritance": likeness,
        "teacher_errors": likeness[Role.STUDENT].teacher_errors if likeness else 0,
        "wrong": wrong_pictures(run, probs),
        "cards_first": CARDS_FIRST,
        "ladder": temperature_ladder(run, probs),
        "run_temperature": run.temperature,
    }


def _confusion(run: ReportData, evaluations: Mapping[Role, Evaluation]) -> dict[Role, object]:
    classes = run.examples.classes
    if len(classes) > MATRIX_CLASSES:
        return {}
    return {role: confusion_cells(found, classes, side=MATRIX_SIDE) for role, found in evaluations.items()}


def _rows(evaluations: Mapping[Role, ClassEvaluation]) -> list[MeasureRow]:
    return [
        MeasureRow(name, better, {role: measure(found.metrics) for role, found in evaluations.items()})
        for name, better, measure in _MEASURES
    ]


def _alone(found: ClassEvaluation) -> str:
    return f"The student makes {wording.plural(found.metrics.errors, 'error')} on {wording.plural(found.n, 'example')}"


def _race(evaluations: Mapping[Role, ClassEvaluation]) -> HeadlineBars:
    errors = {role: found.metrics.errors for role, found in evaluations.items()}
    most = max(errors.values())
    return HeadlineBars(
        f"Errors on {wording.plural(evaluations[Role.STUDENT].n, 'example')}",
        {role: Runner(round(100 * n / most, 1) if most else 0, wording.count(n)) for role, n in errors.items()},
    )


SECTION = Section("classes.html.j2", DEFINITIONS, context, _rows, _alone, _race)
