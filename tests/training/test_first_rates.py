"""A student of tags begins by saying how often each tag holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from joryu.examples import Examples
from joryu.objectives import HardLabels
from joryu.questions import PICTURE, Link, Question
from joryu.students import Blueprint
from joryu.targets.combination import Combination
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.training import LabelsAlone, Recipe, Run, TrainingData, train
from joryu.training import loop as training_loop
from joryu.training.first_rates import begin_at_rates, rates_of
from joryu.training.target_source import Shown

TAGS = Question.tags(["red", "round", "rare"])
LABELS = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 0, -1], [0, 0, -1]], dtype=torch.int8)


class Said:
    """A source of soft targets that are given, row by row; it stands for a store."""

    def __init__(self, targets: SoftTargets) -> None:
        self.targets = targets

    def __getattr__(self, name: str) -> object:
        return getattr(LabelsAlone(), name)

    def require_fit(self, examples: Examples) -> None: ...

    def answers(self, examples: Examples, rows: Tensor, shown: Shown) -> SoftTargets:
        return self.targets.select(rows)


def data(question: Question = TAGS, labels: Tensor = LABELS) -> TrainingData:
    inputs = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(0))
    return TrainingData(Examples.of(inputs, labels, question=question, name="made up"))


def student(architecture: str = "mlp:6x1", question: Question = TAGS) -> nn.Sequential:
    torch.manual_seed(0)
    return Blueprint(architecture=architecture, input_shape=(5,), question=question).build()


def test_rates_are_the_means_of_what_is_known() -> None:
    assert rates_of(data(), 3).tolist() == pytest.approx([0.75, 0.25, 0.25])  # of two known 0s half an example is left


def test_a_tag_that_was_not_returned_counts_as_nothing() -> None:
    said = SoftTargets(
        values=torch.tensor([[0.9, 0.6], [0.7, 0.0], [0.8, 0.0], [0.8, 0.0]]),
        indices=torch.tensor([[0, 1], [0, -1], [0, -1], [0, -1]]),
        bound=torch.full((4,), 0.5), space=Space.PROBS, question=TAGS,
    )  # fmt: skip
    taught = TrainingData(data().examples, Said(said))  # type: ignore[arg-type]
    assert rates_of(taught, 3).tolist() == pytest.approx([0.8, 0.15, 0.125])


def test_of_an_ensemble_the_rate_is_that_of_its_rule() -> None:
    values = torch.tensor([[[0.9, 0.6, 0.2], [0.8, 0.4, 0.1]]]).expand(4, 2, 3).contiguous()
    targets = SoftTargets(values=values, space=Space.PROBS, question=TAGS, members=True,
                          combination=Combination.parse("vote,weights=3/1"))  # fmt: skip
    found = rates_of(TrainingData(data().examples, Said(targets)), 3)  # type: ignore[arg-type]
    assert found.tolist() == pytest.approx([0.875, 0.75, 0.125])  # 1 and 0 are kept half an example's worth away


def test_a_new_student_says_the_rates_plus_what_its_weights_say() -> None:
    module, plain = student().eval(), student().eval()
    assert begin_at_rates(module, TAGS, data())
    inputs = torch.randn(7, 5)
    head = plain[1][-1] if isinstance(plain[1], nn.Sequential) else None
    assert isinstance(head, nn.Linear)
    moved = module(inputs) - plain(inputs) + head.bias
    assert moved.detach().sigmoid().mean(0).tolist() == pytest.approx([0.75, 0.25, 0.25], abs=1e-5)


def test_classes_numbers_and_pixels_begin_as_they_did() -> None:
    for question in (Question.one_of(3), Question.numbers(["a", "b", "c"])):
        module, plain = student(question=question), student(question=question)
        assert not begin_at_rates(module, question, data())
        assert all(torch.equal(one, other) for one, other in zip(module.parameters(), plain.parameters(), strict=True))
    assert not begin_at_rates(nn.Sequential(nn.Identity(), nn.Conv2d(1, 1, 1)), Question.tags(1, grid=PICTURE), data())


class Backwards(nn.Module):
    """Its last layer in the order of its parts comes first in its computation."""

    def __init__(self) -> None:
        super().__init__()
        self.end = nn.Linear(5, 3)
        self.start = nn.Linear(5, 5)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.end(self.start(inputs).tanh())
        return found


def test_a_network_that_ends_elsewhere_is_left_alone() -> None:
    network = Backwards()
    before = [one.clone() for one in network.parameters()]
    assert not begin_at_rates(nn.Sequential(nn.Identity(), network), TAGS, data())
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


class Broken(nn.Module):
    """It takes no such inputs; the training's own first try says so."""

    def __init__(self) -> None:
        super().__init__()
        self.end = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.end(inputs)
        return found


def test_a_network_that_cannot_be_asked_is_left_to_the_first_try() -> None:
    assert not begin_at_rates(nn.Sequential(nn.Identity(), Broken()), TAGS, data())


def test_parts_that_were_put_into_evaluation_mode_stay_there() -> None:
    network = nn.Sequential(nn.BatchNorm1d(5).eval(), nn.Linear(5, 3)).train()
    network[0].eval()
    assert begin_at_rates(nn.Sequential(nn.Identity(), network), TAGS, data())
    assert network.training
    assert not network[0].training


def test_a_short_training_learns_more_of_rare_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 tags of which a row has two: from one half each, a few steps do little more than push all down."""
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, 16, generator=random)
    scores = inputs @ torch.randn(16, 200, generator=random)
    labels = (scores >= scores.topk(2, dim=1).values[:, -1:]).to(torch.int8)
    examples = Examples.of(inputs, labels, question=Question.tags(200), name="made up")
    teaching = TrainingData(examples.select(torch.arange(300)), LabelsAlone(), examples.select(torch.arange(300, 400)))
    plan = Blueprint(architecture="mlp:32x1", input_shape=(16,), question=examples.asked_question)
    recipe = Recipe(epochs=2, batch_size=32, precision="32-true")

    def loss(name: str) -> float:
        done = train(plan, teaching, objective=HardLabels(link=Link.SIGMOID), recipe=recipe, run=Run(tmp_path / name))
        return float(done.history[-1]["validation_loss"])

    begun = loss("at rates")
    monkeypatch.setattr(training_loop, "begin_at_rates", lambda *_: False)
    assert begun < 0.5 * loss("at one half")
