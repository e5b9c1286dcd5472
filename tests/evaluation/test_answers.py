"""A teacher judged as its student is."""

from __future__ import annotations

import math

import pytest
import torch

from joryu.evaluation import evaluator_for, outputs_like
from joryu.questions import Question
from joryu.targets.soft_targets import SoftTargets, Space


def test_a_teacher_agrees_with_itself_at_any_temperature() -> None:
    question = Question.one_of(3)
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)) * 3
    teacher = SoftTargets(values=logits / 4, space=Space.LOGITS, question=question, temperature=4.0)
    assert torch.allclose(outputs_like(teacher)["main"], logits)
    evaluator = evaluator_for(question)
    evaluator.add(outputs_like(teacher), None, teacher)
    assert [measure.value for measure in evaluator.result().measures] == pytest.approx([1.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("question", [Question.one_of(2), Question.tags(2)])
def test_what_a_teacher_finds_impossible_is_judged_too(question: Question) -> None:
    teacher = SoftTargets(values=torch.tensor([[math.inf, -math.inf]]), space=Space.LOGITS, question=question)
    if question.link.independent:
        outputs = outputs_like(teacher)["main"]
    else:
        impossible = SoftTargets(values=torch.tensor([[0.0, -math.inf]]), space=Space.LOGITS, question=question)
        outputs = outputs_like(impossible)["main"]
    assert outputs.isfinite().all()
    assert question.link.probs(outputs)[0].tolist() == pytest.approx([1, 0], abs=1e-5)


def test_numbers_bring_their_variance() -> None:
    question = Question.numbers(1)
    teacher = SoftTargets(
        values=torch.tensor([[2.0]]), variance=torch.tensor([[9.0]]), space=Space.NUMBERS, question=question
    )
    evaluator = evaluator_for(question)
    evaluator.add(outputs_like(teacher), torch.tensor([[5.0]]))
    assert evaluator.result().loss == pytest.approx(0.5 * (math.log(2 * math.pi) + math.log(9) + 1))


def test_an_ensemble_is_judged_by_its_mean() -> None:
    question = Question.one_of(2)
    members = torch.tensor([[[0.9, 0.1], [0.5, 0.5]]])
    teacher = SoftTargets(values=members, space=Space.PROBS, question=question, members=True)
    assert outputs_like(teacher)["main"].softmax(-1)[0].tolist() == pytest.approx([0.7, 0.3])
