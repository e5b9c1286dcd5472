"""The models of a report: the student, its twin, and the teacher if it can still be loaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from torch import nn

from joryu.errors import JoryuError
from joryu.evaluation import (
    Latency,
    Replies,
    StudentReplies,
    TeacherReplies,
    count_learning,
    count_parameters,
    kept_where_small,
    measure_latency,
    state_bytes,
)
from joryu.examples import Examples
from joryu.report.data import ModelCard, Role
from joryu.students import Blueprint, load_student
from joryu.targets import Store
from joryu.teachers import Ensemble, Network, Teacher, find_teacher, load_teacher
from joryu.teachers.foreign.command import require_typed
from joryu.teachers.trained import as_taught
from joryu.training import Recipe, read_history, read_run
from joryu.training.distill import find_twin
from joryu.training.run import best_epoch_kept, shown_per_epoch

#: whose recorded answers are read instead of asking anew: the family of their specs, and what they are called
RECORDED = {"human": "people", "ledger": "an API, as recorded"}


def _as_they_are(examples: Examples) -> Examples:
    return examples


class Model(NamedTuple):
    """A network on the page: how to ask it, and its run folder (``None`` for a teacher).

    ``shown`` turns examples into the size that this network takes, which may differ from the student's.
    """

    description: str
    module: nn.Module
    ask: Callable[[Examples], Replies]
    folder: Path | None
    shown: Callable[[Examples], Examples] = _as_they_are

    @classmethod
    def trained(cls, folder: Path, note: str = "") -> tuple[Self, Blueprint]:
        """The student of a run, and its blueprint."""
        module, blueprint = load_student(folder)
        note = note if blueprint.quantisation is None else f"{note}, under fake quantisation"
        return cls(f"{blueprint.architecture}{note}", module, partial(_student_replies, module), folder), blueprint


@dataclass(frozen=True, kw_only=True)
class Models:
    """The networks of a run, and the blueprint of its student."""

    blueprint: Blueprint
    student: Model
    twin: Model | None
    teacher: Model | None = None

    @property
    def by_role(self) -> dict[Role, Model]:
        """The networks that exist, by role."""
        found = {Role.TEACHER: self.teacher, Role.STUDENT: self.student, Role.TWIN: self.twin}
        return {role: model for role, model in found.items() if model is not None}

    def with_teacher(self, store: Store | None, examples: Examples) -> Self:
        """These models with the network that labelled the store, if it can still be loaded."""
        teacher = None if store is None else _teacher(store, examples)
        if store is None or teacher is None:
            return self
        ask, shown = partial(TeacherReplies, teacher), partial(as_taught, store.teacher_spec or "")
        return replace(self, teacher=Model(store.manifest.teacher.description, teacher.module, ask, None, shown))


def find_models(folder: Path) -> Models:
    """Load the student of a run, and its twin if there is one.

    Raises:
        InputError: the run is not finished.
    """
    student, blueprint = Model.trained(folder)
    twin = find_twin(folder)
    return Models(
        blueprint=blueprint,
        student=student,
        twin=None if twin is None else Model.trained(twin, ", hard labels")[0],
    )


def cards_of(models: Models, store: Store | None, examples: Examples, *, targets: str | None) -> list[ModelCard]:
    """A card for every network, and one for a teacher that is no network or could not be loaded.

    Latencies are measured in turns, one example at a time, on one thread. With several threads and another job on the
    machine, threads waiting for each other once made a teacher 2,771 times slower than its student instead of 9.
    """
    networks = models.by_role
    first = examples.select([0])
    latencies = measure_latency(
        {role: model.module for role, model in networks.items()},
        first.inputs[:],
        threads=1,
        own_inputs={role: model.shown(first).inputs[:] for role, model in networks.items()},
    )
    cards = [_card(role, model, examples, latencies[role]) for role, model in networks.items()]
    if models.teacher is not None:
        return cards
    if store is not None:
        found = _recorded(store, examples) or _together(store, examples)
        return [*cards, found or _not_found(store.manifest.teacher.description)]
    return cards if targets is None else [*cards, _not_found(f"the one of {targets}")]


def _card(role: Role, model: Model, examples: Examples, latency: Latency) -> ModelCard:
    counted = (
        count_parameters(model.module) or None
    )  # none: another runtime holds its weights, and they are not counted
    card = ModelCard(
        role=role,
        description=model.description,
        replies=kept_where_small(model.ask(model.shown(examples)), examples),
        parameters=counted,
        bytes=None if counted is None else state_bytes(model.module),
        latency=latency,
    )
    if model.folder is None:
        return card
    record, learning = read_run(model.folder), count_learning(model.module)
    return replace(
        card,
        learning=None if learning == card.parameters else learning,
        history=read_history(model.folder),
        best_epoch=best_epoch_kept(record),
        steps_per_epoch=_steps(record["request"]),
    )


def _steps(request: dict[str, Any]) -> int | None:
    """Optimiser steps per epoch, as the training loop counts them."""
    batch = request["recipe"].get("batch_size")
    if not isinstance(batch, int) or batch < 1:
        return None
    return Recipe(batch_size=batch).steps_per_epoch(shown_per_epoch(request))


def _student_replies(student: nn.Sequential, examples: Examples) -> Replies:
    return StudentReplies(student, examples, examples.asked_question)


def _teacher(store: Store, examples: Examples) -> Network | None:
    """The network that labelled, if its spec still loads it; ``None`` rather than another network."""
    spec = store.teacher_spec
    if spec is None or spec.partition(":")[0] in RECORDED:
        return None
    try:
        shape = tuple(as_taught(spec, examples).inputs.shape[1:])
        order = store.manifest.teacher.order
        teacher = load_teacher(
            spec, question=examples.question, input_shape=shape, order=order, preparation=examples.preparation
        )
    except JoryuError:
        return None
    return teacher if teacher.fingerprint == store.manifest.teacher.fingerprint else None


def _recorded(store: Store, examples: Examples) -> ModelCard | None:
    """Recorded answers of people or of an API, if they still exist and cover every one of these examples."""
    spec = store.teacher_spec or ""
    family, _, place = spec.partition(":")
    if family not in RECORDED:
        return None
    try:
        teacher, known = find_teacher(spec, examples)
    except JoryuError:
        return None
    if teacher.fingerprint != store.manifest.teacher.fingerprint or len(known) < len(examples):
        return None
    replies = kept_where_small(TeacherReplies(teacher, examples), examples)
    judged_by_themselves = (store.manifest.examples.spec or "").startswith("project:")
    note = "; the labels are the majority of these very answers" if judged_by_themselves else ""
    return ModelCard(role=Role.TEACHER, description=f"{RECORDED[family]}: {place}{note}", replies=replies)


def _together(store: Store, examples: Examples) -> ModelCard | None:
    """An ensemble that is asked anew, if all its members are found and none is a program that nobody typed."""
    spec, made_by = store.teacher_spec, store.manifest.teacher
    if spec is None or not made_by.members:
        return None
    try:
        for member in store.teacher_specs:
            require_typed(member)
        teacher, known = find_teacher(spec, examples)
    except JoryuError:
        return None
    if teacher.fingerprint != made_by.fingerprint or len(known) < len(examples):
        return None
    replies = kept_where_small(TeacherReplies(teacher, known), known)
    described = f"ensemble: {made_by.description}"
    members = teacher.teachers if isinstance(teacher, Ensemble) else ()
    return ModelCard(role=Role.TEACHER, description=described, replies=replies, parameters=parameters_of(members))


def parameters_of(members: Sequence[Teacher]) -> int | None:
    """The parameters of all members together; ``None`` where one has none that can be counted here.

    >>> import torch
    >>> both = [Network(torch.nn.Linear(2, 3), ["a", "b", "c"]) for _ in range(2)]
    >>> parameters_of(both), parameters_of([])
    (18, None)
    """
    counts = [count_parameters(one.module) for one in members if isinstance(one, Network)]
    return sum(counts) if counts and all(counts) and len(counts) == len(members) else None


def _not_found(who: str) -> ModelCard:
    return ModelCard(role=Role.TEACHER, description=f"{who} (not found again)", replies=None)
