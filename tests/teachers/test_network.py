"""What is particular to a network as a teacher."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.questions import Link, Question
from joryu.students import Normalise
from joryu.students.named_outputs import NamedOutputs
from joryu.targets import Space
from joryu.teachers import Network


def test_logits_by_hand() -> None:
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": torch.tensor([[1.0, 0.0], [0.0, 2.0]]), "bias": torch.tensor([0.0, 1.0])})
    teacher = Network(layer, ["a", "b"], normalise=Normalise(mean=1.0, std=2.0))
    answers = teacher.label(torch.tensor([[3.0, 5.0]]))
    assert answers.values.tolist() == [[1.0, 5.0]]  # inputs become 1 and 2
    assert (answers.space, answers.link, answers.temperature) == (Space.LOGITS, Link.SOFTMAX, 1.0)


def test_it_is_frozen_in_evaluation_mode() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.9)).train()
    teacher = Network(module, ["a", "b"])
    teacher.label(torch.randn(4, 2))
    assert not any(part.training for part in teacher.module.modules())
    assert not any(p.requires_grad for p in teacher.module.parameters())


def test_tags() -> None:
    teacher = Network(nn.Identity(), question=Question.tags(["red", "round"]))
    assert teacher.label(torch.tensor([[0.0, 0.0]])).probs().tolist() == [[0.5, 0.5]]


def test_half_precision_answers_come_as_float32() -> None:
    assert (
        Network(nn.Linear(2, 2).bfloat16(), ["a", "b"]).label(torch.zeros(1, 2).bfloat16()).values.dtype
        is torch.float32
    )


def test_an_empty_normalisation_is_one_all_the_same() -> None:
    assert isinstance(Network(nn.Linear(2, 2), ["a", "b"], normalise=nn.Sequential()).module[0], nn.Sequential)


class Answering(nn.Module):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, inputs: torch.Tensor) -> object:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (torch.zeros(2, 3), r"\[2, 3\]"),
        (torch.zeros(1, 2), r"\[1, 2\]"),
        (torch.zeros(()), r"\[\]"),
        ((torch.zeros(2, 2),), "tuple"),
        ({"logits": torch.zeros(2, 2), "aux": None}, "a dict of 'logits', 'aux'"),
        (torch.zeros(2, 3, 3, 2), r"\[2, 3, 3, 2\]"),
        (torch.zeros(2), r"\[2\]"),
    ],
    ids=["too many classes", "too few rows", "a number", "a tuple", "a dictionary", "extra axes", "no classes"],
)
def test_answers_that_do_not_fit(answer: object, received: str) -> None:
    with pytest.raises(MismatchError, match=rf"expected outputs \[2, 2\]; received {received}"):
        Network(Answering(answer), ["a", "b"]).label(torch.zeros(2, 4))


class Activated(nn.Linear):
    """A layer that names functions in its settings and in print, as many do; each has another address."""

    def __init__(self) -> None:
        super().__init__(2, 2)
        self.activations = (lambda x: x, nn.functional.relu)

    def extra_repr(self) -> str:
        return f"then {self.activations}"


def test_the_fingerprint_does_not_hang_on_addresses() -> None:
    torch.manual_seed(0)
    first, second = Activated(), Activated()
    second.load_state_dict(first.state_dict())
    assert repr(first) != repr(second)
    assert Network(first, ["a", "b"]).fingerprint == Network(second, ["a", "b"]).fingerprint


def test_a_student_as_teacher_is_known_as_it_was_before_it_named_its_answers() -> None:
    layers = nn.Sequential(Normalise(0.0, 1.0), nn.Linear(2, 2))
    named = nn.Sequential(*layers, NamedOutputs(Question.one_of(["a", "b"])))
    layers.load_state_dict({name: torch.ones_like(value) for name, value in layers.state_dict().items()})
    assert (
        Network(named, ["a", "b"]).fingerprint
        == Network(layers, ["a", "b"]).fingerprint
        == "b15bdcd2d869d05af313fd1804bbd6c6"
    )


def test_the_units_of_its_numbers_are_a_part_of_a_teacher() -> None:
    layer, prices = nn.Linear(2, 1), Question.numbers(["price"])
    euros, cents = (nn.Sequential(layer, NamedOutputs(prices, mean=[0.0], std=[std])) for std in (1.0, 100.0))
    first, second = Network(euros, question=prices), Network(cents, question=prices)
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("times", "says"), [(1, "are probabilities"), (100, "are percentages.*sum to 100.*divide them by 100")]
)
def test_a_softmax_taken_for_logits_is_refused_in_per_cent_too(times: int, says: str) -> None:
    class Shares(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return times * inputs.softmax(1)

    inputs = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    with pytest.raises(InputError, match=says):
        Network(Shares(), ["a", "b", "c"]).label(inputs)
    believed = Network(Shares(), ["a", "b", "c"], output="logits").label(inputs)
    assert torch.allclose(believed.values, times * inputs.softmax(1))
