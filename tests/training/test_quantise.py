"""Quantisation-aware distillation: a finished student and its twin learn once more under fake quantisation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes import digits, recipe
from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.evaluation import predict_logits
from joryu.objectives import Distillation
from joryu.students import Blueprint, load_student
from joryu.students.int8.saved import network_of
from joryu.targets import Store
from joryu.training import Run, TrainingData, read_run
from joryu.training.distill import distill, find_twin
from joryu.training.on_labels import train_on_labels
from joryu.training.quantise import fine_tuning_recipe, quantise
from joryu.training.setup import DistillationSetup, setup_of

SETUP = DistillationSetup(
    student="cnn:8x2", objective=Distillation(temperature=3.0, hard_weight=0.2), twin=True, test=0.2
)


@pytest.fixture(scope="module")
def store(targets: Path) -> Store:
    return Store.open(targets)


@pytest.fixture(scope="module")
def run(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distilled run and its twin."""
    folder = tmp_path_factory.mktemp("float")
    given = recipe(epochs=12, learning_rate=0.01, precision="32-true", max_norm=3.0)
    distill(digits(), store, setup=SETUP, recipe=given, run=Run(folder))
    return folder


def test_the_recipe_of_a_fine_tuning(run: Path) -> None:
    found = fine_tuning_recipe(run)
    assert (found.epochs, found.learning_rate, found.max_norm, found.precision) == (3, 0.001, None, "32-true")
    assert (found.seed, found.batch_size) == (0, 32)
    assert fine_tuning_recipe(run, epochs=7, learning_rate=0.5).model_dump() == {
        **found.model_dump(), "epochs": 7, "learning_rate": 0.5,
    }  # fmt: skip


def test_student_and_twin_go_on_from_theirs_by_the_same_objective(
    run: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources, batches = [], TrainingData.batches

    def noted(self: TrainingData, *arguments: object, **named: object) -> object:
        sources.append(self.source.describe())
        return batches(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingData, "batches", noted)
    found = quantise(run, digits(), store, recipe=fine_tuning_recipe(run), run=Run(tmp_path), twin=True)
    student, twin = read_run(tmp_path), read_run(tmp_path / "twin")
    assert found.twin is not None
    assert find_twin(tmp_path) == tmp_path / "twin"
    before, of_twin = read_run(run), read_run(run / "twin")
    for name in ("objective", "examples", "validation", "targets", "views"):
        assert student["request"][name] == before["request"][name], name
    assert twin["request"]["objective"] == of_twin["request"]["objective"]
    assert student["request"]["begin_with"] != twin["request"]["begin_with"]
    assert {one["targets"] is None for one in sources if one["views"]} == {True, False}
    assert setup_of(tmp_path) == replace(SETUP, int8=True)
    assert student["request"]["student"]["quantisation"] == "int8"
    # Nothing of a run's record differs else, so that a report finds the same test part.
    assert student["notes"]["held_out"] == before["notes"]["held_out"]


def test_it_answers_as_its_float_student_does_and_its_ranges_are_learned(
    run: Path, store: Store, tmp_path: Path
) -> None:
    quantise(run, digits(), store, recipe=fine_tuning_recipe(run), run=Run(tmp_path))
    float_student, _ = load_student(run)
    int8_student, plan = load_student(tmp_path)
    assert plan.quantisation == "int8"
    wanted, found = (predict_logits(one, digits()) for one in (float_student, int8_student))
    assert (wanted.argmax(-1) == found.argmax(-1)).float().mean() > 0.85
    assert not torch.equal(wanted, found)
    assert all(one.ends()[1] > 0 for one in network_of(int8_student).ranges)


def test_a_finished_fine_tuning_costs_nothing_and_another_request_is_refused(
    run: Path, store: Store, tmp_path: Path
) -> None:
    given = fine_tuning_recipe(run, epochs=1)
    quantise(run, digits(), store, recipe=given, run=Run(tmp_path))
    written = (tmp_path / "student.safetensors").stat().st_mtime_ns
    quantise(run, digits(), store, recipe=given, run=Run(tmp_path))
    assert (tmp_path / "student.safetensors").stat().st_mtime_ns == written
    with pytest.raises(MismatchError, match="another recipe"):
        quantise(run, digits(), store, recipe=fine_tuning_recipe(run, epochs=2), run=Run(tmp_path))


# --- refusals -------------------------------------------------------------------------------------------------------


def test_another_seed_would_teach_what_was_held_out(run: Path, store: Store, tmp_path: Path) -> None:
    given = fine_tuning_recipe(run).model_copy(update={"seed": 1})
    with pytest.raises(InputError, match="seed must be the run's"):
        quantise(run, digits(), store, recipe=given, run=Run(tmp_path))


@pytest.mark.parametrize(("setting", "value"), [("max_norm", 2.0), ("compile", True)])
def test_what_has_no_meaning_is_refused(setting: str, value: object, run: Path, store: Store, tmp_path: Path) -> None:
    given = fine_tuning_recipe(run).model_copy(update={setting: value})
    with pytest.raises(InputError, match=f"{setting} is not for a student under fake quantisation"):
        quantise(run, digits(), store, recipe=given, run=Run(tmp_path))
    assert not (tmp_path / "run.json").exists()


def test_a_run_that_was_not_distilled(store: Store, tmp_path: Path) -> None:
    train_on_labels("mlp:4x1", digits(), validation=0.1, recipe=recipe(epochs=1), run=Run(tmp_path / "labels"))
    with pytest.raises(InputError, match="was not distilled"):
        quantise(tmp_path / "labels", digits(), store, recipe=recipe(), run=Run(tmp_path / "out"))


def test_a_twin_needs_a_twin_and_a_quantised_run_is_not_quantised_again(store: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    setup = replace(SETUP, student="mlp:4x1", twin=False)
    distill(digits(), store, setup=setup, recipe=recipe(epochs=1), run=Run(first))
    given = fine_tuning_recipe(first)
    with pytest.raises(InputError, match="has no twin for this one to begin with"):
        quantise(first, digits(), store, recipe=given, run=Run(second), twin=True)
    quantise(first, digits(), store, recipe=given, run=Run(second))
    with pytest.raises(InputError, match="under fake quantisation already"):
        quantise(second, digits(), store, recipe=given, run=Run(tmp_path / "third"))


def test_int8_alone_needs_a_run_to_begin_with(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="int8 needs a finished run to begin with"):
        distill(digits(), store, setup=replace(SETUP, int8=True), recipe=recipe(), run=Run(tmp_path))


def transposed(n_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 2, 3), nn.Flatten(), nn.Linear(128, n_classes)
    )


def test_a_layer_that_cannot_be_quantised_is_named_before_anything_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scenes.transposed", transposed, raising=False)
    setup = replace(SETUP, student="module:scenes:transposed", twin=False)
    distill(digits(), store, setup=setup, recipe=recipe(epochs=1), run=Run(tmp_path / "float"))
    with pytest.raises(InputError, match=r"2 \(ConvTranspose2d\) of module:scenes:transposed cannot be fake-quantised"):
        quantise(
            tmp_path / "float", digits(), store, recipe=fine_tuning_recipe(tmp_path / "float"), run=Run(tmp_path / "q")
        )
    assert not (tmp_path / "q" / "student.json").exists()


def test_plans_that_may_begin_with_one_another() -> None:
    plain = Blueprint(architecture="mlp:4x1", input_shape=(3,), classes=("a", "b"))  # type: ignore[call-arg]
    int8 = plain.model_copy(update={"quantisation": "int8"})
    assert int8.begins_with(plain)
    assert int8.begins_with(int8)
    assert plain.begins_with(plain)
    assert not plain.begins_with(int8)
    assert not int8.begins_with(plain.model_copy(update={"architecture": "mlp:5x1"}))
