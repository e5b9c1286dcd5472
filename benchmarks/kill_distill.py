"""The distilling half of `benchmarks.kill`: a student and its twin, trained by workers that are killed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from joryu.errors import TrainingError
from joryu.examples import Examples, load_examples
from joryu.examples.views import parse_views
from joryu.objectives import Distillation
from joryu.teachers import Network
from joryu.teachers.labelling import label_examples
from joryu.training import Recipe, Run, read_run
from joryu.training.checkpoint import load_checkpoint
from joryu.training.distill import TWIN, distill
from joryu.training.setup import DistillationSetup

RECIPE = Recipe(epochs=8, batch_size=32, learning_rate=0.01, ema=0.9, clip=1.0, max_norm=2.0)
STUDENT = "cnn:6x2,dropout=0.2"


class NearestMean(nn.Module):
    """Logits that fall with the squared distance from each class's mean picture."""

    def __init__(self, examples: Examples) -> None:
        super().__init__()
        flat, labels = examples.inputs.flatten(1).float() / 255, examples.labels_or_empty
        means = torch.stack([flat[labels == label].mean(0) for label in range(len(examples.classes))])
        self.register_buffer("means", means)

    def forward(self, pictures: Tensor) -> Tensor:
        flat = pictures.flatten(1).float() / 255
        return -torch.cdist(flat, self.get_buffer("means")).square()


def distill_digits(folder: Path, ready: Callable[[], None]) -> None:
    """A student with dropout, batch norm, a moving average and views, its best epoch kept, and then its twin."""
    torch.set_num_threads(1)  # a resumed run adds in the same order only with as many threads
    examples = load_examples("digits")
    teacher, views = Network(NearestMean(examples), examples.classes), parse_views("shift:1")
    store = label_examples(teacher, examples, folder / "targets", views=views, n_views=3)
    setup = DistillationSetup(
        student=STUDENT, objective=Distillation(temperature=3.0, hard_weight=0.1), labelled=0.2, twin=True
    )
    ready()
    run = Run(folder / "run", checkpoint_seconds=0.05)
    distill(examples, store, setup=setup, recipe=RECIPE, run=run)


def held_steps(folder: Path) -> set[object]:
    """The steps of student and twin that need not be done again; everything on disk must be readable."""
    held: set[object] = set()
    for name, run in _runs(folder):
        steps = 0
        if "finished" in read_run(run):
            steps = RECIPE.epochs * 1000
        else:
            try:
                checkpoint = load_checkpoint(run)
            except TrainingError as error:
                raise SystemExit(str(error)) from error
            if checkpoint is not None:
                steps = checkpoint["progress"]["epoch"] * 1000 + checkpoint["progress"]["step"]
        held |= {(name, step) for step in range(steps)}
    return held


def made_students(folder: Path) -> set[object]:
    """Both students' bytes, every number of their metrics but the seconds, and their best epochs."""
    made: set[object] = set()
    for name, run in _runs(folder):
        made.add((name, (run / "student.safetensors").read_bytes()))
        made.add((name, read_run(run)["best_epoch"]))
        for line in (run / "metrics.jsonl").read_text().splitlines():
            record = json.loads(line)
            record.pop("seconds")
            made.add((name, json.dumps(record, sort_keys=True)))
        left = [path.name for path in run.iterdir() if path.suffix in (".pt", ".lock", ".partial")]
        if left:
            raise SystemExit(f"a finished run has left {', '.join(left)}")
    if {fact[0] for fact in made if isinstance(fact, tuple)} != {"student", "twin"}:
        raise SystemExit("student or twin is missing")
    return made


def _runs(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, run in (("student", folder / "run"), ("twin", folder / "run" / TWIN)):
        if (run / "run.json").is_file():
            yield name, run
