"""Label Studio's flat exports, *JSON-MIN*, *CSV* and *TSV*: one row per annotation, one column per control."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

ROW = "annotation_id"  #: the column by which such a row is recognised
_ABOUT = {"created_at", "updated_at", "lead_time", "was_cancelled"}  #: columns about the annotation itself


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether this is a row of a flat export, and not a task."""
    return ROW in row and not {"annotations", "completions"} & set(row)


def task_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as a task with one annotation.

    A flat export does not distinguish data from answers, so every text is used as both: a text that is not a picture
    will not match one, and a column without classes will not be a control.

    >>> task = task_of({"id": 5, "image": "a.jpg", "class": "rust", "annotator": 3, "annotation_id": 9})
    >>> task["id"], task["annotations"][0]["id"], task["annotations"][0]["completed_by"]
    (5, 9, 3)
    """
    told = {name: value for name, value in row.items() if name not in {ROW, "id", "annotator", *_ABOUT}}
    chosen = {name: _choices(value) for name, value in told.items()}
    result = [
        {"from_name": name, "type": "choices", "value": {"choices": names}}
        for name, names in chosen.items()
        if names is not None
    ]
    about = {name: _number(row[name]) for name in sorted(_ABOUT & set(row))}
    annotation = {"id": row[ROW], "completed_by": _number(row.get("annotator")), "result": result, **about}
    return {"id": row.get("id"), "data": told, "annotations": [annotation]}


def _number(value: object) -> object:
    """A number from a table whose cells are all texts; any other value unchanged."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value):
        return value
    return float(value) if "." in value else int(value)


def _choices(value: object) -> list[str] | None:
    """The choices in a cell: one name, or several as ``{"choices": [...]}``, which may be text; else ``None``."""
    chosen: object = value
    if isinstance(chosen, str) and chosen.startswith('{"choices"'):
        try:
            chosen = json.loads(chosen)
        except ValueError:
            return [str(chosen)]
    if isinstance(chosen, dict):
        chosen = chosen.get("choices")
    if isinstance(chosen, str):
        return [chosen] if chosen else None
    return [str(name) for name in chosen] if isinstance(chosen, list) else None
