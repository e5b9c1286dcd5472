"""Collect the data of a report from a run folder: student, twin, teacher and the examples they are evaluated on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joryu.errors import MismatchError
from joryu.examples import Examples
from joryu.report.data import ReportData
from joryu.report.evaluation_set import EvaluationExamples, EvaluationSet
from joryu.report.leakage import seen_by_student, seen_by_teacher
from joryu.report.models import cards_of, find_models
from joryu.report.provenance import as_found_from_here, audited, provenance_of, store_of
from joryu.report.run_sentence import run_in_words
from joryu.students import Blueprint, require_inputs
from joryu.targets import Store
from joryu.training import read_run


def assemble(folder: Path, evaluation_set: EvaluationSet) -> ReportData:
    """Collect everything that the report page of a run shows.

    ``folder`` is the run folder; ``evaluation_set`` chooses the examples to evaluate on. The teacher is asked about the
    same examples if it can still be loaded and its fingerprint is the store's. Otherwise the page is made without it
    and says so.

    Raises:
        InputError: the run is not finished, or the examples have neither labels nor a teacher's answers.
        MismatchError: the examples ask another question than the student answers, or have another input shape.
    """
    record = as_found_from_here(read_run(folder), folder)
    models = find_models(folder)
    measured_on = evaluation_set.load(record, folder)
    examples = measured_on.examples.asked(models.blueprint.question)
    _require_same_question(examples, models.blueprint)
    require_inputs(models.student.module, models.blueprint, tuple(examples.inputs.shape[1:]))
    store = store_of(record)
    models = models.with_teacher(store, examples)
    temperature = record["request"]["objective"].get("temperature", 1.0)
    said = evaluation_set.in_words(record, folder, examples)
    return ReportData(
        name=folder.resolve().name,
        command=record.get("command", ""),
        examples=examples,
        models=cards_of(models, store, examples, targets=record.get("notes", {}).get("targets")),
        temperature=temperature,
        audit=None if store is None else audited(store, temperature),
        provenance=provenance_of(record, store),
        rejected=examples.rejected,
        lesson=run_in_words(record, evaluated_on=said, twin=models.twin is not None),
        units=models.blueprint.output_std,
        warnings=_warnings(record, folder, measured_on._replace(examples=examples), store if models.teacher else None),
    )


def _require_same_question(examples: Examples, blueprint: Blueprint) -> None:
    asked = examples.asked_question
    if (asked.link, asked.grid) != (blueprint.question.link, blueprint.question.grid):
        blueprint.question.require(asked, mine="the student", others="the examples")
    if examples.classes != blueprint.classes:
        raise MismatchError(
            "examples and student differ in their classes",
            expected=f"{len(blueprint.classes)} classes {', '.join(blueprint.classes[:6])}",
            received=f"{len(examples.classes)} classes {', '.join(examples.classes[:6])}",
        )


def _warnings(
    record: dict[str, Any], folder: Path, measured_on: EvaluationExamples, asked: Store | None
) -> tuple[str, ...]:
    """Warn about evaluated examples that were also trained on; ``asked`` is the store whose teacher is on the page."""
    if measured_on.whole is None:
        return ()
    found = [seen_by_student(record, folder, measured_on.examples, measured_on.whole)]
    if asked is not None:
        found.append(seen_by_teacher(asked, record, measured_on.examples, measured_on.whole))
    return tuple(warning for warning in found if warning is not None)
