"""From a store to a student and its twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import at_step, digits, label, nearest_mean, recipe
from torch import nn

from joryu.errors import DeadTeacherError, InputError, MismatchError
from joryu.examples import UNLABELLED, Examples
from joryu.objectives import Distillation
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.targets import SoftTargets, Space, Store
from joryu.teachers import Network, Reply, TeacherBatch
from joryu.teachers.labelling import label_examples
from joryu.training import Run, TrainingData, read_history, read_run
from joryu.training.checkpoint import TrainingProgress
from joryu.training.distill import distill, find_twin
from joryu.training.on_labels import train_on_labels
from joryu.training.setup import DistillationSetup, setup_of, split_parts

SETUP = DistillationSetup(student="mlp:8x1", objective=Distillation(temperature=2.0, hard_weight=0.1))


@pytest.fixture
def store(targets: Path) -> Store:
    return Store.open(targets)


def ids(examples: Examples | None) -> set[bytes]:
    return set() if examples is None else {words.tobytes() for words in examples.ids}


# --- parts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("validation", "test", "sizes"), [(0.1, 0.0, (288, 32, 0)), (0.1, 0.2, (224, 32, 64))])
def test_parts_are_disjoint_and_of_the_sizes_asked_for(
    validation: float, test: float, sizes: tuple[int, int, int]
) -> None:
    parts = split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=0)
    found = [ids(one) for one in parts]
    assert tuple(len(one) for one in found) == sizes
    assert set.union(*found) == ids(digits())
    again = split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=0)
    assert [ids(one) for one in again] == found
    assert (
        ids(split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=1).validation) != found[1]
    )


def test_the_test_part_is_the_same_whatever_is_done_with_the_rest() -> None:
    plain, other = (
        split_parts(digits(), setup, 0)
        for setup in (DistillationSetup(test=0.2), DistillationSetup(test=0.2, labelled=0.3))
    )
    assert ids(plain.test) == ids(other.test)
    assert ids(plain.teaching) == ids(other.teaching)


def test_labels_are_hidden_by_share_and_class_and_only_where_one_is_taught() -> None:
    parts = split_parts(digits(), DistillationSetup(labelled=0.25), seed=0)
    shown = parts.teaching.labels_or_empty != UNLABELLED
    assert int(shown.sum()) == 72  # a quarter of 288
    counts = torch.bincount(parts.teaching.labels_or_empty[shown], minlength=10)
    everybody = torch.bincount(
        split_parts(digits(), DistillationSetup(), seed=0).teaching.labels_or_empty, minlength=10
    )
    assert ((counts - everybody / 4).abs() <= 1).all()
    assert (parts.validation.labels_or_empty != UNLABELLED).all()
    with pytest.raises(InputError, match="at least one label for each of 10 classes"):
        split_parts(digits(), DistillationSetup(labelled=0.02), seed=0)


def test_what_nobody_labelled_stays_unlabelled() -> None:
    examples = digits().hide_labels(torch.arange(0, 320, 2))
    parts = split_parts(examples, DistillationSetup(labelled=0.5), seed=0)
    known = dict(zip((words.tobytes() for words in examples.ids), examples.labels_or_empty.tolist(), strict=True))
    shown = (parts.teaching.labels_or_empty != UNLABELLED).nonzero().flatten().tolist()
    assert 60 < len(shown) < 85
    for row in shown:
        assert known[parts.teaching.ids[row].tobytes()] == int(parts.teaching.labels_or_empty[row])


@pytest.mark.parametrize(
    "given",
    [{"validation": 0.0}, {"validation": 1.0}, {"test": -0.1}, {"test": 0.95}, {"labelled": 0.0}, {"labelled": 1.1}],
)
def test_shares_that_leave_nothing(given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        DistillationSetup(**given)


# --- student and twin -----------------------------------------------------------------------------------------------


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
    assert ids(twins.examples) <= ids(found.parts.teaching)
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


# --- teachers that should not be learned from -----------------------------------------------------------------------


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
    left_out = len(ids(split_parts(digits(), SETUP, 0).teaching) & failed)
    assert record["notes"]["left_out"] == left_out
    assert record["request"]["examples"]["n"] == 288 - left_out


def test_answers_that_are_not_there_yet_are_missed_at_once(tmp_path: Path) -> None:
    half = label(tmp_path / "targets", examples=digits(160))
    with pytest.raises(InputError, match="have no soft targets"):
        distill(digits(), half, setup=SETUP, recipe=recipe(), run=Run(tmp_path / "run"))
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


# --- small things ---------------------------------------------------------------------------------------------------


def test_a_teacher_is_trained_on_labels_alone(tmp_path: Path) -> None:
    some = digits().hide_labels(torch.arange(0, 320, 4))
    run = Run(tmp_path)
    trained = train_on_labels("mlp:8x1", some, views="shift:1", validation=0.25, recipe=recipe(), run=run)
    record = read_run(tmp_path)["request"]
    assert (record["examples"]["n"], record["validation"]["n"], record["views"]) == (180, 60, "shift:1")
    assert len(trained.history) == len(read_history(tmp_path)) == 3


def test_a_teacher_holds_out_the_part_that_judges_its_student(store: Store, tmp_path: Path) -> None:
    """Even where some examples have no label: they are dealt out with the others, and left out afterwards."""
    some, seen = digits().hide_labels(torch.arange(0, 320, 4)), []

    def look(blueprint: Blueprint, data: TrainingData, **_: Any) -> None:
        seen.extend([ids(data.examples), ids(data.validation)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joryu.training.on_labels.train", look)
        train_on_labels("mlp:8x1", some, validation=0.2, test=0.2, recipe=recipe(), run=Run(tmp_path / "teacher"))
    setup = replace(SETUP, test=0.2)
    judging = ids(distill(some, store, setup=setup, recipe=recipe(), run=Run(tmp_path / "run")).parts.test)
    assert len(judging) == 64
    assert not judging & set.union(*seen)
    assert set.union(*seen) == ids(some.labelled()) - judging
    with pytest.raises(InputError, match="nothing is left"):
        train_on_labels("mlp:8x1", some, validation=0.5, test=0.5, recipe=recipe(), run=Run(tmp_path / "x"))


# --- signals as a second task ---------------------------------------------------------------------------------------


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
