"""Evaluate the models of a run, and compare them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from joryu.errors import InputError
from joryu.evaluation import Evaluated, Paired, compare_evaluations, evaluate_together
from joryu.questions import Question
from joryu.report.comparisons import comparison_numbers
from joryu.report.data import ReportData, Role
from joryu.report.likeness_words import likeness_numbers
from joryu.report.sooner import Sooner, find_sooner

SCHEMA = 1  #: version of the numbers in ``evaluation.json`` and in the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The evaluations and comparisons of a run.

    Where no example has a label, ``evaluations`` is empty, there are no comparisons, and ``alike`` holds how far
    student and teacher agree.
    """

    evaluations: dict[Role, Evaluated]
    against_twin: Paired | None
    against_teacher: Paired | None  #: student against teacher, as it is against the twin
    alike: Evaluated | None = None  #: student against the teacher's answers, where no example has a label
    sooner: Sooner | None = None

    @property
    def of_student(self) -> Evaluated:
        """The student's evaluation: by the labels, or without any by the teacher's answers."""
        return self.evaluations[Role.STUDENT] if self.alike is None else self.alike


def find(run: ReportData) -> Findings:
    """Evaluate every model of a run that has replies, batch by batch, and compare student, twin and teacher.

    Raises:
        InputError: a model's answers are not finite.
    """
    models = {role: card.replies for role, card in run.cards.items() if card.replies is not None}
    found = evaluate_together(run.examples, models, teacher=Role.TEACHER, units=run.units)
    if not run.labelled:
        return Findings(evaluations={}, against_twin=None, against_teacher=None, alike=found[Role.STUDENT])
    return Findings(
        evaluations=found,
        against_twin=_against(run.question, found, Role.TWIN),
        against_teacher=_against(run.question, found, Role.TEACHER),
        sooner=find_sooner(run),
    )


def _against(question: Question, found: dict[Role, Evaluated], other: Role) -> Paired | None:
    """The paired comparison; ``None`` too where fewer than two examples have a score to pair, or one is not finite."""
    if other not in found:
        return None
    try:
        return compare_evaluations(question, found[Role.STUDENT], found[other])
    except InputError:
        return None


def report_numbers(run: ReportData, findings: Findings | None = None) -> dict[str, object]:
    """Every number of the page as JSON-able data: the content of ``evaluation.json`` and of the page's download.

    >>> import json, torch
    >>> from joryu.evaluation import KeptReplies
    >>> from joryu.examples import Examples
    >>> from joryu.report import ModelCard
    >>> examples = Examples.of(torch.zeros(2, 3), torch.tensor([0, 1]), classes=["a", "b"])
    >>> replies = KeptReplies.of(examples.question, {"main": torch.eye(2)})
    >>> card = ModelCard(role=Role.STUDENT, description="mlp:2x1", replies=replies)
    >>> numbers = report_numbers(ReportData(name="demo", command="joryu distill", examples=examples, models=[card]))
    >>> numbers["models"]["student"]["evaluation"]["errors"]
    0
    """
    findings = findings or find(run)
    return {
        "schema": SCHEMA,
        "name": run.name,
        "command": run.command,
        "examples": {"name": run.examples.name, "n": len(run.examples), "fingerprint": run.examples.fingerprint},
        "lesson": run.lesson,
        "question": run.question.to_json(),
        "classes": list(run.examples.classes),
        "temperature": run.temperature,
        "models": {
            str(role): {
                "description": card.description,
                "parameters": card.parameters,
                **({} if card.learning is None else {"learning": card.learning}),
                "bytes": card.bytes,
                "latency": None if card.latency is None else asdict(card.latency),
                "best_epoch": card.best_epoch,
                "evaluation": findings.evaluations[role].to_json() if role in findings.evaluations else None,
            }
            for role, card in run.cards.items()
        },
        "student_against_twin": comparison_numbers(findings.against_twin),
        "student_against_teacher": comparison_numbers(findings.against_teacher),
        "student_like_teacher": None if findings.alike is None else likeness_numbers(findings.alike),
        "student_sooner_than_twin": None if findings.sooner is None else asdict(findings.sooner),
        "warnings": list(run.warnings),
        "rejected": [item._asdict() for item in run.rejected],
    }
