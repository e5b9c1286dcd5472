"""One of many through the evaluator: the numbers of `evaluate_logits` to the last digit, and graded labels."""

from __future__ import annotations

import math

import pytest
import torch

from joryu.evaluation import (
    ClassEvaluation,
    GradedEvaluation,
    compare,
    compare_evaluations,
    evaluate_logits,
    evaluator_for,
    likeness,
)
from joryu.questions import LabelKind, Question
from joryu.targets.soft_targets import SoftTargets, Space


def drawn(n: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, n, classes, generator=generator) * 2
    return student, teacher, torch.randint(classes, (n,), generator=generator)


def test_the_same_numbers_to_the_last_digit() -> None:
    student, teacher, labels = drawn(500, 7, seed=0)
    question = Question.one_of(7)
    evaluator = evaluator_for(question)
    targets = SoftTargets(values=teacher, space=Space.LOGITS, question=question)
    for rows in torch.arange(500).split(64):
        evaluator.add({"main": student[rows]}, labels[rows], targets.select(rows))
    found = evaluator.result()
    expected = evaluate_logits(student, labels, teacher_probs=targets.probs(1.0))
    assert isinstance(found, ClassEvaluation)
    assert found.metrics == expected
    assert found.loss == expected.nll
    values = {measure.name: measure.value for measure in found.measures}
    assert expected.agreement is not None
    assert values == {
        "accuracy": expected.accuracy,
        "top-5 accuracy": expected.top_k[5],
        "cross-entropy": expected.nll,
        "Brier score": expected.brier,
        "calibration error": expected.ece,
        "same answer as the teacher": expected.agreement.top1,
        "KL to the teacher": expected.agreement.kl,
    }
    content = found.to_json()
    assert content["errors"] == expected.errors
    assert content["agreement"]["inherited"] == expected.agreement.inherited


def test_without_labels_it_is_the_likeness_of_before() -> None:
    student, teacher, _ = drawn(300, 5, seed=1)
    question = Question.one_of(5)
    targets = SoftTargets(values=teacher, space=Space.LOGITS, question=question, temperature=2.0)
    evaluator = evaluator_for(question)
    evaluator.add({"main": student}, None, targets)
    found = evaluator.result()
    probs = targets.probs(1.0)
    expected = likeness(student.log_softmax(-1), probs)
    assert [measure.value for measure in found.measures] == [expected.top1, expected.kl]
    assert found.loss == pytest.approx(torch.nn.functional.cross_entropy(student, probs).item())
    assert found.scores.values.mean().item() == pytest.approx(expected.top1)


def test_a_top_k_teacher_s_tail_is_shared_out() -> None:
    """log-probabilities 0.6 and 0.2 of four: 0.1 each is left; by hand against an even student."""
    question = Question.one_of(4)
    values = torch.tensor([[0.6, 0.2]]).log()
    targets = SoftTargets(values=values, indices=torch.tensor([[2, 0]]), space=Space.LOGITS, question=question)
    evaluator = evaluator_for(question)
    evaluator.add({"main": torch.zeros(1, 4)}, None, targets)
    entropy = -(0.6 * math.log(0.6) + 0.2 * math.log(0.2) + 0.2 * math.log(0.1))
    assert evaluator.result().measures[1].value == pytest.approx(math.log(4) - entropy, abs=1e-6)


def test_right_and_wrong_stay_with_mcnemar() -> None:
    student, twin, labels = drawn(200, 3, seed=2)
    question = Question.one_of(3)
    found = []
    for logits in (student, twin):
        evaluator = evaluator_for(question)
        evaluator.add({"main": logits}, labels)
        found.append(evaluator.result())
    assert compare_evaluations(question, *found) == compare(student, twin, labels)


def test_graded_labels_by_hand() -> None:
    """Votes 3:1 answered 1/2, 1/2 (a tie: the first), and votes 1:1 answered 1/4, 3/4."""
    question = Question(names=("cat", "dog"), labels=LabelKind.DISTRIBUTION)
    evaluator = evaluator_for(question)
    evaluator.add({"main": torch.tensor([[0.5, 0.5], [0.25, 0.75]]).log()}, torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    found = evaluator.result()
    assert isinstance(found, GradedEvaluation)
    values = {measure.name: measure.value for measure in found.measures}
    loss = (math.log(2) + 0.5 * math.log(4) + 0.5 * math.log(4 / 3)) / 2
    entropy = (-0.75 * math.log(0.75) - 0.25 * math.log(0.25) + math.log(2)) / 2
    assert found.loss == pytest.approx(loss, abs=1e-6)
    assert values["KL to the labels"] == pytest.approx(loss - entropy, abs=1e-6)
    assert values["Brier score"] == pytest.approx(2 * 0.25**2)
    assert values["accuracy"] == 1.0  # where the votes are even, either answer is right
