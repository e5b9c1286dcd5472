"""From a run folder to what a report is made of: student, twin, teacher, and the examples that judge them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.evaluation import count_parameters, measure_latency, predict_logits, state_bytes
from joryu.examples import Examples, load_examples
from joryu.examples.places import from_here
from joryu.report.data import ModelCard, ReportData, Role
from joryu.report.findings import Findings, find, report_numbers
from joryu.report.headline import first_words
from joryu.report.lesson import judging_in_words, lesson_in_words
from joryu.report.page import write_report
from joryu.report.seen import own_set, seen_by_student, seen_by_teacher
from joryu.students import load_student, require_inputs
from joryu.targets import Store, audit
from joryu.teachers import Network, TeacherBatch, find_teacher, load_teacher
from joryu.training import read_history, read_run
from joryu.training.checkpoint import write_json
from joryu.training.distill import find_twin
from joryu.training.lesson import Lesson, lesson_of, part
from joryu.training.run import best_epoch_kept
from joryu.training.trainer import content_of


@dataclass(frozen=True, kw_only=True)
class Judges:
    """The examples to judge by: a spec with its split, or (``examples=None``) the run's own test part.

    Of examples that are labelled in part those with a label judge; where nobody labelled any, the teacher's answers do.
    A part that the run held out is found again only in the very examples it was cut from: from others, or at another
    size, some that were trained on would get into it.
    """

    examples: str | None = None
    split: str = "test"
    size: int | None = None

    def load(self, record: dict[str, Any], folder: Path) -> Judging:
        """Raises:
        InputError: the run does not say what it was trained on, and nothing else was named; or a split or size was
            asked for of a part that the run held out.
        MismatchError: the examples have changed since the run held a part of them out.
        """
        notes = record.get("notes", {})
        spec = self.examples or notes.get("examples")
        size = self.size if self.size is not None else notes.get("size")
        column = notes.get("column") if self.examples is None else None
        if spec is None:
            raise InputError(f"{folder} does not say what it was trained on", hint="name labelled --examples")
        lesson = lesson_of(folder)
        if self.examples is None and lesson is not None and lesson.test:
            if self.split != "test" or size != notes.get("size"):
                raise InputError(
                    f"{folder} is judged by the part of {spec} that it held out", expected="no --split and no --size",
                    received=f"--split {self.split}" if self.split != "test" else f"--size {size}",
                    hint="name --examples too, to judge by others",
                )  # fmt: skip
            whole = load_examples(spec, split=notes.get("split") or "train", size=size, column=column)
            return Judging(_judges_among(_held_out(whole, record, lesson)), whole)
        named = _judges_among(load_examples(spec, split=self.split, size=size, column=column))
        return Judging(named, own_set(record))

    def in_words(self, record: dict[str, Any], folder: Path, judging: Examples) -> str:
        """Which examples judge, for the first lines of a page."""
        lesson = lesson_of(folder)
        if self.examples is None and lesson is not None and lesson.test:
            split = record["notes"].get("split") or "train"
            return judging_in_words(len(judging), judging.name, split=split, held_out=lesson.test)
        return judging_in_words(len(judging), judging.name, split=self.split, held_out=0)


class Judging(NamedTuple):
    """The examples that judge, and the whole set that the run was given (``None``: not found again)."""

    examples: Examples
    whole: Examples | None


def _judges_among(examples: Examples) -> Examples:
    """Those with a label; all of a set that nobody labelled, whose only judge is the teacher."""
    return examples.labelled() if examples.known.any() else examples


def _held_out(examples: Examples, record: dict[str, Any], lesson: Lesson) -> Examples:
    parts = part(examples, lesson, record["request"]["recipe"]["seed"])
    taught, left_out = record["request"]["examples"], record["notes"].get("left_out", 0)
    same = len(parts.teaching) == taught["n"] + left_out
    if not left_out:
        same = same and content_of(parts.teaching) == taught["content"]
    if parts.test is None or not same:
        raise MismatchError(
            "the part that the run held out cannot be found again", expected="the examples it was cut from",
            received=f"{examples.name}, which has changed since",
            hint="put the examples back as they were, or name others with --examples",
        )  # fmt: skip
    return parts.test


OWN_TEST_PART = Judges()
PEOPLE = "human:"  #: how the spec of a teacher begins who is not asked anew, but was asked before


def assemble(folder: Path, judges: Judges) -> ReportData:
    """Everything a page about this run needs.

    The teacher is asked about the same examples if it can be found again and is still the one that labelled; otherwise
    the page says that it is missing, and is made without it.

    Raises:
        InputError: not a finished run, or neither labelled examples nor a teacher's answers to judge by.
        MismatchError: examples of other classes than the student's, or of a shape it does not take.
    """
    record = _from_here(read_run(folder), folder)
    module, blueprint = load_student(folder)
    examples, whole = judges.load(record, folder)
    examples = examples.asked(blueprint.question)
    if examples.classes != blueprint.classes:
        raise MismatchError(
            "examples and student differ in their classes",
            expected=f"{len(blueprint.classes)} classes {', '.join(blueprint.classes[:6])}",
            received=f"{len(examples.classes)} classes {', '.join(examples.classes[:6])}",
        )
    require_inputs(module, blueprint, tuple(examples.inputs.shape[1:]))
    store, twin = _store(record), find_twin(folder)
    teacher = None if store is None else _teacher(store, examples)
    found: dict[Role, _Model] = {Role.STUDENT: _Model(blueprint.architecture, module, folder)}
    if twin is not None:
        found[Role.TWIN] = _Model(f"{blueprint.architecture}, hard labels", load_student(twin)[0], twin)
    if store is not None and teacher is not None:
        found[Role.TEACHER] = _Model(store.manifest.teacher.description, teacher.module, None)
    warnings = []
    if whole is not None:
        warnings.append(seen_by_student(record, folder, examples, whole))
        if store is not None and teacher is not None:
            warnings.append(seen_by_teacher(store, record, examples, whole))
    temperature = record["request"]["objective"].get("temperature", 1.0)
    cards = _cards(found, examples)
    if store is not None and teacher is None:
        cards.append(_people(store, examples) or _not_found(store.manifest.teacher.description))
    if store is None and "targets" in record.get("notes", {}):
        cards.append(_not_found(f"the one of {record['notes']['targets']}"))
    return ReportData(
        name=folder.resolve().name,
        command=record.get("command", ""),
        examples=examples,
        models=cards,
        temperature=temperature,
        audit=None if store is None else _audit(store, temperature),
        provenance=_provenance(record, store),
        rejected=examples.rejected,
        lesson=lesson_in_words(record, judging=judges.in_words(record, folder, examples), twin=twin is not None),
        warnings=tuple(warning for warning in warnings if warning is not None),
    )


def evaluate_run(folder: Path | str, judges: Judges = OWN_TEST_PART) -> dict[str, Any]:
    """Measure a run's models and write ``evaluation.json`` into it; returns its content.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, judges)
    numbers = _numbers(data, find(data))
    write_json(folder / "evaluation.json", numbers)
    return numbers


def report_run(
    folder: Path | str,
    judges: Judges = OWN_TEST_PART,
    *,
    out: Path | str | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[Path, str]:
    """Write ``report.html`` and ``evaluation.json`` into the run; returns the page and its headline in words.

    With ``out`` the page is written there, its numbers beside it as ``NAME-numbers.json``, and the run, which may
    be one that cannot be written, is left as it is. ``warn`` is called with each of the page's warnings.

    Raises:
        InputError, MismatchError: as `assemble`.
    """
    folder = Path(folder)
    data = assemble(folder, judges)
    findings = find(data)
    page = write_report(data, Path(out) if out else folder / "report.html")
    write_json(
        page.with_name(f"{page.stem}-numbers.json") if out else folder / "evaluation.json",
        _numbers(data, findings),
    )
    if warn is not None:
        for warning in data.warnings:
            warn(warning)
    return page, _headline(findings)


def _headline(findings: Findings) -> str:
    said = first_words(findings)
    return f"{said.title}. {said.detail}"


def _numbers(data: ReportData, findings: Findings) -> dict[str, Any]:
    return {"headline": _headline(findings)} | report_numbers(data, findings)


class _Model(NamedTuple):
    description: str
    module: nn.Module
    folder: Path | None


def _cards(models: Mapping[Role, _Model], examples: Examples) -> list[ModelCard]:
    """Cards with latencies measured side by side, one example at a time."""
    latencies = measure_latency({role: model.module for role, model in models.items()}, examples.inputs[:1])
    return [
        ModelCard(
            role=role,
            description=model.description,
            logits=predict_logits(model.module, examples),
            history=None if model.folder is None else read_history(model.folder),
            best_epoch=None if model.folder is None else best_epoch_kept(read_run(model.folder)),
            parameters=count_parameters(model.module),
            bytes=state_bytes(model.module),
            latency=latencies[role],
        )
        for role, model in models.items()
    ]


def _from_here(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record, what it names being named as it is found from here."""
    notes = record.get("notes", {})
    paths = {name: notes[name] for name in ("examples", "targets") if notes.get(name)}
    found = {name: from_here(spec, folder, record.get("typed_in")) for name, spec in paths.items()}
    return {**record, "notes": {**notes, **found}}


def _store(record: dict[str, Any]) -> Store | None:
    path = record.get("notes", {}).get("targets")
    if path is None or not (Path(path) / "manifest.json").is_file():
        return None
    return Store.open(path)


def _teacher(store: Store, examples: Examples) -> Network | None:
    """The network that labelled, if its spec still leads to it; a report does without rather than ask another one."""
    spec = store.teacher_spec
    if spec is None or spec.startswith(PEOPLE):
        return None
    try:
        shape = tuple(examples.inputs.shape[1:])
        order = store.manifest.teacher.order
        teacher = load_teacher(spec, question=examples.question, input_shape=shape, order=order)
    except JoryuError:
        return None
    return teacher if teacher.fingerprint == store.manifest.teacher.fingerprint else None


def _people(store: Store, examples: Examples) -> ModelCard | None:
    """People's own answers about these examples, where they are still there and they answered about every one."""
    spec = store.teacher_spec or ""
    if not spec.startswith(PEOPLE):
        return None
    try:
        people, known = find_teacher(spec, examples)
    except JoryuError:
        return None
    if people.fingerprint != store.manifest.teacher.fingerprint or len(known) < len(examples):
        return None
    answers = people.answer(TeacherBatch.of(examples)).whole(len(examples)).logits()
    judged_by_themselves = (store.manifest.examples.spec or "").startswith("project:")
    note = "; the labels are the majority of these very answers" if judged_by_themselves else ""
    return ModelCard(role=Role.TEACHER, description=f"people: {spec.removeprefix(PEOPLE)}{note}", logits=answers)


def _not_found(who: str) -> ModelCard:
    return ModelCard(role=Role.TEACHER, description=f"{who} (not found again)", logits=None)


def _audit(store: Store, temperature: float) -> dict[str, Any]:
    found = audit(store, temperature=temperature).to_json()
    return found | {"findings": [f"{one['severity']}: {one['message']}" for one in found["findings"]]}


def _provenance(record: dict[str, Any], store: Store | None) -> dict[str, Any]:
    kept: dict[str, Any] = {
        key: record[key]
        for key in ("joryu", "machine", "started", "finished", "seconds", "best_epoch")
        if key in record
    }
    request = record["request"]
    kept |= {"objective": request["objective"], "recipe": request["recipe"], "examples": request["examples"]}
    if store is not None:
        manifest = store.manifest
        kept["soft targets"] = {
            "teacher": manifest.teacher.spec or manifest.teacher.description,
            "teacher fingerprint": manifest.teacher.fingerprint,
            "examples fingerprint": manifest.examples.fingerprint,
            "answers": len(store),
            "views": f"{manifest.n_views} of {manifest.views}" if manifest.n_views else "none",
            "encoding": str(manifest.encoding),
            "requests": manifest.cost.requests,
            "seconds": round(manifest.cost.seconds, 1),
        }
    return kept


def summary_lines(numbers: Mapping[str, Any]) -> list[str]:
    """The numbers of `evaluate_run` for a terminal: the headline, which holds the paired test, and a row per model."""
    if (alike := numbers["student_like_teacher"]) is not None:
        return [f"no label to judge by: student and teacher agree on {alike['top1']:.4f} of {alike['n']} examples"]
    models = numbers["models"]
    rows = {
        role: None if model["evaluation"] is None else _cells(model["evaluation"]) for role, model in models.items()
    }
    measures = list(dict.fromkeys(measure for cells in rows.values() for measure in cells or ()))
    widths = {name: max(len(name), *(len((cells or {}).get(name, "")) for cells in rows.values())) for name in measures}
    lines = [numbers["headline"], " ".join([f"{'':8}", *(f"{name:>{width}}" for name, width in widths.items())])]
    for role, cells in rows.items():
        found = ["not found again"] if cells is None else [f"{cells.get(m, '–'):>{widths[m]}}" for m in measures]
        lines.append(" ".join([f"{role:8}", *found]))
    return lines


def _cells(found: Mapping[str, Any]) -> dict[str, str]:
    cells = {"accuracy": f"{found['accuracy']:.4f}", "errors": f"{found['errors']}"}
    cells |= {name: f"{found[name.lower()]:.4f}" for name in ("NLL", "Brier", "ECE")}
    if found["agreement"] is not None:
        likeness = found["agreement"]
        cells["agreement"] = f"{likeness['top1']:.4f}"
        cells["inherited"] = f"{likeness['inherited']} of {likeness['teacher_errors']}"
    return cells
