"""Read Label Studio's JSON as records of answers: its own exports, and Joryu's when they come back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from joryu.annotations.exchange.label_studio import CONTROLS, IMAGE, META, STATED
from joryu.annotations.exchange.label_studio_rows import is_row, task_of
from joryu.annotations.exchange.records import MOST, LeftOut, Record
from joryu.annotations.settings import Settings
from joryu.errors import InputError

Task = Mapping[str, Any]
STRANGER = "label-studio"  #: prefix of the pseudonyms of Label Studio users
EDITED = 1.0  #: an annotation updated more than this many seconds after it was created counts as changed


def read_label_studio(path: Path, settings: Settings, left_out: list[LeftOut]) -> Iterator[Record]:
    """Read the answers of an export (format *JSON* or *JSON-MIN*), in order of time; see `answers_of`.

    Raises:
        InputError: the file is not such an export, or it is not clear which control names the class.
    """
    return answers_of(_tasks(path), settings, left_out)


def answers_of(tasks: Sequence[Task], settings: Settings, left_out: list[LeftOut]) -> Iterator[Record]:
    """The answers of Label Studio's tasks, in order of time.

    Controls are recognised by the names that `labelling_config` gives them, else by the names of their choices.
    Annotators are kept as numbers; names and e-mail addresses are dropped. ``lead_time``, which includes loading and
    editing, is the response time if nothing better is known. Several annotations of a picture by one annotator are
    repeats, in order of creation. A changed annotation has the time of its change (``updated_at``). Annotations that
    cannot become answers are added to ``left_out``.

    Raises:
        InputError: it is not clear which control names the class.
    """
    fields = _fields(tasks, settings)
    strangers: dict[str, str] = {}
    found = [
        (order, told)
        for task in tasks
        for annotation in _annotations(task)
        for order, told in _records(task, annotation, fields, strangers, left_out)
    ]
    showings: dict[tuple[object, ...], int] = {}
    for _, record in sorted(found, key=_when):
        values = dict(record.values)
        if "showing" not in values:
            who = (str(values.get("annotator")), values["picture"], *record.addresses[:1])
            values["showing"] = showings.get(who, 0)
            showings[who] = showings.get(who, 0) + 1
        if (said := values.pop("said")) is not None:
            values["at"] = said
        yield replace(record, values=values)


def _when(found: tuple[float, Record]) -> tuple[float, float]:
    order, at = found[0], found[1].values.get("at")
    return order, at if isinstance(at, int | float) else 0.0


def _tasks(path: Path) -> list[Task]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON", received=str(error)) from error
    tasks = content if isinstance(content, list) else [content]
    if not tasks or not all(isinstance(task, dict) for task in tasks) or not any(map(_is_task, tasks)):
        raise InputError(
            f"{path} is not an export of Label Studio",
            expected="a list of tasks with annotations",
            received="something else",
            hint="in Label Studio choose Export, then JSON",
        )
    return [task_of(task) if is_row(task) else task for task in tasks]


def _is_task(task: Task) -> bool:
    return is_row(task) or "annotations" in task or "completions" in task


def _annotations(task: Task) -> list[Mapping[str, Any]]:
    return _list(task, "annotations" if "annotations" in task else "completions")  # their name until 2021


def _list(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _dict(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _choices(annotation: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The name of every control, and the choices made."""
    for region in _list(annotation, "result"):
        chosen = _dict(region, "value").get("choices")
        if isinstance(chosen, list | str):
            names = [chosen] if isinstance(chosen, str) else chosen
            yield str(region.get("from_name")), [str(choice) for choice in names]


def _fields(tasks: Iterable[Task], settings: Settings) -> dict[str, str]:
    """The field of an answer that each control means: by its name, else by its choices."""
    used: dict[str, set[str]] = {}
    answered = False
    for task in tasks:
        for annotation in _annotations(task):
            for control, chosen in _choices(annotation):
                used.setdefault(control, set()).update(chosen)
                answered |= annotation.get("was_cancelled") is not True
    fields = {control: CONTROLS[control] for control in used if control in CONTROLS}
    asked = {"choice": settings.classes, "severity": settings.severities, "confidence": settings.confidences}
    for field, names in asked.items():
        if field in fields.values():
            continue
        alike = [control for control, chosen in used.items() if control not in fields and chosen <= set(names)]
        if len(alike) == 1:
            fields[alike[0]] = field
        elif field == "choice" and answered:
            raise InputError(
                "there is no telling which control names the class",
                expected=f"one whose choices are among {', '.join(names)}",
                received=", ".join(alike)
                or "; ".join(f"{control}: {_some(chosen)}" for control, chosen in used.items()),
                hint='call it "class" in the labelling interface, or begin a project that asks for these classes',
            )
    return fields


def _some(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:8])


def _records(
    task: Task,
    annotation: Mapping[str, Any],
    fields: Mapping[str, str],
    strangers: dict[str, str],
    left_out: list[LeftOut],
) -> Iterator[tuple[float, Record]]:
    """The annotation as a record, if it is an answer, with its position in the export (if Joryu exported it)."""
    ours = _dict(_dict(task, "meta"), META)
    where = f"task {task.get('id')}, annotation {annotation.get('id')}"
    chosen: dict[str, list[str]] = {fields[c]: names for c, names in _choices(annotation) if c in fields}
    skipped = annotation.get("was_cancelled") is True
    several = [field for field, names in chosen.items() if len(names) > 1]
    if several or not (skipped or chosen.get("choice")):
        left_out.append(LeftOut(where, f"several answers to {several[0]}" if several else "it names no class"))
        return
    values: dict[str, object] = {field: names[0] for field, names in chosen.items() if names}
    if skipped:
        values["choice"] = None
    kept = _dict(ours, "answers")
    told = next((kept[key] for name in ("import_id", "id") if (key := str(annotation.get(name))) in kept), None)
    changed_from = None
    if isinstance(told, dict):
        values["said"], changed_from = _changed(annotation, told, values)
        values |= {name: value for name, value in told.items() if name not in ("said", STATED)}
    else:
        values |= _of_stranger(task, annotation, strangers)
        values["said"] = _edited_at(annotation)
    order = values.pop("order", math.inf)
    picture = ours.get("picture")
    values["picture"] = picture if isinstance(picture, str) else None
    data = _dict(task, "data")
    addresses = [data[name] for name in sorted(data, key=lambda name: name != IMAGE) if isinstance(data[name], str)]
    yield (
        float(order) if isinstance(order, int) and 0 <= order < MOST else math.inf,
        Record(where=where, values=values, addresses=addresses, changed_from=changed_from),
    )


def _changed(
    annotation: Mapping[str, Any], told: Mapping[str, Any], values: Mapping[str, object]
) -> tuple[float | None, tuple[float, tuple[str | None, ...]] | None]:
    """When an exported answer was changed in Label Studio (``None``: it was not), and the answer before, if known.

    Importing into Label Studio gives new dates too, so dates mean something only if they or the answers differ.
    """
    stated, at = told.get(STATED), told.get("at")
    now = tuple(values.get(field) for field in CONTROLS.values())
    if not isinstance(stated, list) or len(stated) != len(now) or tuple(stated) == now:
        return _edited_at(annotation), None
    before = (float(at), tuple(stated)) if isinstance(at, int | float) and 0 <= at < MOST else None
    return _edited_at(annotation) or _seconds(annotation.get("updated_at") or annotation.get("created_at")), before


def _edited_at(annotation: Mapping[str, Any]) -> float | None:
    """When the annotation was last changed; ``None`` if it never was."""
    made, updated = (_seconds(annotation.get(name)) for name in ("created_at", "updated_at"))
    return None if updated is None or (made is not None and updated - made < EDITED) else updated


def _of_stranger(task: Task, annotation: Mapping[str, Any], strangers: dict[str, str]) -> dict[str, object]:
    """The values of an annotation made in Label Studio, without names and addresses of people."""
    who = annotation.get("completed_by")
    number = who.get("id") if isinstance(who, dict) else who
    if isinstance(number, int):
        annotator = f"{STRANGER}-{number}"
    elif who:  # a person without a number: told apart within this file
        annotator = strangers.setdefault(json.dumps(who, sort_keys=True), f"{STRANGER}-unnumbered-{len(strangers) + 1}")
    else:
        annotator = STRANGER
    lead_time = annotation.get("lead_time")
    return {
        "annotator": annotator,
        "session": f"{STRANGER}-{task.get('project', 0)}-{annotator}",
        "rt_ms": lead_time * 1000 if isinstance(lead_time, int | float) and lead_time > 0 else None,
        "at": _seconds(annotation.get("created_at")),
    }


def _seconds(written: object) -> float | None:
    """A date of Label Studio as seconds since 1970; older versions wrote seconds."""
    if isinstance(written, int | float):
        return float(written) if 0 < written < MOST else None
    try:
        return max(datetime.fromisoformat(str(written)).timestamp(), 0.0) or None if written else None
    except (ValueError, OverflowError):
        return None
