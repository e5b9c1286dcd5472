"""Small trainings that tests run, interrupt, kill and run again; importable from other processes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import lightning_fabric  # noqa: F401 - a training imports it late, when a process of several may write nothing any more
import torch
from torch import nn

from joryu.errors import InputError
from joryu.examples import Examples, load_examples, parse_views, split_examples
from joryu.objectives import Distillation, HardLabels, Objective
from joryu.precision import AUTO
from joryu.students import Blueprint
from joryu.targets import Store
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples
from joryu.training import LabelsAlone, Recipe, Replayed, Run, Trained, TrainingData, train
from joryu.training.checkpoint import TrainingProgress
from joryu.training.run import Watch
from joryu.training.setup import DistillationSetup


@cache
def digits(n: int = 320) -> Examples:
    """The first ``n`` of scikit-learn's training digits."""
    return load_examples("digits").select(range(n))


def nearest_mean(examples: Examples, sharpness: float = 1.0) -> Network:
    """A quick and honest teacher: logits fall with the squared distance from each class's mean."""
    flat = Bytes()(examples.inputs)
    means = torch.stack([flat[examples.labels_or_empty == label].mean(0) for label in range(len(examples.classes))])
    layer = nn.Linear(flat.shape[1], len(means))
    with torch.no_grad():
        layer.weight.copy_(2 * sharpness * means)
        layer.bias.copy_(-sharpness * means.square().sum(1))
    return Network(nn.Sequential(Bytes(), layer), examples.classes)


class Bytes(nn.Module):
    """Raw pictures as rows of numbers from 0 to 1."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures.flatten(1).float() / 255


def ids_of(examples: Examples | None) -> set[bytes]:
    return set() if examples is None else {words.tobytes() for words in examples.ids}


def label(folder: Path, *, views: str | None = None, n_views: int = 0, examples: Examples | None = None) -> Store:
    """A store of `nearest_mean`'s answers about the digits."""
    shown = digits() if examples is None else examples
    return label_examples(
        nearest_mean(shown), shown, folder, views=parse_views(views) if views else None, n_views=n_views
    )


@dataclass(frozen=True)
class Scene:
    """A training: ``views`` and ``soft`` say what it learns from."""

    architecture: str
    recipe: Recipe
    objective: Objective = field(default_factory=HardLabels)
    views: str | None = None
    soft: bool = False
    validated: bool = True
    int8: bool = False

    def train(self, folder: Path, targets: Path, *, watch: Watch | None = None, every: float = 0.0) -> Trained:
        """Run it, or go on with it; a checkpoint ``every`` so many seconds."""
        teaching, validation = split_examples(digits(), [0.8, 0.2], seed=0)
        data = TrainingData(
            teaching,
            Replayed(Store.open(targets)) if self.soft else LabelsAlone(parse_views(self.views)),
            validation=validation if self.validated else None,
        )
        blueprint = Blueprint.fitted(self.architecture, teaching.inputs, teaching.question)
        if self.int8:
            blueprint = blueprint.model_copy(update={"quantisation": "int8"})
        run = Run(folder, watch=watch, checkpoint_seconds=every)
        return train(blueprint, data, objective=self.objective, recipe=self.recipe, run=run)


def recipe(**settings: Any) -> Recipe:
    """Three epochs of eight steps."""
    return Recipe.of(**{"epochs": 3, "batch_size": 32, "learning_rate": 0.01, **settings})


SCENES = {
    "dropout, average, jitter": Scene(
        "mlp:24x2,dropout=0.2/0.5", recipe(ema=0.9, max_norm=1.5, keep="last"), views="shift:1", validated=False
    ),
    "store, best epoch": Scene(
        "mlp:16x1,dropout=0.3",
        recipe(schedule="constant", learning_rate=0.05, clip=1.0),
        Distillation(temperature=3.0, hard_weight=0.2),
        views="shift:1",
        soft=True,
    ),
    "patience, sgd, batch norm": Scene(
        "cnn:4x2,dropout=0.1",
        recipe(epochs=9, optimiser="sgd", learning_rate=0.6, schedule="constant", patience=1, ema=0.5),
    ),
    "fake quantisation, best epoch": Scene(
        "cnn:4x2", recipe(ema=0.8), Distillation(temperature=3.0), views="shift:1", soft=True, int8=True
    ),
}
STEPS = 8  #: in an epoch of a scene

PLAN = Blueprint(architecture="mlp:6x1", input_shape=(1, 8, 8), classes=tuple("0123456789"), scale=1 / 255)
SETUP = DistillationSetup(student="mlp:8x1", objective=Distillation(temperature=2.0, hard_weight=0.1))


def fit(
    folder: Path, recipe: Recipe, *, plan: Blueprint = PLAN, objective: Objective | None = None, **data: Any
) -> Trained:
    """A student of `PLAN`'s, on the first 96 digits and their labels unless something else is named."""
    shown = data.pop("examples", digits(96))
    return train(plan, TrainingData(shown, **data), objective=objective or HardLabels(), recipe=recipe, run=Run(folder))


def outcome(folder: Path) -> tuple[bytes, list[dict[str, Any]], int | None]:
    """All that must not depend on interruptions: the student's bytes, the metrics but for time, the best epoch.

    A student under fake quantisation has its ranges beside it.
    """
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    records = [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]
    record = json.loads((folder / "run.json").read_text())
    ranges = b"".join(path.read_bytes() for path in folder.glob("student-ranges.json"))
    return (folder / "student.safetensors").read_bytes() + ranges, records, record["best_epoch"]


def total(progress: TrainingProgress, steps: int) -> int:
    """Steps done since the first epoch began."""
    return progress.epoch * steps + progress.step


def at_step(step: int, act: Callable[[], None]) -> Watch:
    """A watch that acts once, after so many steps in all."""

    def watch(progress: TrainingProgress, steps: int, epochs: int) -> None:
        if total(progress, steps) == step:
            act()

    return watch


def die() -> None:
    """kill -9, from inside."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at_step(name: str, folder: Path, targets: Path, step: int, every: float) -> None:
    """For a process of its own: train until a step, and die."""
    torch.set_num_threads(1)
    SCENES[name].train(folder, targets, watch=at_step(step, die), every=every)


def killed_at_rename(name: str, folder: Path, targets: Path, number: int, before: bool) -> None:
    """For a process of its own: die just before or just after the so many-th file is put in its place."""
    torch.set_num_threads(1)
    rename, done = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        done += 1
        if done == number and before:
            die()
        moved = rename(self, target)
        if done == number:
            die()
        return moved

    Path.replace = replace  # type: ignore[method-assign,assignment]
    SCENES[name].train(folder, targets)


def slowly(name: str, folder: Path, targets: Path) -> None:
    """For a process of its own: train with a long pause after every step of later epochs, to be interrupted."""
    torch.set_num_threads(1)
    SCENES[name].train(folder, targets, watch=lambda progress, *_: time.sleep(progress.epoch), every=1e9)


def one_of(world: int, rank: int, port: int, name: str, folder: Path, targets: Path, stop: dict[int, int]) -> None:
    """For a process of its own: one of ``world`` that train together, as ``fabric run`` would have started it.

    They meet at the ``port`` of a store of whoever started them. ``stop`` says after which step which rank is sent a
    SIGINT. All but the first rank fail if they write anything.
    """
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world), GROUP_RANK="0",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), TORCHELASTIC_RUN_ID="joryu", LT_CLI_USED="1",
        LT_ACCELERATOR="cpu", LT_STRATEGY="ddp", LT_DEVICES=str(world), LT_NUM_NODES="1",
        TORCHELASTIC_USE_AGENT_STORE="True",
    )  # fmt: skip
    if rank:
        Path.replace = Path.mkdir = forbidden  # type: ignore[method-assign,assignment]
    watch = at_step(stop[rank], lambda: signal.raise_signal(signal.SIGINT)) if rank in stop else None
    try:
        TOGETHER[name].train(folder, targets, watch=watch, every=1e9)
        TOGETHER[name].train(folder / "twin", targets, every=1e9)  # the processes are still together
    except InputError as error:
        with open(f"{folder}-{rank}.txt", "w") as said:  # noqa: PTH123 - Path is not to be used here
            said.write(str(error))
        raise


def one_of_two_kinds(rank: int, port: int, folder: Path, targets: Path) -> None:
    """For a process of its own: one of two that train together, and the other is on another kind of processor."""
    os.environ[AUTO] = ("32-true", "bf16-mixed")[rank]
    one_of(2, rank, port, "dropout", folder, targets, {})


def forbidden(*_: object, **__: object) -> None:
    raise AssertionError("only the first process writes")


TOGETHER = {
    "exact": Scene(
        "mlp:16x1",
        recipe(optimiser="sgd", learning_rate=0.3, clip=0.5, ema=0.8, precision="32-true"),
        Distillation(temperature=2.0, hard_weight=0.5),
        views="shift:1",
        soft=True,
    ),
    "dropout": Scene("cnn:4x2,dropout=0.3", recipe(epochs=5, patience=2), views="shift:1"),
}
