"""From a store to a student and its twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import SETUP, at_step, digits, ids_of, label, nearest_mean, recipe
from torch import nn

from joryu.errors import DeadTeacherError, InputError, MismatchError
from joryu.examples import UNLABELLED, Examples
from joryu.objectives import Distillation
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.targets import SoftTargets, Space, Store
from joryu.teachers import Network, Reply, TeacherBatch
from joryu.teachers.labelling import label_examples
from joryu.training import Run, TrainingData, read_run
from joryu.training.checkpoint import TrainingProgress
from joryu.training.distill import distill, find_twin
from joryu.training.on_labels import train_on_labels
from joryu.training.setup import setup_of, split_parts


def test_the_twin_has_the_same_start_and_the_same_steps_and_labels_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, build = [], Blueprint.build

    def noted(self: Blueprint) -> nn.Sequential:
        module = build(self)
        starts.append({name: value.clone() for name, value in module.state_dict().items()})
        return module

    shown: list[TrainingData] = []
    batches = TrainingData.batches

    def noted_batches(self: TrainingData, *arguments: Any, **named: Any) -> Any:
        shown.append(self)
        return batches(self, *arguments, **named)

    monkeypatch.setattr(Blueprint, "build", noted)
    monkeypatch.setattr(TrainingData, "batches", noted_batches)
    steps: list[tuple[int, int]] = []

    def watch(progress: TrainingProgress, _: int, __: int) -> None:
        steps.append((progress.epoch, progress.step))

    setup = replace(SETUP, labelled=0.25, twin=True)
    found = distill(digits(), store, setup=setup, recipe=recipe(), run=Run(tmp_path, watch=watch))
    assert found.twin is not None
    # Student, the student read back from its file, twin, and the twin read back.
    assert all(torch.equal(value, starts[2][name]) for name, value in starts[0].items())
    assert len(steps) == 2 * 3 * 9
    assert steps[:27] == steps[27:]
    taught = [data for data in shown if len(data.examples) != 32]  # these validate
    assert [len(data.examples) for data in taught] == [288] * 3 + [72] * 3
    twins = taught[-1]
    assert twins.source.describe() == {"targets": None, "views": "shift:1"}
    assert (twins.examples.labels_or_empty != UNLABELLED).all()
    assert ids_of(twins.examples) <= ids_of(found.parts.teaching)
    assert not torch.equal(
        found.student.module.state_dict()["1.1.weight"], found.twin.module.state_dict()["1.1.weight"]
    )
    assert find_twin(tmp_path) == tmp_path / "twin"


def test_views_are_the_ones_the_teacher_labelled(store: Store, tmp_path: Path) -> None:
    distill(digits(), store, setup=replace(SETUP, twin=True), recipe=recipe(), run=Run(tmp_path))
    for folder in (tmp_path, tmp_path / "twin"):
        assert read_run(folder)["request"]["views"] == "shift:1"


def test_a_student_learns_from_the_store_what_a_few_labels_cannot_teach(store: Store, tmp_path: Path) -> None:
    """40 labels, 288 answers: the student agrees with its teacher, the twin is left behind."""
    setup = replace(SETUP, student="mlp:32x1", labelled=0.14, twin=True)
    given = recipe(epochs=20, precision="32-true")
    found = distill(digits(), store, setup=setup, recipe=given, run=Run(tmp_path))
    assert found.twin is not None
    student, twin = (
        max(record["validation_accuracy"] for record in trained.history) for trained in (found.student, found.twin)
    )
    assert student > 0.8
    assert student >= twin


def test_what_the_run_remembers(store: Store, tmp_path: Path) -> None:
    setup = replace(SETUP, labelled=0.5)
    run = Run(tmp_path, command="joryu distill", notes={"examples": "digits"})
    distill(digits(), store, setup=setup, recipe=recipe(), run=run)
    assert setup_of(tmp_path) == setup
    assert read_run(tmp_path)["notes"]["examples"] == "digits"
    assert find_twin(tmp_path) is None
    assert train_on_labels("mlp:4x1", digits(), validation=0.2, recipe=recipe(), run=Run(tmp_path / "labels"))
    assert setup_of(tmp_path / "labels") is None


def test_an_unfinished_twin_is_none_and_is_gone_on_with(store: Store, tmp_path: Path) -> None:
    setup = replace(SETUP, twin=True)

    def in_the_twin() -> None:
        if (tmp_path / "twin").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run = Run(tmp_path, watch=at_step(12, in_the_twin))
        distill(digits(), store, setup=setup, recipe=recipe(), run=run)
    assert find_twin(tmp_path) is None
    distill(digits(), store, setup=setup, recipe=recipe(), run=Run(tmp_path))
    assert find_twin(tmp_path) == tmp_path / "twin"
    distill(digits(), store, setup=setup, recipe=recipe(), run=Run(tmp_path / "whole"))
    for name in ("student.safetensors", "twin/student.safetensors"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_partly_labelled_sets(store: Store, tmp_path: Path) -> None:
    """The student is validated against the teacher, the twin on the labels that validation happens to hold."""
    examples = digits().hide_labels(torch.arange(0, 320, 2))
    found = distill(examples, store, setup=replace(SETUP, twin=True), recipe=recipe(), run=Run(tmp_path))
    assert found.twin is not None
    assert "validation_agreement" in found.student.history[0]
    assert "validation_accuracy" in found.twin.history[0]


def test_a_twin_needs_labels_and_says_so_before_the_student_is_trained(store: Store, tmp_path: Path) -> None:
    examples = digits().hide_labels(torch.arange(320))
    setup = replace(SETUP, objective=Distillation(), twin=True)
    with pytest.raises(InputError, match="has a label"):
        distill(examples, store, setup=setup, recipe=recipe(), run=Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    few = digits().hide_labels(torch.arange(4, 320))
    with pytest.raises(InputError, match="patience needs"):
        distill(few, store, setup=setup, recipe=recipe(patience=2), run=Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def constant_teacher() -> Network:
    layer = nn.Linear(64, 10)
    nn.init.zeros_(layer.weight)
    return Network(nn.Sequential(nn.Flatten(), Floats(), layer), digits().classes)


class Floats(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.float()


def test_a_dead_teacher_is_refused_and_can_be_insisted_on(tmp_path: Path) -> None:
    dead = label_examples(constant_teacher(), digits(), tmp_path / "targets")
    with pytest.raises(DeadTeacherError, match="--allow-dead-teacher"):
        distill(digits(), dead, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    setup = replace(SETUP, allow_dead_teacher=True)
    assert distill(digits(), dead, setup=setup, recipe=recipe(), run=Run(tmp_path / "run")).student.history


def test_a_store_of_other_classes(store: Store, tmp_path: Path) -> None:
    renamed = replace(digits(), question=Question.one_of("abcdefghij"))
    with pytest.raises(MismatchError, match="class 0"):
        distill(renamed, store, setup=SETUP, recipe=recipe(), run=Run(tmp_path))


@pytest.mark.parametrize("insist", [False, True])
def test_a_store_of_other_examples_is_a_mismatch_and_no_dead_teacher(
    store: Store, tmp_path: Path, insist: bool
) -> None:
    others = Examples.of(digits().inputs ^ 1, digits().labels, classes=digits().classes, name="others")
    with pytest.raises(MismatchError, match=r"are about other examples .*320 examples others, none"):
        distill(
            others, store, setup=replace(SETUP, allow_dead_teacher=insist), recipe=recipe(), run=Run(tmp_path / "run")
        )
    assert not (tmp_path / "run").exists()


class Reluctant:
    """The nearest mean, but it will not answer about some."""

    def __init__(self, refused: int) -> None:
        self.teacher, self.refused = nearest_mean(digits()), refused
        self.question, self.fingerprint = self.teacher.question, "reluctant"

    def answer(self, batch: TeacherBatch) -> Reply:
        answers = self.teacher.label(batch.inputs).values
        answers[batch.inputs.flatten(1).float().sum(1) < self.refused] = float("nan")
        return Reply(SoftTargets(values=answers, space=Space.LOGITS, question=Question.one_of(10)))


def test_examples_the_teacher_failed_on_are_left_out(tmp_path: Path) -> None:
    dark = digits().inputs.flatten(1).float().sum(1)
    threshold = int(dark.sort().values[10])
    partly = label_examples(Reluctant(threshold), digits(), tmp_path / "targets")
    failed = {words.tobytes() for words, sum_ in zip(digits().ids, dark.tolist(), strict=True) if sum_ < threshold}
    assert len(failed) == 10
    distill(digits(), partly, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "run"))
    record = read_run(tmp_path / "run")
    left_out = len(ids_of(split_parts(digits(), SETUP, 0).teaching) & failed)
    assert record["notes"]["left_out"] == left_out
    assert record["request"]["examples"]["n"] == 288 - left_out


def test_answers_that_are_not_there_yet_are_missed_at_once(tmp_path: Path) -> None:
    half = label(tmp_path / "targets", examples=digits(160))
    with pytest.raises(InputError, match="have no soft targets"):
        distill(digits(), half, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "run"))
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.slow
def test_blended_views_teach_a_part_of_the_set_that_the_teacher_was_shown(tmp_path: Path) -> None:
    store = label(tmp_path / "targets", views="mixup:0.2", n_views=1)
    setup = replace(SETUP, test=0.2, twin=True)
    done = distill(
        digits(), store, setup=setup, recipe=recipe(epochs=20, precision="32-true"), run=Run(tmp_path / "run")
    )
    assert done.student.history[-1]["validation_accuracy"] > 0.5
    assert read_run(tmp_path / "run/twin")["request"]["views"] == "mixup:0.2"
    nobody = digits().hide_labels(torch.arange(320))
    alone = distill(nobody, store, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "alone"))
    assert "validation_agreement" in alone.student.history[0]
    with pytest.raises(MismatchError, match="these views blend examples"):
        distill(digits(300), store, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "x"))


def test_views_for_targets_without_any(tmp_path: Path) -> None:
    store = label(tmp_path / "targets")
    setup = replace(SETUP, views="shift:1", twin=True)
    distill(digits(), store, setup=setup, recipe=recipe(epochs=2), run=Run(tmp_path))
    request = read_run(tmp_path)["request"]
    assert (request["views"], request["carry_over"]) == ("shift:1", True)
    of_twin = read_run(tmp_path / "twin")["request"]
    assert of_twin["views"] == "shift:1"
    assert "carry_over" not in of_twin
    viewed = label(tmp_path / "viewed", views="shift:1", n_views=1)
    with pytest.raises(InputError, match="cannot be carried over"):
        distill(digits(), viewed, setup=replace(SETUP, views="flip"), recipe=recipe(epochs=1), run=Run(tmp_path / "x"))
