"""Ours. ``labelling`` fills a fresh store with the teacher's answers, as ``joryu label`` does; ``training`` is
`joryu.training.train` on such a store, exactly as ``joryu distill`` calls it.

`train` runs two epochs into a fresh run folder each time; what is spent from the last step of the first to the last
step of the second is taken (``Run(watch=…)``, as the progress bar does), so all that the loop does in between is in it:
records, events, a checkpoint when one is due. No validation split, since no other contender has one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.contenders.torch_parts import device, fill, teacher
from benchmarks.contenders.work import CLASSES, MEAN, PRECISIONS, STD, Work
from benchmarks.contenders.worker import Contender, Spent, serve
from joryu.examples import Examples
from joryu.objectives import Distillation, total
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.targets import Store
from joryu.teachers.labelling import label_examples
from joryu.teachers.network import Network
from joryu.teachers.teacher import Teacher
from joryu.training import Recipe, Replayed, Run, TrainingData, train
from joryu.training.checkpoint import TrainingProgress
from joryu.training.target_source import TargetSource


def labelling(work: Work) -> Contender:
    """One pass over the examples: the grid, the answers, the shards on disk, the store merged and opened."""
    examples, guide = asked_about(work)

    def epoch() -> Spent:
        with tempfile.TemporaryDirectory() as folder:
            start = Spent.now()
            label_examples(guide, examples, Path(folder) / "targets")
            return Spent.since(start)

    return Contender(epoch, None, {"torch": torch.__version__, "device": str(device())})


def asked_about(work: Work) -> tuple[Examples, Network]:
    """The examples, and the teacher that is asked about them."""
    torch.set_num_threads(work.threads)
    pictures, labels = (torch.from_numpy(array) for array in work.pictures())
    classes = tuple(str(i) for i in range(CLASSES))
    return Examples.of(pictures, labels, classes=classes), Network(teacher(work), classes)


def training(work: Work) -> Contender:
    examples, guide = asked_about(work)
    folder = tempfile.TemporaryDirectory()
    store, spent = labelled_once(guide, examples, Path(folder.name) / "targets")
    objective = Distillation(temperature=work.temperature, hard_weight=work.hard_weight)

    def epoch() -> Spent:
        return epoch_of(work, examples, Replayed(store), Path(folder.name))

    facts = {"torch": torch.__version__, "device": str(device()), "labelling_seconds": round(spent.seconds, 3)}
    return Contender(epoch, first_loss(work, blueprint_of(work), objective, examples, store), facts)


def labelled_once(guide: Teacher, examples: Examples, out: Path) -> tuple[Store, Spent]:
    """A store of the teacher's answers, and what it took."""
    start = Spent.now()
    store = label_examples(guide, examples, out)
    return store, Spent.since(start)


def blueprint_of(work: Work) -> Blueprint:
    """The student of the work."""
    channels = work.shape[0]
    return Blueprint(
        architecture=work.architecture(teacher=False),
        input_shape=work.shape,
        question=Question.one_of(CLASSES),
        mean=(MEAN,) * channels,
        std=(STD,) * channels,
        scale=1 / 255,
    )


def epoch_of(work: Work, examples: Examples, source: TargetSource, folder: Path) -> Spent:
    """One epoch of a training, from the last step of its first to the last step of its second."""
    recipe = Recipe.of(
        epochs=2, batch_size=work.batch, learning_rate=work.learning_rate, precision=PRECISIONS[work.precision]
    )
    objective = Distillation(temperature=work.temperature, hard_weight=work.hard_weight)
    ends: list[Spent] = []

    def watch(progress: TrainingProgress, steps: int, epochs: int) -> None:
        if progress.step == steps:
            ends.append(Spent.now())

    with tempfile.TemporaryDirectory(dir=folder) as run:
        data = TrainingData(examples, source)
        train(blueprint_of(work), data, objective=objective, recipe=recipe, run=Run(Path(run), watch=watch))
    first, second = ends
    return Spent(*(after - before for before, after in zip(first, second, strict=True)))


def first_loss(work: Work, blueprint: Blueprint, objective: Distillation, examples: Examples, store: Store) -> float:
    """The loss of the first batch with the weights that every contender begins with."""
    network = blueprint.build()
    fill(network, work, teacher=False)
    rows = torch.arange(work.batch)
    targets = store.gather(store.rows(examples.ids[: work.batch], 0))
    labels = examples.labels_or_empty[rows]
    return float(total(objective(network.train()(examples.inputs[rows]), targets, labels)).mean().detach())


if __name__ == "__main__":
    serve({"labelling": labelling, "training": training}[sys.argv[2]])
