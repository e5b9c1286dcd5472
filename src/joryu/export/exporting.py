"""`export_run`: from a finished run to a folder that answers by itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from joryu.durable import durable_folder, require_free
from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.origin import LicenceRule
from joryu.export.card import Facts, card
from joryu.export.contents import (
    CARD,
    FLOAT,
    LABELS,
    NEEDS,
    SCRIPT,
    STUDENT,
    described,
    labels_text,
    requirements_text,
)
from joryu.export.litert import litert_models, require_litert
from joryu.export.onnx_models import onnx_models, require_onnx
from joryu.export.origin import gain_over_twin, origin_of
from joryu.export.parity import Parity, parity, require_parity, rounding
from joryu.export.predict_script import answering_of, input_format_of, predict_script
from joryu.export.settings import ExportSettings
from joryu.export.source import Model, Source
from joryu.students import Blueprint, load_student
from joryu.students.named_outputs import units_of

MOST_JUDGING: Final = 2000  #: examples that parity is looked at with
MOST_PIXELS: Final = 40_000_000  #: of these where each pixel is asked about

Tell = Callable[[str], None]
_Make = Callable[[Source, ExportSettings], list[Model]]
_FORMATS: Final[Mapping[str, tuple[Callable[[], None], _Make]]] = {
    "onnx": (require_onnx, onnx_models),
    "litert": (require_litert, litert_models),
}


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The folder, and the parity of each of its models by file."""

    folder: Path
    parities: dict[str, Parity]
    sizes: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        models = {name: {"bytes": self.sizes[name], **one.to_json()} for name, one in self.parities.items()}
        return {"folder": str(self.folder), "models": models}


def require_exportable(run: Path, out: Path, settings: ExportSettings) -> Blueprint:
    """Check, before pictures are read for minutes, what can be known without them; the plan of the student.

    Raises:
        InputError: no finished run, a question or preparation that no export carries, or ``out`` is there already.
        MismatchError: it learned from pictures of licences that are not accepted, or that nobody has recorded.
        MissingExtraError: the format's libraries are not installed.
        JoryuError: ``out`` cannot be written.
    """
    require_free(out)
    _FORMATS[settings.format][0]()
    _, plan = load_student(run)
    input_format_of(plan)
    answering_of(plan.question)
    labels_text(plan.question)
    _require_licences(run, settings)
    return plan


def _require_licences(run: Path, settings: ExportSettings) -> None:
    rule, hint = LicenceRule.of(settings.licences), "name these licences too, or learn from other pictures"
    if rule.patterns:
        origin = origin_of(run)
        rule.require(origin.licences, f"the set that {run} learned from", hint=hint)
        if origin.taught_under is not None:
            rule.require(origin.taught_under, f"the set that the teacher of {run} learned from", hint=hint)


def export_run(
    run: Path | str,
    out: Path | str,
    *,
    evaluation_set: Examples,
    teaching: Examples | None = None,
    settings: ExportSettings | None = None,
    tell: Tell = lambda _: None,
) -> Exported:
    """Export the student of a finished run to the new folder ``out``, checked on ``evaluation_set``.

    ``teaching`` are examples of the transfer set, on which ranges of int8 are measured; those that judge are left out.
    The folder appears whole or not at all.

    Raises:
        InputError: as `require_exportable`; an operation that cannot be exported (which); too few examples.
        MismatchError: examples of another question or shape; a model that answers otherwise than the student.
        MissingExtraError: the format's libraries are not installed.
        JoryuError: ``out`` cannot be written.
    """
    run, out, settings = Path(run), Path(out), settings or ExportSettings()
    plan = require_exportable(run, out, settings)
    student, _ = load_student(run)
    _require_asked(evaluation_set, plan)
    evaluation_set = _some_of(evaluation_set, plan)
    source = Source(
        student=student, plan=plan, shown=evaluation_set.inputs[torch.arange(2) % len(evaluation_set)],
        teaching=None if teaching is None else without(teaching, evaluation_set),
    )  # fmt: skip
    models = _FORMATS[settings.format][1](source, settings)
    tell(f"{len(evaluation_set)} examples of {evaluation_set.name} compare the export with the student")
    question = evaluation_set.asked_question
    found = {
        model.name: parity(model.wanted, model.answers, evaluation_set, question, units=units_of(student))
        for model in models
    }
    apart = rounding(student, evaluation_set)
    for model in models:
        bound = None if model.kind == FLOAT else settings.most_lost
        require_parity(found[model.name], model.name, most_lost=bound, rounding=apart)
    facts = Facts(
        plan=plan, run=run, origin=origin_of(run), gain=gain_over_twin(run, evaluation_set, question),
        evaluation_set=evaluation_set, models=models, parities=found,
    )  # fmt: skip
    _write(out, facts, source, settings)
    return Exported(folder=out, parities=found, sizes={model.name: len(model.content) for model in models})


def without(examples: Examples, others: Examples) -> Examples | None:
    """The examples that are not among the others; ``None`` if none is left.

    >>> some = Examples.of(torch.tensor([[1.0], [2.0], [3.0]]))
    >>> without(some, some.select([1])).inputs.flatten().tolist()
    [1.0, 3.0]
    """
    keys = {tuple(row) for row in others.ids.tolist()}
    rows = np.array([at for at, row in enumerate(examples.ids.tolist()) if tuple(row) not in keys], dtype=np.int64)
    return examples.select(torch.from_numpy(rows)) if len(rows) else None


def _require_asked(evaluation_set: Examples, plan: Blueprint) -> None:
    asked = evaluation_set.asked(plan.question).asked_question
    plan.question.answer.require(asked.answer, mine="the student", others="the examples")
    shape = tuple(evaluation_set.inputs.shape[1:])
    if shape != plan.input_shape:
        raise MismatchError(
            "these examples are not of the shape that the student learned from", expected=list(plan.input_shape),
            received=list(shape), hint="try --size",
        )  # fmt: skip
    if (evaluation_set.inputs.dtype == torch.uint8) != (plan.scale != 1):
        raise InputError(
            "these examples are not of the kind that the student learned from",
            expected="bytes" if plan.scale != 1 else "numbers", received=evaluation_set.inputs.dtype,
        )  # fmt: skip


def _some_of(evaluation_set: Examples, plan: Blueprint) -> Examples:
    """Evenly spaced, where they are more than parity is looked at with."""
    evaluation_set = evaluation_set.asked(plan.question)
    pixels = plan.input_shape[-1] * plan.input_shape[-2] if plan.question.grid else 1
    most = max(2, min(MOST_JUDGING, MOST_PIXELS // pixels))
    if len(evaluation_set) <= most:
        return evaluation_set
    return evaluation_set.select(torch.linspace(0, len(evaluation_set) - 1, most).long())


def _write(out: Path, facts: Facts, source: Source, settings: ExportSettings) -> None:
    runtime, plan = settings.format, facts.plan
    script = predict_script(plan, runtime)
    models = {
        model.name: {"kind": model.kind, "bytes": len(model.content), "parity": facts.parities[model.name].to_json()}
        for model in facts.models
    }
    student = described(plan, source.shown.dtype, runtime=runtime, fingerprint=source.fingerprint, models=models)
    student["run"] = Path(os.path.relpath(facts.run.resolve(), out.resolve())).as_posix()
    with durable_folder(out) as folder:
        for model in facts.models:
            (folder / model.name).write_bytes(model.content)
        texts = {
            SCRIPT: script, LABELS: labels_text(plan.question), CARD: card(facts, runtime),
            NEEDS: requirements_text(runtime, script.splitlines()),
            STUDENT: json.dumps(student, indent=2, ensure_ascii=False) + "\n",
        }  # fmt: skip
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
