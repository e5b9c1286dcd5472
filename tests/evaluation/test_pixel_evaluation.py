"""Masks by hand, and beside torchmetrics where it means the same."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from joryu.evaluation import PixelEvaluation, evaluator_for
from joryu.questions import PICTURE, Question
from joryu.targets.soft_targets import SoftTargets, Space

UNKNOWN = -1
SALT = Question.tags(["salt"], grid=PICTURE)


def evaluate(question: Question, logits: Tensor, labels: Tensor) -> PixelEvaluation:
    evaluator = evaluator_for(question)
    for row in range(len(logits)):
        evaluator.add({"main": logits[row : row + 1]}, labels[row : row + 1])
    found = evaluator.result()
    assert isinstance(found, PixelEvaluation)
    return found


def strip(answered: range, true: range, width: int = 20) -> tuple[Tensor, Tensor]:
    """One picture ``[1, 1, width, 1]``: where the student says salt and where there is some."""
    logits, labels = torch.full((1, 1, width, 1), -2.0), torch.zeros(1, 1, width, 1, dtype=torch.int8)
    logits[0, 0, list(answered)], labels[0, 0, list(true)] = 2.0, 1
    return logits, labels


@pytest.mark.parametrize(
    ("answered", "true", "iou", "dice", "precision"),
    [
        (range(10), range(10), 1.0, 1.0, 1.0),
        (range(0), range(0), 1.0, 1.0, 1.0),  # nothing there, nothing said
        (range(3), range(0), 0.0, 0.0, 0.0),  # nothing there, something said
        (range(0), range(3), 0.0, 0.0, 0.0),
        (range(10), range(5, 15), 1 / 3, 0.5, 0.0),
        (range(10), range(20), 0.5, 2 / 3, 0.0),  # 0.5 is not greater than 0.5
        (range(11), range(20), 0.55, 22 / 31, 0.1),  # greater than 0.50 alone, not than 0.55
        (range(15), range(20), 0.75, 30 / 35, 0.5),  # 0.50, 0.55, 0.60, 0.65, 0.70
        (range(19), range(20), 0.95, 38 / 39, 0.9),
    ],
)
def test_a_mask_by_hand(answered: range, true: range, iou: float, dice: float, precision: float) -> None:
    found = evaluate(SALT, *strip(answered, true))
    assert (found.iou, found.dice, found.precision) == pytest.approx((iou, dice, precision))
    assert found.scores.values.tolist() == pytest.approx([iou])


def test_the_mean_over_pictures_is_not_that_of_the_set() -> None:
    """A large picture right to a third, and a small hit: 2/3 beside (5 + 1) / (15 + 1)."""
    parts = [strip(range(10), range(5, 15)), strip(range(1), range(1))]
    found = evaluate(SALT, *(torch.cat(part) for part in zip(*parts, strict=True)))
    assert found.iou == pytest.approx((1 / 3 + 1) / 2)
    assert found.set_iou == found.per_output[0].iou == pytest.approx(6 / 16)
    assert found.per_output[0].dice == pytest.approx(12 / 22)
    assert (found.per_output[0].true, found.per_output[0].answered) == (11, 11)
    assert found.accuracy == pytest.approx(30 / 40)


def test_pixels_that_nobody_knows_are_left_out() -> None:
    logits, labels = strip(range(10), range(5, 15))
    labels[0, 0, :5] = UNKNOWN  # where the student was wrong
    found = evaluate(SALT, logits, labels)
    assert found.iou == pytest.approx(5 / 10)
    assert found.accuracy == pytest.approx(10 / 15)
    assert found.loss == pytest.approx((10 * math.log1p(math.exp(-2)) + 5 * math.log1p(math.exp(2))) / 15)


def test_a_probability_of_exactly_a_half_is_no_answer() -> None:
    logits, labels = strip(range(0), range(0))
    assert evaluate(SALT, logits * 0, labels).iou == 1.0


def test_classes_of_pixels_by_hand() -> None:
    """Labels 0 0 1 1 and one unknown, answers 0 0 0 1: IoU 2/3 and 1/2; class 2 nobody has."""
    answers, labels = torch.tensor([[[0, 0, 0, 1, 2]]]), torch.tensor([[[0, 0, 1, 1, UNKNOWN]]], dtype=torch.int16)
    logits = torch.nn.functional.one_hot(answers, 3).float() * 9
    found = evaluate(Question.one_of(["sea", "ship", "cloud"], grid=PICTURE), logits, labels)
    assert found.iou == found.set_iou == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.dice == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert found.accuracy == pytest.approx(3 / 4)
    assert found.precision == pytest.approx((4 / 10 + 0) / 2)  # 2/3 passes 0.50 to 0.65; 1/2 is not greater than 1/2
    assert [part.iou for part in found.per_output] == pytest.approx([2 / 3, 1 / 2, None])


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_of_pixels_beside_torchmetrics(classes: int) -> None:
    segmentation = pytest.importorskip("torchmetrics.functional.segmentation")
    classification = pytest.importorskip("torchmetrics.functional.classification")
    generator = torch.Generator().manual_seed(classes)
    logits = torch.randn(12, 6, 7, classes, generator=generator)
    labels = torch.randint(classes, (12, 6, 7), generator=generator)
    labels[0] = 0  # a picture of one class
    found = evaluate(Question.one_of(classes, grid=PICTURE), logits, labels)
    answers = logits.argmax(-1)
    expected = segmentation.mean_iou(answers, labels, num_classes=classes, input_format="index")
    assert torch.allclose(found.scores.values, expected.double(), atol=1e-6)
    jaccard = classification.multiclass_jaccard_index(answers, labels, num_classes=classes, average="none")
    assert [part.iou for part in found.per_output] == pytest.approx(jaccard.tolist(), abs=1e-6)
    assert found.set_iou == pytest.approx(jaccard.mean().item(), abs=1e-6)
    micro = classification.multiclass_accuracy(answers, labels, num_classes=classes, average="micro")
    assert found.accuracy == pytest.approx(micro.item(), abs=1e-6)


def test_several_masks_beside_torchmetrics() -> None:
    classification = pytest.importorskip("torchmetrics.functional.classification")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 6, 7, 3, generator=generator)
    labels = (torch.rand(5, 6, 7, 3, generator=generator) < 0.4).to(torch.int8)
    found = evaluate(Question.tags(3, grid=PICTURE), logits, labels)
    for row in range(5):
        each = [
            classification.binary_jaccard_index(logits[row, ..., at].sigmoid(), labels[row, ..., at].long()).item()
            for at in range(3)
        ]
        assert found.scores.values[row].item() == pytest.approx(sum(each) / 3, abs=1e-6)


def test_the_teacher_s_masks_judge_where_there_are_no_others() -> None:
    """Teacher 10 pixels, student 10 others, 5 of them the same."""
    logits, _ = strip(range(10), range(0))
    teacher, _ = strip(range(5, 15), range(0))
    evaluator = evaluator_for(SALT)
    evaluator.add({"main": logits}, None, SoftTargets(values=teacher, space=Space.LOGITS, question=SALT))
    found = evaluator.result()
    assert (found.measures[0].name, found.measures[0].value) == ("IoU with the teacher", pytest.approx(1 / 3))
    # 10 of 20 pixels disagree, each by KL(p ‖ 1 - p) = (2 p - 1) log(p / (1 - p)) with p = σ(2)
    p = 1 / (1 + math.exp(-2))
    assert found.measures[1].value == pytest.approx(0.5 * (2 * p - 1) * 2, rel=1e-5)
