"""What the experiments with people share: a teacher whose answers are computed beforehand, and its students."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from joryu.annotations.trials import Floats
from joryu.examples import Examples, Views
from joryu.experiments.experiment import Setting
from joryu.objectives import SIGNALS, Objective
from joryu.students import Blueprint, save_student
from joryu.targets import SoftTargets, Space
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import label_examples
from joryu.training import CarriedOver, Recipe, Replayed, Trained, TrainingData, train


class PrecomputedTeacher:
    """A teacher with a fixed answer for each example.

    Args:
        examples: the examples that it can be asked about.
        q: its answers, one distribution per example, ``[n, C]``.
        signals: measured signals by name, one number per example; NaN where none was measured.
    """

    def __init__(self, examples: Examples, q: Floats, signals: dict[str, Floats] | None = None) -> None:
        self.question = examples.asked_question
        self.signal_names = tuple(signals or ())
        measured = np.stack([*signals.values()], axis=1) if signals else np.empty((len(examples), 0))
        told = np.concatenate([q, measured], axis=1)
        names = repr(self.signal_names).encode()
        self.fingerprint = hashlib.blake2b(names + np.ascontiguousarray(told).tobytes(), digest_size=16).hexdigest()
        rows = torch.from_numpy(told).float()
        self._told = {words.tobytes(): row for words, row in zip(examples.ids, rows, strict=True)}

    def answer(self, batch: TeacherBatch) -> Reply:
        """The answers about the examples of the batch."""
        told = torch.stack([self._told[words.tobytes()] for words in batch.ids])
        n = len(self.question)
        answers = SoftTargets(
            values=told[:, :n],
            space=Space.PROBS,
            question=self.question,
            signals=told[:, n:] if self.signal_names else None,
            signal_names=self.signal_names,
        )
        return Reply(answers)


class Course(NamedTuple):
    """What all students of one comparison share; they differ in their targets alone.

    With a ``base``, each of them starts as that network with a new head, and has its architecture.
    """

    shown: Examples
    student: str
    recipe: Recipe
    objective: Objective
    views: Views | None = None
    base: Trained | None = None


def learn(setting: Setting, name: str, course: Course, teacher: PrecomputedTeacher) -> Trained:
    """Train a student of this teacher in the seed's folder. First weights, order and views do not depend on targets."""
    store = label_examples(teacher, course.shown, setting.folder / f"targets-{name}")
    source = Replayed(store) if course.views is None else CarriedOver(store, course.views)
    data = TrainingData(course.shown, source)
    blueprint, begin_with = _beginning(setting, course, teacher.signal_names)
    recipe = setting.recipe(course.recipe)
    with setting.running(name, begin_with=begin_with) as run:
        return train(blueprint, data, objective=course.objective, recipe=recipe, run=run)


def _beginning(setting: Setting, course: Course, signals: tuple[str, ...]) -> tuple[Blueprint, Path | None]:
    shown, heads = course.shown, {SIGNALS: signals} if signals else {}
    if course.base is None:
        return Blueprint.fitted(course.student, shown.inputs, shown.asked_question, heads=heads), None
    blueprint = course.base.blueprint.model_copy(update={"question": shown.asked_question.answer, "heads": heads})
    folder = setting.folder / ("base-with-signals" if signals else "base")
    save_student(folder, with_new_head(course.base.module, blueprint), blueprint)
    return blueprint, folder


def with_new_head(module: nn.Module, blueprint: Blueprint) -> nn.Sequential:
    """The network of a blueprint with other outputs, with the weights of ``module`` but a head of zeros."""
    with torch.random.fork_rng(devices=[]):
        found = blueprint.build()
    head = head_of(found)
    state = {name: weights for name, weights in module.state_dict().items() if name not in head}
    found.load_state_dict(state | {name: torch.zeros_like(weights) for name, weights in head.items()})
    return found


def head_of(module: nn.Module) -> dict[str, Tensor]:
    """The weights of the last layer that has any, by their names in the network's state."""
    *_, (name, last) = ((name, part) for name, part in module.named_modules() if list(part.parameters(recurse=False)))
    return {f"{name}.{key}": weights for key, weights in last.state_dict().items()}
