"""A run's numbers for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joryu.report.likeness_words import likeness_sentence
from joryu.report.wording import ABSENT, measured


def summary_lines(numbers: Mapping[str, Any]) -> list[str]:
    """The result of `evaluate_run` as lines: the headline, which includes the paired test, and the table."""
    if numbers["student_like_teacher"] is not None:
        return [likeness_sentence(numbers["student_like_teacher"])]
    found = {role: model["evaluation"] for role, model in numbers["models"].items()}
    # Evaluations that count errors get a row per model. Other measures have long names, so each gets a row.
    counted = all("errors" in one for one in found.values() if one is not None)
    table = _by_model(found) if counted else _by_measure(found)
    return [numbers["headline"], *table]


def _by_model(found: Mapping[str, Any]) -> list[str]:
    rows = {role: None if one is None else _cells(one) for role, one in found.items()}
    measures = list(dict.fromkeys(measure for cells in rows.values() for measure in cells or ()))
    widths = {name: max(len(name), *(len((cells or {}).get(name, "")) for cells in rows.values())) for name in measures}
    lines = [" ".join([f"{'':8}", *(f"{name:>{width}}" for name, width in widths.items())])]
    for role, cells in rows.items():
        texts = ["not found again"] if cells is None else [f"{cells.get(m, ABSENT):>{widths[m]}}" for m in measures]
        lines.append(" ".join([f"{role:8}", *texts]))
    return lines


def _by_measure(found: Mapping[str, Any]) -> list[str]:
    rows: dict[str, dict[str, str]] = {}
    for role, one in found.items():
        for measure in () if one is None else one["measures"]:
            rows.setdefault(measure["name"], {})[role] = measured(measure["value"], measure["unit"])
    roles = [role for role, one in found.items() if one is not None]
    width = max(map(len, rows))
    widths = {role: max(len(role), *(len(cells.get(role, ABSENT)) for cells in rows.values())) for role in roles}
    lines = [" ".join([" " * width, *(f"{role:>{size}}" for role, size in widths.items())])]
    for name, cells in rows.items():
        lines.append(
            " ".join([f"{name:{width}}", *(f"{cells.get(role, ABSENT):>{size}}" for role, size in widths.items())])
        )
    return [*lines, *(f"{role} not found again" for role, one in found.items() if one is None)]


def _cells(found: Mapping[str, Any]) -> dict[str, str]:
    cells = {"accuracy": f"{found['accuracy']:.4f}", "errors": f"{found['errors']}"}
    cells |= {name: f"{found[name.lower()]:.4f}" for name in ("NLL", "Brier", "ECE")}
    if found["agreement"] is not None:
        likeness = found["agreement"]
        cells["agreement"] = f"{likeness['top1']:.4f}"
        cells["inherited"] = f"{likeness['inherited']} of {likeness['teacher_errors']}"
    return cells
