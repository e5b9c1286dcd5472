"""Predictions as lines: a table for people, a JSON object a line for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from joryu.serving.predictor import Predicted

_LOOKED_AT = 100  #: rows that the widths of the columns are taken from
_WIDEST = 160  #: a path may well be longer than a line of a terminal, and what follows must stand below its head


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
    head = {column: column.name for column in first[0]}
    widths = [min(_WIDEST, max(len(row[column]) for row in (head, *first))) for column in head]
    for row in chain([head] if headed else [], first, rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row.values(), widths, strict=True)).rstrip()


class _Column(NamedTuple):
    """An output may be called as the columns are that say where its answer belongs."""

    name: str
    answers: bool


def _cells(found: Predicted, top: int | None) -> dict[_Column, str]:
    where = {"file": found.name} | ({} if found.row is None else {"row": str(found.row)})
    answer = {} if found.answer is None else found.answer.cells(top)
    return {
        _Column(_plain(name), answers): _plain(text)
        for answers, cells in ((False, where), (True, answer))
        for name, text in cells.items()
    }


def _plain(text: str) -> str:
    """A text without what would break a line or move the cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
