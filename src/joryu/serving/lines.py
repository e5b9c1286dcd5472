"""Predictions as lines of text: a table for people, or one JSON object per line for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from joryu.serving.predictor import Predicted

_LOOKED_AT = 100  #: rows that determine the widths of the columns
_WIDEST = 160  #: the widest column; wider than a terminal, because paths are long and columns must stay aligned


def json_lines(found: Iterable[Predicted], top: int | None = None) -> Iterator[str]:
    """Each prediction, or the reason why there is none, as one line of JSON; ``top`` limits the probabilities."""
    return (json.dumps(one.to_json(top)) for one in found)


def table_lines(found: Iterable[Predicted], top: int | None = None, *, headed: bool = True) -> Iterator[str]:
    """One line per prediction as they arrive, below a line of column names (``headed=False``: without it).

    The columns are as wide as the first 100 rows need.
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
    """A column of the answer (``answers``) or of the file: an output may itself be named ``file``."""

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
    """The text without characters that would break the line or move the cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
