"""A teacher whose answers were worked out beforehand, and a student of it: what experiments with people share."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from joryu.annotations.trials import Floats
from joryu.examples import Examples, Views, content_ids
from joryu.experiments.experiment import Setting
from joryu.objectives import Objective
from joryu.students import Blueprint
from joryu.targets import SoftTargets, Space
from joryu.teachers.labelling import label_examples
from joryu.training import Material, Recipe, Run, Trained, train


class Told:
    """A teacher that says of every example what was told about it beforehand.

    Args:
        examples: what it can be asked about.
        q: its distributions, ``[n, C]``, one row for each example.
        signals: what was measured, ``[n, S]`` by name; NaN where it was not.
    """

    def __init__(self, examples: Examples, q: Floats, signals: dict[str, Floats] | None = None) -> None:
        self.classes = examples.classes
        self.signal_names = tuple(signals or ())
        measured = np.stack([*signals.values()], axis=1) if signals else np.empty((len(examples), 0))
        told = np.concatenate([q, measured], axis=1)
        names = repr(self.signal_names).encode()
        self.fingerprint = hashlib.blake2b(names + np.ascontiguousarray(told).tobytes(), digest_size=16).hexdigest()
        rows = torch.from_numpy(told).float()
        self._told = {words.tobytes(): row for words, row in zip(examples.ids, rows, strict=True)}

    def label(self, batch: Tensor) -> SoftTargets:
        """The rows told about these examples."""
        told = torch.stack([self._told[words.tobytes()] for words in content_ids(batch)])
        n = len(self.classes)
        return SoftTargets(
            values=told[:, :n],
            space=Space.PROBS,
            n_classes=n,
            signals=told[:, n:] if self.signal_names else None,
            signal_names=self.signal_names,
        )


class Course(NamedTuple):
    """What all students of one comparison share; they differ in what they are told."""

    shown: Examples
    student: str
    recipe: Recipe
    objective: Objective
    views: Views | None = None


def learn(setting: Setting, name: str, course: Course, teacher: Told) -> Trained:
    """A student of this teacher in the seed's folder: the same first weights, order and views whatever it is told."""
    store = label_examples(teacher, course.shown, setting.folder / f"targets-{name}")
    material = Material(course.shown, store, views=course.views, carry_over=course.views is not None)
    blueprint = Blueprint.fitted(
        course.student, course.shown.inputs, course.shown.classes, signals=teacher.signal_names
    )
    recipe = course.recipe.model_copy(update={"seed": setting.seed})
    with setting.watching(f"seed {setting.seed}: {name}") as watch:
        run = Run(setting.folder / name, command=setting.command, watch=watch)
        return train(blueprint, material, objective=course.objective, recipe=recipe, run=run)
