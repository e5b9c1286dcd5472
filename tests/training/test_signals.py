"""Measured signals as a second task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes import SETUP, digits, nearest_mean, recipe

from joryu.errors import InputError
from joryu.students import Blueprint
from joryu.targets import Store
from joryu.teachers import Network, Reply, TeacherBatch
from joryu.teachers.labelling import label_examples
from joryu.training import Run, read_run
from joryu.training.distill import distill
from joryu.training.setup import DistillationSetup, setup_of


class Measured:
    """A teacher that is measured while it answers: how dark a picture is, and nothing of every third."""

    def __init__(self, teacher: Network) -> None:
        self._teacher = teacher
        self.question = teacher.question
        self.fingerprint = f"measured {teacher.fingerprint}"

    def answer(self, batch: TeacherBatch) -> Reply:
        darkness = batch.inputs.flatten(1).float().mean(1, keepdim=True)
        darkness = (darkness - 76.0) / 12.0  # about standardised
        darkness[::3] = torch.nan
        return Reply(replace(self._teacher.label(batch.inputs), signals=darkness, signal_names=("darkness",)))


@pytest.mark.slow
def test_signals_are_learnt_as_a_second_task_and_left_out_of_the_student(tmp_path: Path) -> None:
    store = label_examples(Measured(nearest_mean(digits())), digits(), tmp_path / "targets")
    setup = replace(SETUP, signal_weight=0.5, twin=True)
    done = distill(
        digits(), store, setup=setup, recipe=recipe(epochs=30, precision="32-true"), run=Run(tmp_path / "run")
    )
    student = done.student
    assert student.blueprint.heads == {"signals": ("darkness",)}
    with torch.inference_mode():
        assert student.module(digits().inputs[:5]).shape == (5, 10)
        outputs = student.module[:2](digits().inputs)[:, 10]
        assert done.twin is not None
        of_twin = done.twin.module[:2](digits().inputs)[:, 10]
    darkness = digits().inputs.flatten(1).float().mean(1)
    assert torch.corrcoef(torch.stack([outputs, darkness]))[0, 1] > 0.8  # learnt, from two thirds of the rows
    assert abs(torch.corrcoef(torch.stack([of_twin, darkness]))[0, 1]) < 0.6  # nobody taught the twin
    assert setup_of(tmp_path / "run") == setup
    assert read_run(tmp_path / "run")["request"]["student"]["signals"] == ["darkness"]
    assert read_run(tmp_path / "run/twin")["request"]["objective"]["main"]["name"] == "hard-labels"


def test_a_store_without_signals_cannot_teach_them(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no measured signal"):
        distill(digits(), store, setup=replace(SETUP, signal_weight=0.5), recipe=recipe(), run=Run(tmp_path))
    with pytest.raises(InputError, match="signal_weight"):
        DistillationSetup(signal_weight=-1.0)


def test_a_plan_with_signals_from_before_there_were_heads_is_read() -> None:
    old = {"architecture": "mlp:8x1", "input_shape": [4], "classes": ["a", "b"], "signals": ["darkness"]}
    plan = Blueprint.model_validate(old)
    assert (plan.classes, plan.heads) == (("a", "b"), {"signals": ("darkness",)})
    assert Blueprint.model_validate_json(plan.model_dump_json()) == plan
