"""Where a student comes from, as its run's record says: teacher, answers and what they cost, examples, twin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from joryu.errors import JoryuError
from joryu.evaluation import compare_evaluations, evaluator_for
from joryu.evaluation.by_question import Paired
from joryu.evaluation.evaluator import Evaluated, Measure
from joryu.examples import Examples
from joryu.examples.places import from_here
from joryu.export.parity import student_answers
from joryu.questions import Question
from joryu.students import load_student
from joryu.students.named_outputs import units_of
from joryu.targets import Store
from joryu.teachers.trained import run_of
from joryu.training.distill import find_twin
from joryu.training.run import read_run

_ROWS = 256  #: examples that are evaluated at a time; of pixels so many fewer
_PIXEL_ROWS = 8


@dataclass(frozen=True, kw_only=True)
class StudentOrigin:
    """What is known of a student's run; what nobody recorded is ``None``.

    ``licences`` and ``sources`` count the examples of its transfer set, ``taught_under`` those that its teacher learned
    from, by licence.
    """

    examples: str | None
    licences: dict[str, int] | None
    sources: dict[str, int] | None
    taught_under: dict[str, int] | None
    teacher: str | None
    teacher_run: Path | None
    answers: int | None
    seconds: float | None
    money: float | None
    objective: dict[str, Any]
    recipe: dict[str, Any]
    joryu: str | None
    finished: str | None


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Student and twin on the same examples."""

    n: int
    student: Measure
    twin: Measure
    paired: Paired


def origin_of(folder: Path) -> StudentOrigin:
    """What the run's record leads to, from the present folder."""
    record = read_run(folder)
    notes = record["notes"]
    store = _store_of(folder, record)
    spec = None if store is None else store.teacher_spec
    run = None if spec is None else run_of(spec)
    learned = run if run is not None and run.is_dir() else None
    made_for = None if store is None else store.manifest.examples
    return StudentOrigin(
        examples=notes.get("examples"),
        licences=notes.get("licences") or (None if made_for is None else made_for.licences),
        sources=notes.get("sources") or (None if made_for is None else made_for.sources),
        taught_under=None if store is None else _taught_under(store),
        teacher=None if store is None else store.manifest.teacher.spec or store.manifest.teacher.description,
        teacher_run=learned,
        answers=None if store is None else len(store),
        seconds=None if store is None else store.manifest.cost.seconds,
        money=None if store is None else store.manifest.cost.money,
        objective=record["request"]["objective"],
        recipe=record["request"]["recipe"],
        joryu=record.get("joryu"),
        finished=record.get("finished"),
    )


def _taught_under(store: Store) -> dict[str, int] | None:
    """The licences of what the teacher learned from; of an ensemble the most examples of each that a member saw."""
    runs = [run for spec in store.teacher_specs if (run := run_of(spec)) is not None and run.is_dir()]
    found: dict[str, int] | None = None
    for run in runs:
        licences = _notes_of(run).get("licences")
        if licences is not None:
            found = {name: max(licences.get(name, 0), (found or {}).get(name, 0)) for name in licences | (found or {})}
    return found


def _notes_of(folder: Path) -> dict[str, Any]:
    try:
        notes: dict[str, Any] = read_run(folder)["notes"]
    except (JoryuError, KeyError):  # a card does without what is damaged or older
        return {}
    return notes


def _store_of(folder: Path, record: dict[str, Any]) -> Store | None:
    place = record["notes"].get("targets")
    if place is None:
        return None
    path = Path(from_here(place, folder, record.get("typed_in")))
    try:
        return Store.open(path) if (path / "manifest.json").is_file() else None
    except JoryuError:  # a card does without what is damaged or newer
        return None


def gain_over_twin(folder: Path, evaluation_set: Examples, question: Question) -> Gain | None:
    """How much better the student is than its twin; ``None`` without a twin, or without labels."""
    place = find_twin(folder)
    if place is None or evaluation_set.labels is None or not evaluation_set.known.any():
        return None
    found = [_evaluated(one, evaluation_set, question) for one in (folder, place)]
    return Gain(
        n=found[0].n, student=found[0].measures[0], twin=found[1].measures[0],
        paired=compare_evaluations(question, *found),
    )  # fmt: skip


def _evaluated(folder: Path, evaluation_set: Examples, question: Question) -> Evaluated:
    student, _ = load_student(folder)
    answers, evaluator = student_answers(student), evaluator_for(question, units=units_of(student))
    for rows in torch.split(torch.arange(len(evaluation_set)), _PIXEL_ROWS if question.grid else _ROWS):
        labels = None if evaluation_set.labels is None else evaluation_set.labels[rows]
        evaluator.add(answers(evaluation_set.inputs[rows]), labels)
    return evaluator.result()
