"""What the experiments on salt have in common: seismic tiles split by depth, networks that mark salt, answers kept."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import nn

from joryu.evaluation import Evaluated
from joryu.examples import Examples, load_examples, parse_views, split_examples
from joryu.experiments.experiment import Measured, Setting
from joryu.objectives import HardLabels, Objective
from joryu.precision import Precision
from joryu.questions import Link, Question
from joryu.students import Blueprint, load_student
from joryu.targets import Store
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import LabelsAlone, Recipe, Trained, TrainingData, train

TILES, SIDE = "pairs:tgs_salt,group=depths.csv#z,classes=salt", 32
SIDE_FULL, EPOCHS_FULL = 96, 3
FULL = f"tiles read at {SIDE_FULL} × {SIDE_FULL}, and {EPOCHS_FULL} times as many epochs"
TRAIN, VALIDATION, TEST = 0.65, 0.15, 0.2
SPLIT_SEED = 0  #: one test part for all seeds, so that nothing chosen with one seed has seen another's

VIEWS, N_VIEWS = "crop:10%,flip", 8
PRECISION: Precision = "bf16-mixed"

TEACHER, STUDENT = "unet:16x3", "unet:4x3"
TEACHER_SMOKE, STUDENT_SMOKE = "unet:4x2", "unet:2x1"
TEACHER_RECIPE = Recipe(epochs=25, learning_rate=3e-3, batch_size=64, weight_decay=0.01, keep="last")
LABELS = HardLabels(link=Link.SIGMOID)


class SaltParts(NamedTuple):
    """What is learned from, what settings are chosen by, and what is reported."""

    train: Examples
    validation: Examples
    test: Examples


def salt_parts(setting: Setting, *, by_depth: bool = True) -> SaltParts:
    """Split the tiles into three parts, the same for every seed; at smoke size tiles that are made up here.

    ``by_depth``: tiles of one depth stay together, so that those of one large picture are nearly always in one part.
    Without, tiles are drawn one by one, as most published numbers of this set do.

    Raises:
        InputError: the tiles are not under ``JORYU_DATA``.
    """
    tiles = made_up_tiles() if setting.smoke else load_examples(TILES, size=SIDE_FULL if setting.full else SIDE)
    if not by_depth:
        tiles = replace(tiles, groups=None)
    return SaltParts(*split_examples(tiles, [TRAIN, VALIDATION, TEST], seed=SPLIT_SEED))


def made_up_tiles(n: int = 80, side: int = 16) -> Examples:
    """Noise in which a bright rectangle is salt, in five tiles of eight; four tiles to a depth.

    >>> made_up_tiles(8).inputs.shape
    torch.Size([8, 1, 16, 16])
    """
    drawn = torch.Generator().manual_seed(0)
    masks = torch.zeros(n, side, side, 1, dtype=torch.int8)
    for at in range(n):
        left, top = torch.randint(side // 2, (2,), generator=drawn).tolist()
        masks[at, top : top + side // 2, left : left + side // 2] = int(at % 8 < 5)
    noise = torch.randint(120, (n, 1, side, side), generator=drawn)
    pictures = (noise + 110 * masks.movedim(-1, 1)).to(torch.uint8)
    tiles = Examples.of(pictures, masks, question=Question.tags(["salt"], grid=("height", "width")), name="made-up")
    return replace(tiles, groups=tuple(f"depth {at // 4}" for at in range(n)))


def teach(
    setting: Setting, name: str, spec: str, data: TrainingData, *, objective: Objective, recipe: Recipe
) -> Trained:
    """Train one network of an experiment in the setting's folder; at smoke size for four epochs of small batches."""
    recipe = setting.recipe(recipe)
    if setting.full:
        recipe = recipe.model_copy(update={"epochs": EPOCHS_FULL * recipe.epochs})
    if setting.smoke:
        recipe = recipe.model_copy(update={"epochs": 4, "batch_size": 8, "learning_rate": 2e-2})
    blueprint = Blueprint.fitted(
        spec, data.examples.inputs, data.examples.asked_question, preparation=data.examples.preparation
    )
    with setting.running(name) as run:
        return train(blueprint, data, objective=objective, recipe=recipe, run=run)


def on_labels(examples: Examples) -> TrainingData:
    """The tiles with their masks alone, each time in another view."""
    return TrainingData(examples, LabelsAlone(parse_views(VIEWS)))


def salt_teacher(setting: Setting, parts: SaltParts) -> Trained:
    """The teacher of this split and seed, which the experiments share."""
    return teach(
        setting.of_seed,
        "salt-teacher",
        TEACHER_SMOKE if setting.smoke else TEACHER,
        on_labels(parts.train),
        objective=LABELS,
        recipe=TEACHER_RECIPE,
    )


def salt_answers(setting: Setting, teacher: Trained, examples: Examples) -> Store:
    """The teacher's answers about the tiles and some views of each, shared like the teacher."""
    return label_examples(
        Network(teacher.module, question=teacher.blueprint.question),
        examples,
        setting.of_seed.folder / "salt-targets",
        views=parse_views(VIEWS),
        n_views=2 if setting.smoke else N_VIEWS,
        options=LabelOptions(origin=LabelOrigin(command=setting.command)),
    )


def network(trained: Trained) -> nn.Sequential:
    """The network that a training kept."""
    return load_student(trained.folder)[0]


def with_salt(examples: Examples) -> torch.Tensor:
    """Which tiles hold a pixel of salt, bool ``[n]``."""
    return (examples.labels_or_empty == 1).flatten(1).any(1)


def quality(name: str, found: Evaluated, examples: Examples) -> Measured:
    """Mean IoU (1 where mask and answer are empty), that of tiles with salt, Kaggle's precision, IoU over the set.

    All are in per cent. Beside them the cross-entropy, in nats.
    """
    iou = found.scores.values
    shares = {measure.name: measure.value or 0.0 for measure in found.measures}
    return {
        f"{name}_iou": 100 * iou.mean().item(),
        f"{name}_iou_salt": 100 * iou[with_salt(examples)].mean().item(),
        f"{name}_precision": 100 * shares["precision at IoU 0.50–0.95"],
        f"{name}_set_iou": 100 * shares["IoU over the set"],
        f"{name}_loss": found.loss,
    }
