"""From a run to its numbers: one evaluation per model, and the comparisons between them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

from joryu.evaluation import Comparison, Evaluation, Likeness, as_json, compare, evaluate_logits, likeness
from joryu.questions import Question
from joryu.report.data import ReportData, Role
from joryu.targets import SoftTargets, Space

SCHEMA = 1  #: of the numbers in ``evaluation.json`` and in the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the numbers of a run are.

    ``probs`` are the probabilities ``[n, C]`` at T = 1 of every model that answered the examples. Where no example has
    a label there are no evaluations and no comparisons, but how alike student and teacher are.
    """

    evaluations: dict[Role, Evaluation]
    probs: dict[Role, Tensor]
    against_twin: Comparison | None
    against_teacher: Comparison | None  #: the teacher in the twin's place
    alike: Likeness | None = None  #: student and teacher, where no example has a label


def soften(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Probabilities ``[n, C]`` of raw logits, softened where all softening lives."""
    answers = SoftTargets(values=logits, space=Space.LOGITS, question=Question.one_of(logits.shape[-1]))
    return answers.probs(temperature)


def find(run: ReportData) -> Findings:
    """Evaluate every model of a run that answered its examples."""
    logits = {role: card.logits for role, card in run.cards.items() if card.logits is not None}
    probs = {role: soften(values) for role, values in logits.items()}
    teacher_probs = probs.get(Role.TEACHER)
    if not run.labelled:
        return _without_labels(logits[Role.STUDENT], probs)
    evaluations = {
        role: evaluate_logits(values, run.labels, teacher_probs=None if role is Role.TEACHER else teacher_probs)
        for role, values in logits.items()
    }

    def against(other: Role) -> Comparison | None:
        return compare(logits[Role.STUDENT], logits[other], run.labels) if other in logits else None

    return Findings(
        evaluations=evaluations,
        probs=probs,
        against_twin=against(Role.TWIN),
        against_teacher=against(Role.TEACHER),
    )


def _without_labels(student_logits: Tensor, probs: dict[Role, Tensor]) -> Findings:
    answers = SoftTargets(values=student_logits, space=Space.LOGITS, question=Question.one_of(student_logits.shape[-1]))
    alike = likeness(answers.log_probs(), probs[Role.TEACHER])
    return Findings(evaluations={}, probs=probs, against_twin=None, against_teacher=None, alike=alike)


def report_numbers(run: ReportData, findings: Findings | None = None) -> dict[str, object]:
    """Every number of the page as JSON-able data: what ``evaluation.json`` holds and what the page lets one download.

    >>> import json, torch
    >>> from joryu.examples import Examples
    >>> from joryu.report import ModelCard
    >>> examples = Examples.of(torch.zeros(2, 3), torch.tensor([0, 1]), classes=["a", "b"])
    >>> card = ModelCard(role=Role.STUDENT, description="mlp:2x1", logits=torch.eye(2))
    >>> numbers = report_numbers(ReportData(name="demo", command="joryu distill", examples=examples, models=[card]))
    >>> numbers["models"]["student"]["evaluation"]["errors"]
    0
    """
    findings = findings or find(run)
    comparison = findings.against_twin
    return {
        "schema": SCHEMA,
        "name": run.name,
        "command": run.command,
        "examples": {"name": run.examples.name, "n": len(run.examples), "fingerprint": run.examples.fingerprint},
        "lesson": run.lesson,
        "classes": list(run.examples.classes),
        "temperature": run.temperature,
        "models": {
            str(role): {
                "description": card.description,
                "parameters": card.parameters,
                "bytes": card.bytes,
                "latency": None if card.latency is None else asdict(card.latency),
                "best_epoch": card.best_epoch,
                "evaluation": as_json(findings.evaluations[role]) if role in findings.evaluations else None,
            }
            for role, card in run.cards.items()
        },
        "student_against_twin": None if comparison is None else _with_verdict(comparison),
        "student_against_teacher": None
        if findings.against_teacher is None
        else _with_verdict(findings.against_teacher),
        "student_like_teacher": None if findings.alike is None else as_json(findings.alike),
        "warnings": list(run.warnings),
        "rejected": [item._asdict() for item in run.rejected],
    }


def _with_verdict(comparison: Comparison) -> dict[str, object]:
    return as_json(comparison) | {
        "removed": comparison.removed,
        "removed_low": comparison.removed_low,
        "removed_high": comparison.removed_high,
        "removed_share": comparison.removed_share,
        "verdict": str(comparison.verdict),
    }
