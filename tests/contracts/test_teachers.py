"""One set of checks over every teacher. To add a teacher, add a row to `teacher_cases`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from joryu.examples import Examples
from joryu.targets import SoftTargets
from joryu.teachers import (
    Teacher,
    TeacherBatch,
)
from joryu.teachers.labelling import LabelOptions, label_examples

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras

from teacher_cases import Case, cases


@pytest.fixture(params=list(cases(Path())))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return cases(tmp_path)[request.param]


def said(teacher: Teacher, examples: Examples, rows: Tensor | None = None) -> SoftTargets:
    batch = TeacherBatch.of(examples, rows)
    return teacher.answer(batch).whole(len(batch))


def test_it_is_a_teacher(case: Case) -> None:
    teacher = case.make()
    assert isinstance(teacher, Teacher)
    assert teacher.question == case.question.answer
    assert len(teacher.fingerprint) >= 32


def test_one_finite_row_of_all_outputs_per_example(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    sites = tuple(examples.inputs.shape[2:]) if case.question.grid else ()
    for n in (1, 13):
        answers = said(teacher, examples, torch.arange(n))
        assert len(answers) == n
        assert answers.question == teacher.question
        one = answers.combined()
        dense = one.probs() if case.question.link.has_probs else one.numbers()
        assert dense.shape == (n, *sites, len(teacher.question))
        assert torch.isfinite(answers.values).all()
        assert answers.variance is None or bool((answers.variance > 0).all())
        assert answers.values.device.type == "cpu"


def test_a_reply_says_what_it_cost_and_stops_nothing(case: Case) -> None:
    reply = case.make().answer(TeacherBatch.of(case.shown()))
    assert reply.cost.requests == case.requests and reply.cost.money == 0
    assert reply.stop is None and not reply.failures
    assert list(reply.answered(13)) == list(range(13))


def test_rows_come_in_the_order_of_the_examples(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    answers = said(teacher, examples).values
    order = torch.randperm(13, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(said(teacher, examples, order).values, answers[order], atol=case.tolerance)
    assert (answers[0] - answers[1]).abs().max() > 100 * case.tolerance  # rows differ, so that order can be seen


def test_the_same_question_has_the_same_answer(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    first = said(teacher, examples).values
    assert torch.equal(said(teacher, examples).values, first)
    assert torch.equal(said(case.make(), examples).values, first)


def test_an_answer_does_not_depend_on_its_neighbours(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    together = said(teacher, examples).values
    for row in range(3):
        alone = said(teacher, examples, torch.tensor([row])).values[0]
        assert torch.allclose(alone, together[row], atol=case.tolerance)


def test_asking_changes_nothing(case: Case) -> None:
    teacher, examples = case.make(), case.shown()
    before, random, fingerprint = examples.inputs.clone(), torch.get_rng_state(), teacher.fingerprint
    said(teacher, examples)
    assert torch.equal(examples.inputs, before)
    assert torch.equal(torch.get_rng_state(), random)
    assert teacher.fingerprint == fingerprint
    assert torch.is_grad_enabled()


def test_answers_carry_no_gradient_and_can_be_learned_from(case: Case) -> None:
    answers = said(case.make(), case.shown())
    assert not answers.values.requires_grad
    student = torch.zeros_like(answers.values, requires_grad=True)
    # What a backward pass keeps must not be an inference tensor.
    (gradient,) = torch.autograd.grad((answers.values * student).sum(), student)
    assert torch.equal(gradient, answers.values)


def test_its_answers_go_into_a_store_and_come_back(case: Case, tmp_path: Path) -> None:
    teacher, examples = case.make(), case.shown()
    options = LabelOptions(encoding=case.encoding)
    store = label_examples(
        teacher, replace(examples, question=None, labels=None), tmp_path / "targets", options=options
    )
    kept, given = store.gather(store.rows(examples.ids, 0)), said(teacher, examples)
    assert torch.allclose(kept.values, given.values, atol=case.tolerance)
    assert (kept.variance is None) == (given.variance is None)
    if kept.variance is not None and given.variance is not None:
        assert torch.allclose(kept.variance, given.variance, atol=case.tolerance)


def test_the_fingerprint_is_of_the_teacher_and_not_of_the_object(case: Case) -> None:
    assert case.make().fingerprint == case.make().fingerprint


def test_whatever_would_change_the_answers_changes_the_fingerprint(case: Case) -> None:
    prints = {name: make().fingerprint for name, make in case.others.items()}
    prints["itself"] = case.make().fingerprint
    assert len(set(prints.values())) == len(prints), prints
