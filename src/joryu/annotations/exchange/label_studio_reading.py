"""Label Studio's JSON as records of answers: its own exports, and ours when they come back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from joryu.annotations.exchange.label_studio import CONTROLS, IMAGE, META
from joryu.annotations.exchange.records import MOST, LeftOut, Record
from joryu.annotations.settings import Settings
from joryu.errors import InputError

Task = Mapping[str, Any]
STRANGER = "label-studio"  #: the beginning of the pseudonym of a Label Studio user


def read_label_studio(path: Path, settings: Settings, left_out: list[LeftOut]) -> Iterator[Record]:
    """The answers of an export (format *JSON*), in the order they were given.

    The controls are known by the names that `labelling_config` gives them, and else by what their choices are called.
    An annotator is known by number alone: names and e-mail addresses are dropped. ``lead_time`` is taken for the
    response time where nothing better is known; it includes loading and re-editing. Several annotations of a picture by
    one annotator count as repeats. What cannot become an answer is added to ``left_out``.

    Raises:
        InputError: not such a file, or no telling which of its controls names the class.
    """
    tasks = _tasks(path)
    fields = _fields(tasks, settings)
    strangers: dict[str, str] = {}
    found = [
        (order, told)
        for task in tasks
        for annotation in _list(task, "annotations")
        for order, told in _records(task, annotation, fields, strangers, left_out)
    ]
    showings: dict[tuple[object, ...], int] = {}
    for _, record in sorted(found, key=_when):
        values = dict(record.values)
        if "showing" not in values:
            who = (str(values.get("annotator")), values["picture"], *record.addresses[:1])
            values["showing"] = showings.get(who, 0)
            showings[who] = showings.get(who, 0) + 1
        yield Record(where=record.where, values=values, addresses=record.addresses)


def _when(found: tuple[float, Record]) -> tuple[float, float]:
    order, at = found[0], found[1].values.get("at")
    return order, at if isinstance(at, int | float) else 0.0


def _tasks(path: Path) -> list[Task]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON", received=str(error)) from error
    tasks = content if isinstance(content, list) else [content]
    if not tasks or not all(isinstance(task, dict) for task in tasks) or not any("annotations" in one for one in tasks):
        minimal = any(isinstance(task, dict) and "annotation_id" in task for task in tasks)
        raise InputError(
            f"{path} is not an export of Label Studio",
            expected="a list of tasks with annotations",
            received="its JSON-MIN format" if minimal else "something else",
            hint="in Label Studio choose Export, then JSON",
        )
    return tasks


def _list(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _dict(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _choices(annotation: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Every control's name and what was chosen."""
    for region in _list(annotation, "result"):
        chosen = _dict(region, "value").get("choices")
        if isinstance(chosen, list):
            yield str(region.get("from_name")), [str(choice) for choice in chosen]


def _fields(tasks: Iterable[Task], settings: Settings) -> dict[str, str]:
    """Which field of an answer each control is about: by its name, else by its choices."""
    used: dict[str, set[str]] = {}
    answered = False
    for task in tasks:
        for annotation in _list(task, "annotations"):
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
    """The annotation as a record with its place in our own order (none if it is not ours), if it is an answer."""
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
    values |= dict(told) if isinstance(told, dict) else _of_stranger(task, annotation, strangers)
    order = values.pop("order", math.inf)
    picture = ours.get("picture")
    values["picture"] = picture if isinstance(picture, str) else None
    data = _dict(task, "data")
    addresses = [data[name] for name in sorted(data, key=lambda name: name != IMAGE) if isinstance(data[name], str)]
    yield (
        float(order) if isinstance(order, int) and 0 <= order < MOST else math.inf,
        Record(where=where, values=values, addresses=addresses),
    )


def _of_stranger(task: Task, annotation: Mapping[str, Any], strangers: dict[str, str]) -> dict[str, object]:
    """What Label Studio itself knows of an annotation, without names and addresses of people."""
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
    """Seconds since 1970 of a date as Label Studio writes it."""
    try:
        return datetime.fromisoformat(str(written)).timestamp() if written else None
    except (ValueError, OverflowError):
        return None
