"""A network that only answers is shown large inputs a few at a time, and says the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from joryu.evaluation.predictions import predict_logits
from joryu.examples import Examples
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.students.micro_batches import VALUES, answers_of, micro_batches
from joryu.students.named_outputs import outputs_of
from joryu.teachers import Network

SIDE = 160  #: of pictures of which a micro-batch holds 8


@pytest.mark.parametrize(
    ("shape", "most"),
    [
        ((1, 28, 28), 1024),
        ((3, 32, 32), 256),
        ((3, 64, 64), 64),
        ((3, 160, 160), 8),
        ((3, 2000, 2000), 8),
        ((4,), VALUES // 4),
        ((), VALUES),
    ],
)
def test_a_micro_batch_is_a_power_of_two_of_examples(shape: tuple[int, ...], most: int) -> None:
    whole = torch.zeros(1, *shape, dtype=torch.uint8).expand(most + 3, *shape)
    assert [len(part) for part in micro_batches(whole)] == [most, 3]
    assert [len(part) for part in micro_batches(whole[:most])] == [most]
    assert [len(part) for part in micro_batches(whole[:0])] == [0]


def test_the_batch_of_an_accelerator_stays_whole() -> None:
    assert [len(part) for part in micro_batches(torch.zeros(100, 3, SIDE, SIDE, device="meta"))] == [100]


class Recording(nn.Module):
    """Channel means of pictures, and how many there were at each call."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.width, self.at_own_precision = width, False
        self.sizes: list[int] = []

    def forward(self, pictures: Tensor) -> Tensor:
        self.sizes.append(len(pictures))
        return pictures.float().mean((2, 3))[:, : self.width]


@pytest.fixture(scope="module")
def examples() -> Examples:
    pictures = torch.randint(0, 256, (19, 3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return Examples.of(pictures, classes=["a", "b", "c"])


def test_a_teacher_answers_in_order(examples: Examples) -> None:
    module = Recording()
    said = Network(module, examples.classes, output="logits").label(examples.inputs[:])
    assert module.sizes == [8, 8, 3]
    torch.testing.assert_close(said.values, examples.inputs[:].float().mean((2, 3)))


def test_another_runtime_is_given_the_whole_batch(examples: Examples) -> None:
    module = Recording()
    module.at_own_precision = True
    Network(module, examples.classes, output="logits").label(examples.inputs[:])
    assert module.sizes == [19], "one with batches of 32 alone would fill up each part of 8"


def test_numbers_keep_their_variances(examples: Examples) -> None:
    question = Question.numbers(["red"])
    said = Network(Recording(2), question=question, output="moments").label(examples.inputs[:])
    means = examples.inputs[:].float().mean((2, 3))
    assert said.variance is not None
    torch.testing.assert_close(said.values, means[:, :1])
    torch.testing.assert_close(said.variance, means[:, 1:2])


def test_predicted_logits_are_in_order(examples: Examples) -> None:
    module = Recording()
    found = predict_logits(module, examples, batch_size=10)
    assert module.sizes == [8, 2, 8, 1]
    torch.testing.assert_close(found, examples.inputs[:].float().mean((2, 3)))


def test_all_outputs_of_a_student_are_joined(examples: Examples) -> None:
    shape, heads = (3, SIDE, SIDE), {"signals": ("calm",)}
    plan = Blueprint(architecture="cnn:2x2", input_shape=shape, classes=("a", "b", "c"), heads=heads)
    student = plan.build().eval()
    with torch.inference_mode():
        found, whole = answers_of(student, examples.inputs[:]), outputs_of(student, examples.inputs[:])
    assert found.keys() == whole.keys() == {"main", "signals"}
    for name, values in whole.items():
        torch.testing.assert_close(found[name], values)
