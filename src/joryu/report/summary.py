"""A run's numbers for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
