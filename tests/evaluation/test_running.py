"""Models side by side: asked once about every batch, judged as one batch would judge them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joryu.errors import MismatchError
from joryu.evaluation import (
    KeptReplies,
    ModelAnswers,
    StudentReplies,
    TeacherReplies,
    evaluate_logits,
    evaluate_student,
    evaluate_together,
    kept_where_small,
    predict_logits,
)
from joryu.evaluation import replies as replies_module
from joryu.examples import Examples
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint
from joryu.teachers import Network


class Counting:
    """Replies that remember how many rows each call asked about."""

    def __init__(self, kept: KeptReplies) -> None:
        self.kept, self.asked = kept, list[int]()

    @property
    def question(self) -> Question:
        return self.kept.question

    @property
    def n(self) -> int:
        return self.kept.n

    def about(self, rows: Tensor) -> ModelAnswers:
        self.asked.append(len(rows))
        return self.kept.about(rows)


def some_pictures(n: int = 7) -> Examples:
    labels = (torch.arange(n * 30).view(n, 5, 6, 1) % 3 == 0).to(torch.int8)
    inputs = torch.randint(0, 256, (n, 1, 5, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Examples.of(inputs, labels, question=Question.tags(["salt"], grid=PICTURE))


def test_batches_make_no_difference_and_each_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = some_pictures()
    outputs = torch.randn(7, 5, 6, 1, generator=torch.Generator().manual_seed(1))
    question = examples.asked_question
    models = {
        "student": Counting(KeptReplies.of(question, {"main": outputs})),
        "teacher": Counting(KeptReplies.of(question, {"main": outputs.flip(0)})),
    }
    whole = evaluate_together(examples, models, teacher="teacher")
    assert models["student"].asked == models["teacher"].asked == [7]
    monkeypatch.setattr(replies_module, "BATCH_PIXELS", 60)  # two pictures of thirty pixels
    parts = evaluate_together(examples, models, teacher="teacher")
    assert models["student"].asked[1:] == models["teacher"].asked[1:] == [2, 2, 2, 1]
    for name, found in whole.items():
        for one, other in zip(found.measures, parts[name].measures, strict=True):
            assert (one.name, one.value) == (other.name, pytest.approx(other.value))
    assert "IoU with the teacher" in {one.name for one in whole["student"].measures}
    assert "IoU with the teacher" not in {one.name for one in whole["teacher"].measures}


def test_a_student_of_classes_is_judged_as_its_logits_are() -> None:
    labels = torch.arange(20) % 3
    examples = Examples.of(torch.rand(20, 4), labels, classes=["a", "b", "c"])
    student = Blueprint(architecture="mlp:5x1", input_shape=(4,), question=examples.asked_question).build().eval()
    found = evaluate_student(student, examples)
    by_hand = evaluate_logits(predict_logits(student, examples), labels)
    assert found.loss == by_hand.nll
    assert found.measures[0].value == by_hand.accuracy


def test_answers_about_pixels_are_not_kept() -> None:
    examples = some_pictures()
    student = Blueprint(architecture="unet:2x1", input_shape=(1, 5, 6), question=examples.asked_question).build().eval()
    asked_anew = StudentReplies(student, examples, examples.asked_question)
    assert kept_where_small(asked_anew, examples) is asked_anew
    assert asked_anew.about(torch.tensor([4, 1])).outputs["main"].shape == (2, 5, 6, 1)
    whole = asked_anew.about(torch.arange(7)).outputs["main"]
    assert torch.allclose(asked_anew.about(torch.tensor([4])).outputs["main"], whole[4:5], atol=1e-6)


def test_a_teacher_s_answers_come_back_whole() -> None:
    examples = Examples.of(torch.rand(5, 2), classes=["a", "b"])
    teacher = Network(torch.nn.Linear(2, 2), ["a", "b"])
    kept = kept_where_small(TeacherReplies(teacher, examples), examples)
    assert isinstance(kept, KeptReplies)
    assert torch.equal(kept.about(torch.arange(5)).soft_targets.values, teacher.label(examples.inputs).values)


def test_variances_go_both_ways() -> None:
    question = Question.numbers(["price"])
    kept = KeptReplies.of(question, {"main": torch.zeros(2, 1), "log_variance": torch.zeros(2, 1)})
    variance = kept.about(torch.tensor([0])).soft_targets.variance
    assert variance is not None
    assert variance.tolist() == [[1.0]]


def test_without_labels_the_teacher_judges_and_is_not_judged() -> None:
    examples = Examples.of(torch.rand(3, 2), classes=["a", "b"])
    replies = KeptReplies.of(examples.asked_question, {"main": torch.eye(3, 2)})
    found = evaluate_together(examples, {"student": replies, "teacher": replies}, teacher="teacher")
    assert list(found) == ["student"]
    assert found["student"].measures[0].value == 1.0


def test_answers_to_another_question_are_refused() -> None:
    examples = Examples.of(torch.rand(3, 2), torch.tensor([0, 1, 1]), classes=["a", "b"])
    with pytest.raises(MismatchError, match="do not fit the question"):
        evaluate_together(examples, {"student": KeptReplies.of(Question.one_of(3), {"main": torch.eye(3)})})
