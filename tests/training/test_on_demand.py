"""Training, labelling and evaluating pictures that are not held: the same bits, and nothing lost when they vanish."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.errors import InputError
from joryu.evaluation import evaluate_student
from joryu.examples import Examples, load_examples, parse_views
from joryu.examples.inputs import Inputs, is_held
from joryu.examples.picture_source import PictureSource
from joryu.objectives import HardLabels
from joryu.students import Blueprint
from joryu.targets import Flush, Store
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, label_examples
from joryu.training import Recipe, Run
from joryu.training.checkpoint import load_checkpoint
from joryu.training.distill import distill
from joryu.training.setup import DistillationSetup
from joryu.training.target_source import LabelsAlone
from joryu.training.trainer import train
from joryu.training.training_data import TrainingData

HELD, ON_DEMAND = "1GiB", "1K"


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for at in range(120):
        bright = 60 + 130 * (at % 2)
        pixels = np.clip(random.normal(bright, 40, (int(random.integers(10, 16)), 12, 3)), 0, 255).astype(np.uint8)
        path = tmp_path / "set" / ("dark", "light")[at % 2] / f"{at:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "set"


def load(pictures: Path, memory: str, monkeypatch: pytest.MonkeyPatch) -> Examples:
    monkeypatch.setenv("JORYU_MEMORY", memory)
    examples = load_examples(f"folder:{pictures}", size=8)
    assert is_held(examples.inputs) == (memory == HELD)
    return examples


def teacher() -> Network:
    torch.manual_seed(0)
    module = torch.nn.Sequential(Cast(), torch.nn.Flatten(), torch.nn.Linear(192, 2))
    return Network(module, ("dark", "light"))


class Cast(torch.nn.Module):
    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.float() / 255


def test_store_student_and_evaluation_are_those_of_held_pictures(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {}
    for memory in (HELD, ON_DEMAND):
        examples = load(pictures, memory, monkeypatch)
        out = tmp_path / memory
        store = label_examples(
            teacher(), examples, out / "targets", views=parse_views("shift:1"), n_views=2,
            options=LabelOptions(batch_size=16, flush=Flush(rows=32)),
        )  # fmt: skip
        monkeypatch.setattr("joryu.students.blueprint.measure_normalisation", lambda inputs: ([0.5], [0.3], 1 / 255))
        done = distill(
            examples, store, setup=DistillationSetup(student="mlp:6x1", test=0.2, twin=True, allow_dead_teacher=True),
            recipe=Recipe(epochs=3, batch_size=16, precision="32-true"), run=Run(out / "student"),
        )  # fmt: skip
        assert done.twin is not None
        assert done.parts.test is not None
        module = done.student.module
        assert isinstance(module, torch.nn.Sequential)
        judged = evaluate_student(module, done.parts.test)
        made[memory] = (
            (out / "student/student.safetensors").read_bytes(),
            (out / "student/twin/student.safetensors").read_bytes(),
            store.gather(store.rows(examples.ids, 2)).values,
            judged.loss,
        )
    for one, other in zip(made[HELD], made[ON_DEMAND], strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


class Vanishing:
    """Inputs whose files are taken away after some reads."""

    def __init__(self, inputs: Inputs, folder: Path, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
        self.reads = 0
        honest = PictureSource.__getitem__

        def read(source: PictureSource, rows: object) -> torch.Tensor:
            self.reads += 1
            if self.reads == after:
                shutil.move(folder, folder.with_name("away"))
            return honest(source, rows)

        monkeypatch.setattr(PictureSource, "__getitem__", read)


def test_a_training_whose_pictures_vanish_is_saved_and_goes_on_to_the_same_bits(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joryu.training.training_data.BLOCK_BYTES", 1)  # a read for every step
    examples = load(pictures, ON_DEMAND, monkeypatch)
    blueprint = Blueprint.fitted("mlp:6x1", examples.inputs, examples.asked_question)
    recipe = Recipe(epochs=2, batch_size=16, precision="32-true")

    def run(folder: str) -> bytes:
        data = TrainingData(examples, LabelsAlone(parse_views("flip")), validation=examples.select(range(20)))
        train(
            blueprint,
            data,
            objective=HardLabels(),
            recipe=recipe,
            run=Run(tmp_path / folder, checkpoint_seconds=600),
        )
        return (tmp_path / folder / "student.safetensors").read_bytes()

    uninterrupted = run("whole")
    with monkeypatch.context() as taken:
        vanishing = Vanishing(examples.inputs, pictures, taken, after=6)
        with pytest.raises(InputError, match=r"cannot be read any more .*run the same command again") as refused:
            run("cut")
        assert vanishing.reads >= 6
    assert "\n" not in str(refused.value)
    saved = load_checkpoint(tmp_path / "cut")
    assert saved is not None
    assert saved["progress"]["step"] >= 3
    shutil.move(pictures.with_name("away"), pictures)
    assert run("cut") == uninterrupted


def test_answers_are_kept_when_the_pictures_vanish(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = load(pictures, ON_DEMAND, monkeypatch)
    options = LabelOptions(batch_size=16)
    whole = label_examples(teacher(), examples, tmp_path / "whole", options=options)
    with monkeypatch.context() as taken:
        Vanishing(examples.inputs, pictures, taken, after=5)
        with pytest.raises(InputError, match="cannot be read any more"):
            label_examples(teacher(), examples, tmp_path / "cut", options=options)
    assert len(Store.open(tmp_path / "cut")) >= 48
    shutil.move(pictures.with_name("away"), pictures)
    again = label_examples(teacher(), examples, tmp_path / "cut", options=options)
    rows = whole.rows(examples.ids, 0), again.rows(examples.ids, 0)
    assert torch.equal(whole.gather(rows[0]).values, again.gather(rows[1]).values)
