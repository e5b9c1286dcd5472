"""Predictions as lines: a table for people, a JSON object a line for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from joryu.serving.predictor import Predicted

_LOOKED_AT = 100  #: rows that the widths of the columns are taken from
_WIDEST = 60


def json_lines(found: Iterable[Predicted], top: int | None = None) -> Iterator[str]:
    """Each prediction, or the reason why there is none, as a line of JSON."""
    return (json.dumps(one.to_json(top)) for one in found)


def table_lines(found: Iterable[Predicted], top: int | None = None, *, headed: bool = True) -> Iterator[str]:
    """A line for each prediction, as they come; above them, unless it was said, what the columns are.

    The columns are as wide as the first hundred rows need.
    """
    rows = (_cells(one, top) for one in found if one.answer is not None)
    first = list(islice(rows, _LOOKED_AT))
    if not first:
        return
    head = {name: name for name in first[0]}
    widths = [min(_WIDEST, max(len(row[name]) for row in (head, *first))) for name in head]
    for row in chain([head] if headed else [], first, rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row.values(), widths, strict=True)).rstrip()


def _cells(found: Predicted, top: int | None) -> dict[str, str]:
    row = {} if found.row is None else {"row": str(found.row)}
    answer = {} if found.answer is None else found.answer.cells(top)
    # An output may be called "file" too: the file's name keeps a column of its own.
    named = {"file": _plain(found.name)} | row
    return named | {(f"{name} " if name in named else name): text for name, text in answer.items()}


def _plain(name: str) -> str:
    """A name without what would break a line or move the cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)
