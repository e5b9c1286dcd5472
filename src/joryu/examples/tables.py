"""Tables of labels beside pictures: recognised, so that they are not passed over in silence."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from joryu.errors import InputError

_TABLES: Final = {".csv": ",", ".tsv": "\t"}
_LINES: Final = ".jsonl"
_ROWS: Final = 50  #: how many rows of a table are looked at


def require_no_table(root: Path, pictures: Sequence[Path]) -> None:
    """Raises:
    InputError: a table beside pictures without labels names them: it says more about them than is read.
    """
    places = sorted({root, *(path.parent for path in pictures)})
    tables = [path for place in places for path in sorted(place.iterdir())]
    known = {name for path in pictures for name in (path.name, path.stem)}
    for table in tables:
        if table.suffix.lower() in (*_TABLES, _LINES) and table.is_file() and _names(table, known):
            raise InputError(
                f"{table} says something about the pictures, which is not read",
                expected="class folders of pictures, or pictures alone",
                received="a table that names them",
                hint="put the pictures of each class into a folder of its name, or move the table away to have them"
                " without labels",
            )


def _names(table: Path, known: set[str]) -> bool:
    """Whether a column of a table names the pictures, and another is there to say something about them."""
    try:
        with table.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(islice(_rows(file, table.suffix.lower()), _ROWS))
    except (OSError, csv.Error, ValueError):
        return False
    return any(len(row) > 1 and any(Path(value).name in known for value in row) for row in rows)


def _rows(file: TextIO, suffix: str) -> Iterator[list[str]]:
    if suffix == _LINES:
        return ([str(value) for value in json.loads(line).values()] for line in file if line.startswith("{"))
    return iter(csv.reader(file, delimiter=_TABLES[suffix]))
