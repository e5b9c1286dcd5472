"""Several numbers in different units: none decides what is learned, or which epoch is kept, by being large."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from joryu.errors import TrainingError
from joryu.evaluation import evaluate_student
from joryu.examples import Examples
from joryu.objectives import Distillation, HardLabels
from joryu.questions import Question
from joryu.students import Blueprint, load_student
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples
from joryu.training import LabelsAlone, Recipe, Run, Trained, TrainingData, train
from joryu.training.checkpoint import load_checkpoint, save_checkpoint
from joryu.training.distill import distill
from joryu.training.run import Watch
from joryu.training.setup import DistillationSetup

RECIPE = Recipe(epochs=6, batch_size=16, learning_rate=0.01, precision="32-true")


def measured(*units: float) -> Examples:
    """Two numbers that follow from the inputs, each in a unit of its own; the unit is a power of two, so exact."""
    inputs = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(96, 2, generator=torch.Generator().manual_seed(1))
    labels = torch.stack([inputs[:, 0] + inputs[:, 1], inputs[:, 2].square()], 1) + 0.3 * noise
    return Examples.of(inputs, (labels * torch.tensor(units)).float(), question=Question.numbers(["same", "huge"]))


def trained(folder: Path, *units: float, watch: Watch | None = None) -> Trained:
    """The same rows teach and validate, whatever their units."""
    examples = measured(*units)
    teaching, validation = examples.select(range(72)), examples.select(range(72, 96))
    question = examples.asked_question
    blueprint = Blueprint.fitted("mlp:8x1", teaching.inputs, question, outputs_like=teaching.labels)
    objective = HardLabels(link=question.link, units=blueprint.output_std)
    data = TrainingData(teaching, LabelsAlone(), validation=validation)
    return train(blueprint, data, objective=objective, recipe=RECIPE, run=Run(folder=folder, watch=watch))


def stopped(folder: Path, step: int) -> None:
    """Interrupted in the second epoch, with a checkpoint."""

    def watch(progress: object, steps: int, epochs: int) -> None:
        del steps, epochs
        if vars(progress)["epoch"] == 1 and vars(progress)["step"] == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(folder, 1.0, 1.0, watch=watch)


def test_the_unit_of_a_number_does_not_choose_the_epoch(tmp_path: Path) -> None:
    one, other = trained(tmp_path / "one", 1.0, 1.0), trained(tmp_path / "other", 1.0, 2.0**20)
    for name in ("train_loss", "validation_loss", "validation_standardised_rmse"):
        expected = [record[name] for record in one.history]
        assert [record[name] for record in other.history] == pytest.approx(expected, rel=1e-4)
    assert one.best_epoch == other.best_epoch
    assert 0 < other.chosen["validation_loss"] < 3  # always saying the mean is off by about 1


def test_a_student_is_evaluated_in_the_units_it_learned_by(tmp_path: Path) -> None:
    units = (1.0, 2.0**20)
    found = [trained(tmp_path / str(unit), 1.0, unit) for unit in units]
    one, other = (
        evaluate_student(load_student(part.folder)[0], measured(1.0, unit))
        for part, unit in zip(found, units, strict=True)
    )
    assert other.loss == pytest.approx(one.loss, rel=1e-4)
    assert other.measures[0].value == pytest.approx(one.measures[0].value, rel=1e-4)
    assert torch.allclose(other.scores.values, one.scores.values, rtol=1e-3, atol=1e-5)
    assert other.to_json()["units"] == pytest.approx(found[1].blueprint.output_std)


def test_a_checkpoint_whose_losses_were_in_other_units_is_not_gone_on_from(tmp_path: Path) -> None:
    """As an earlier Joryu wrote them: its best epoch so far cannot be compared with those to come."""
    stopped(tmp_path, 2)
    state = load_checkpoint(tmp_path)
    assert state is not None
    assert len(state["progress"].pop("units")) == 2
    save_checkpoint(tmp_path, state)
    with pytest.raises(TrainingError, match="other units"):
        trained(tmp_path, 1.0, 1.0)


def test_a_training_of_numbers_goes_on(tmp_path: Path) -> None:
    stopped(tmp_path / "stopped", 2)
    again, whole = trained(tmp_path / "stopped", 1.0, 1.0), trained(tmp_path / "whole", 1.0, 1.0)
    assert [record["validation_loss"] for record in again.history] == [
        record["validation_loss"] for record in whole.history
    ]


def test_a_number_that_hardly_anybody_labelled_is_in_the_unit_of_the_answers(tmp_path: Path) -> None:
    question = Question.numbers(["length", "area"])
    inputs = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.full((100, 2), torch.nan)
    labels[:, 0] = inputs[:, 0]
    labels[7, 1] = 5e4
    teacher = Network(Areas(), question=question, device="cpu")
    examples = Examples.of(inputs, labels, question=question)
    store = label_examples(teacher, examples, tmp_path / "targets")
    setup = DistillationSetup(student="mlp:4x1", objective=Distillation(link=question.link, temperature=1.0))
    done = distill(examples, store, setup=setup, recipe=RECIPE, run=Run(tmp_path / "run"))
    plan, taught = done.student.blueprint, done.parts.teaching
    assert plan.output_std[0] == pytest.approx(float(taught.inputs[:, 0].std(correction=0)), rel=1e-4)
    assert plan.output_mean[1] == pytest.approx(5e4, rel=0.1)
    assert plan.output_std[1] == pytest.approx(float(1e4 * taught.inputs[:, 1].std(correction=0)), rel=1e-3)


class Areas(torch.nn.Module):
    """Lengths about 1, and areas about 50,000 ± 10,000."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.stack([inputs[:, 0], 5e4 + 1e4 * inputs[:, 1]], 1)
