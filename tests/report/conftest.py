"""A small made-up run with known errors, and its variations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from joryu.evaluation import KeptReplies, Latency
from joryu.examples import Examples, Rejected
from joryu.report import ModelCard, ReportData, Role

MakeRun = Callable[..., ReportData]


def logits_with_errors(labels: torch.Tensor, n_classes: int, wrong: Sequence[int]) -> torch.Tensor:
    """Logits that are right everywhere but in the rows ``wrong``, where the next class is answered."""
    logits = torch.zeros(len(labels), n_classes)
    answers = labels.clone()
    answers[list(wrong)] = (answers[list(wrong)] + 1) % n_classes
    logits[torch.arange(len(labels)), answers] = 3.0
    return logits


def history(epochs: int, *, best: float, loss: float = 1.0) -> list[dict[str, object]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 2.0 / (epoch + 1),
            "validation_loss": loss / (epoch + 1),
            "validation_accuracy": best - 0.5 / (epoch + 1),
        }
        for epoch in range(epochs)
    ]


def run_with(
    *,
    n: int = 200,
    classes: Sequence[str] = ("cat", "dog", "owl"),
    inputs: torch.Tensor | None = None,
    teacher: Sequence[int] | None = range(4),
    student: Sequence[int] = range(10),
    twin: Sequence[int] | None = range(5, 45),
    histories: bool = True,
    **more: Any,
) -> ReportData:
    """A run whose models are wrong in the given rows."""
    labels = torch.arange(n) % len(classes)
    pictures = torch.arange(n * 16).remainder(251).to(torch.uint8).view(n, 1, 4, 4)
    examples = Examples.of(pictures if inputs is None else inputs, labels, classes=classes, name="test")
    question = examples.asked_question
    losses = {Role.STUDENT: 1.0, Role.TWIN: 2.0}  # so that the student is where its twin ends after half the epochs
    cards = []
    for role, wrong, size in ((Role.TEACHER, teacher, 1000), (Role.STUDENT, student, 100), (Role.TWIN, twin, 100)):
        if wrong is not None:
            card = ModelCard(
                role=role,
                description=f"the {role}",
                replies=KeptReplies.of(question, {"main": logits_with_errors(labels, len(classes), wrong)}),
                history=history(30, best=0.9, loss=losses[role]) if histories and role in losses else None,
                parameters=size,
                bytes=4 * size,
                latency=Latency(milliseconds=size / 1000, repeats=30, batch=1, threads=2, device="cpu"),
            )
            cards.append(card)
    settings: dict[str, Any] = {"name": "made up", "command": "joryu distill --student mlp:8x1", "temperature": 4.0}
    return ReportData(examples=examples, models=cards, **{**settings, **more})


def without_teacher_replies(run: ReportData) -> ReportData:
    return replace(run, models=[replace(c, replies=None) if c.role is Role.TEACHER else c for c in run.models])


HOSTILE = ('<script>alert("x")</script>', "a & b", "'\"><img src=x onerror=alert(1)>")


@cache
def variations() -> dict[str, ReportData]:
    """Every shape of run that a page must survive."""
    many = [f"class {i}" for i in range(1000)]
    hostile = Rejected(HOSTILE[0], HOSTILE[2])
    return {
        "full": run_with(
            audit={"findings": ["warning: one class is rare"], "statistics": {"entropy": 0.3}},
            provenance={"machine": {"cpus": 2}, "seeds": list(range(40)), **{f"line {i}": i for i in range(30)}},
            rejected=[Rejected("broken.jpg", "it ends too early")],
        ),
        "no twin": run_with(twin=None),
        "no teacher": run_with(teacher=None),
        "student alone": run_with(teacher=None, twin=None, histories=False),
        "a teacher without answers": without_teacher_replies(run_with()),
        "two classes": run_with(classes=["yes", "no"]),
        "twenty classes": run_with(classes=[f"alphabet/character{i:02}" for i in range(20)]),
        "a thousand classes": run_with(n=1500, classes=many),
        "no pictures": run_with(inputs=torch.arange(600.0).view(200, 3)),
        "colour": run_with(inputs=torch.arange(200 * 12).remainder(253).to(torch.uint8).view(200, 3, 2, 2)),
        "no errors at all": run_with(teacher=[], student=[], twin=[]),
        "worse than the twin": run_with(student=range(60), twin=range(5)),
        "hostile": run_with(
            classes=HOSTILE,
            name=HOSTILE[0],
            command=f"joryu distill {HOSTILE[2]}",
            audit={"findings": [HOSTILE[0]], HOSTILE[2]: HOSTILE[0]},
            provenance={HOSTILE[0]: HOSTILE[2]},
            rejected=[hostile] * 20,
        ),
    }


@pytest.fixture
def make_run() -> MakeRun:
    return run_with


@pytest.fixture(params=list(variations()))
def any_run(request: pytest.FixtureRequest) -> ReportData:
    return variations()[request.param]


@pytest.fixture
def hostile_run() -> ReportData:
    return variations()["hostile"]
