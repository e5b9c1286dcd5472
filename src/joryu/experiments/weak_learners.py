"""The weak learners of seed 003's ensembles, a pool of them on CIFAR-10, and the pool's stored answers.

A learner has seven convolutions and one dense layer, as on the slides; their widths are not told there. All learners
have the same architecture, training pictures and recipe, and differ in first weights and order alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from joryu.evaluation import predict_logits
from joryu.examples import Examples, load_examples, split_examples
from joryu.experiments.channels_last import ChannelsLast
from joryu.experiments.experiment import Setting
from joryu.objectives import HardLabels, Objective
from joryu.students import Blueprint
from joryu.students.cnn import cnn
from joryu.targets import Encoding, Store
from joryu.teachers import Ensemble, Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import Recipe, Trained, TrainingData, train

HERE = "module:joryu.experiments.weak_learners:"
LEARNER, HALF, QUARTER = (f"{HERE}{name}_learner" for name in ("weak", "half", "quarter"))
LEARNER_SMOKE = {LEARNER: "mlp:32x2", HALF: "mlp:24x2", QUARTER: "mlp:12x2"}
RECIPE = Recipe(epochs=5, learning_rate=1e-2, batch_size=128, weight_decay=0.01, schedule="one-cycle", keep="last")
RECIPE_SMOKE = {"epochs": 3, "batch_size": 32}
POOL, POOL_SMOKE = 10, 6
FOLDER = "weak-learners"  #: of the learners of all seeds, in the folder that experiments share
SPLIT_SEED = 0  #: one validation part for all seeds

DATA = "CIFAR-10, JPEG-compressed (training and test alike): 40,000 pictures to learn from, 10,000 to choose by"


def weak_learner(input_shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """Seven convolutions of 3 × 3 from 16 to 128 channels, each with batch norm and ReLU, and one dense layer.

    Shapes: ``[B, C, H, W]`` to logits ``[B, n_classes]``; the architecture is that of ``cnn:16x7``.

    >>> sum(isinstance(layer, nn.Conv2d) for layer in weak_learner((3, 32, 32), 10).modules())
    7
    """
    return _learner(input_shape, n_classes, 16)


def half_learner(input_shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """A `weak_learner` of half the width."""
    return _learner(input_shape, n_classes, 8)


def quarter_learner(input_shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """A `weak_learner` of a quarter of the width: about a fifteenth of its weights."""
    return _learner(input_shape, n_classes, 4)


def _learner(input_shape: tuple[int, ...], n_classes: int, width: int) -> nn.Sequential:
    layers = cnn(input_shape, n_classes, width=width, depth=7).to(memory_format=torch.channels_last)
    return nn.Sequential(ChannelsLast(), *layers)


class LearnerParts(NamedTuple):
    """What is learned from, what chooses, and what judges."""

    train: Examples
    validation: Examples
    test: Examples


def cifar_parts(setting: Setting) -> LearnerParts:
    """CIFAR-10, a fifth of its training pictures held out to choose by; scikit-learn's digits at smoke size."""
    if setting.smoke:
        return LearnerParts(*split_examples(load_examples("digits"), [0.5, 0.25, 0.25], seed=SPLIT_SEED))
    learned, chosen = split_examples(load_examples("cifar10", split="train"), [0.8, 0.2], seed=SPLIT_SEED)
    return LearnerParts(learned, chosen, load_examples("cifar10", split="test"))


def teach(
    setting: Setting, name: str, spec: str, data: TrainingData, objective: Objective, *, longer: int = 1
) -> Trained:
    """Train a learner by the pool's recipe, or ``longer`` times as long, in the folder of the setting."""
    recipe = RECIPE.model_copy(update=RECIPE_SMOKE) if setting.smoke else RECIPE
    recipe = setting.recipe(recipe.model_copy(update={"epochs": longer * recipe.epochs}))
    shown = data.examples
    architecture = LEARNER_SMOKE[spec] if setting.smoke else spec
    blueprint = Blueprint.fitted(architecture, shown.inputs, shown.asked_question)
    with setting.running(name) as run:
        return train(blueprint, data, objective=objective, recipe=recipe, run=run)


def learner(setting: Setting, parts: LearnerParts, seed: int, spec: str = LEARNER) -> Trained:
    """A learner of all labels, shared by all experiments: member ``seed`` of the pool, or its like of another width."""
    shared = replace(setting, seed=seed, folder=setting.shared / FOLDER)
    name = f"{spec.rpartition(':')[2]}-{seed}"
    return teach(shared, name, spec, TrainingData(parts.train), HardLabels())


def members(setting: Setting) -> int:
    """How many learners the pool has."""
    return POOL_SMOKE if setting.smoke else POOL


def pool_store(setting: Setting, parts: LearnerParts) -> Store:
    """Every member's answers about the training pictures, kept once; whichever ensemble is wanted is read from them."""
    pool = [learner(setting, parts, seed) for seed in range(members(setting))]
    asked = Ensemble(
        [Network(one.module, question=one.blueprint.question) for one in pool],
        names=[f"learner {seed}" for seed in range(len(pool))],
    )
    return label_examples(asked, parts.train, setting.shared / FOLDER / "targets", options=in_float32(setting))


def in_float32(setting: Setting) -> LabelOptions:
    """Answers are computed and kept in float32, at any temperature as they were given."""
    encoding = Encoding(dtype="float32")
    return LabelOptions(encoding=encoding, precision="32-true", origin=LabelOrigin(command=setting.command))


def pool_log_probs(setting: Setting, parts: LearnerParts, examples: Examples) -> Tensor:
    """``log p`` of every member about examples that nobody learned from, ``[members, n, C]`` in float64."""
    said = [predict_logits(learner(setting, parts, seed).module, examples) for seed in range(members(setting))]
    return torch.stack(said).double().log_softmax(-1)


def accuracy(trained: Trained, examples: Examples) -> float:
    """How many of the examples a network names rightly, in per cent."""
    right = predict_logits(trained.module, examples).argmax(-1) == examples.labels_or_empty
    return 100 * right.double().mean().item()
