from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from joryu.errors import InputError, MismatchError
from joryu.evaluation import KeptReplies
from joryu.examples import Examples
from joryu.questions import Question
from joryu.report import ModelCard, ReportData, Role, report_numbers
from joryu.report.sections.class_answers import probs_of


def test_cards_come_in_one_order(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    shuffled = replace(run, models=list(reversed(run.models)))
    assert list(shuffled.cards) == [Role.TEACHER, Role.STUDENT, Role.TWIN]
    assert shuffled.student.role is Role.STUDENT
    assert shuffled.teacher is not None
    assert shuffled.twin is not None


def test_a_run_needs_exactly_one_student(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    with pytest.raises(InputError, match="one student"):
        replace(run, models=[card for card in run.models if card.role is not Role.STUDENT])
    with pytest.raises(InputError, match="one student"):
        replace(run, models=[run.student, run.student])


def test_students_and_twins_must_have_answered(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    with pytest.raises(InputError, match="the twin has no answers"):
        replace(run, models=[run.student, ModelCard(role=Role.TWIN, description="", replies=None)])


def test_answers_must_fit_the_examples(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    few = KeptReplies.of(run.question, {"main": torch.zeros(199, 3)})
    with pytest.raises(MismatchError, match=r"student's answers do not fit .*expected 200; received 199"):
        replace(run, models=[ModelCard(role=Role.STUDENT, description="", replies=few)])
    others = KeptReplies.of(Question.one_of(4), {"main": torch.zeros(200, 4)})
    with pytest.raises(MismatchError, match=r"the examples and the student .*expected 3 classes; received 4"):
        replace(run, models=[ModelCard(role=Role.STUDENT, description="", replies=others)])


@pytest.mark.parametrize("labels", [None, torch.tensor([0, -1])])
def test_every_example_must_be_labelled(labels: torch.Tensor | None) -> None:
    examples = Examples.of(torch.zeros(2, 3), labels, classes=["a", "b"])
    replies = KeptReplies.of(examples.asked_question, {"main": torch.zeros(2, 2)})
    card = ModelCard(role=Role.STUDENT, description="", replies=replies)
    with pytest.raises(InputError, match="labelled"):
        ReportData(name="", command="", examples=examples, models=[card])


def test_numbers_for_machines(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    numbers = json.loads(json.dumps(report_numbers(run), allow_nan=False))
    assert numbers["student_against_twin"]["removed"] == 30
    assert numbers["student_against_twin"]["verdict"] == "fewer errors"
    assert numbers["student_against_teacher"]["removed"] == -6
    assert numbers["models"]["student"]["evaluation"]["agreement"]["inherited"] == 4
    assert numbers["models"]["teacher"]["evaluation"]["agreement"] is None
    assert numbers["models"]["twin"]["latency"]["threads"] == 2
    assert numbers["examples"]["n"] == 200


def test_probabilities_are_the_softmax_of_the_logits(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    assert isinstance(run.student.replies, KeptReplies)
    assert torch.allclose(probs_of(run)[Role.STUDENT], run.student.replies.reply.outputs["main"].softmax(-1))
