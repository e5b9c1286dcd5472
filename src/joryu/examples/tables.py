"""Tables of labels beside pictures: recognised, so that they are not passed over in silence."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from joryu.errors import InputError

_TABLES: Final = {".csv": ",", ".tsv": "\t"}
_LINES: Final = ".jsonl"
_TEXT: Final = ".txt"  #: a table where most of its lines name a picture and say more; else somebody's notes
_BETWEEN: Final = re.compile(r"[\s,;]+")
_ROWS: Final = 50  #: how many rows of a table are looked at


def require_no_table(root: Path, pictures: Sequence[Path]) -> None:
    """Refuse pictures beside a table that says more about them than would be read.

    Raises:
        InputError: a table beside pictures without labels names them: it says more about them than is read.
    """
    if (table := find_table([root], pictures)) is not None:
        raise InputError(
            f"{table} says something about the pictures, which is not read",
            expected="class folders of pictures, or pictures alone",
            received="a table that names them",
            hint="put the pictures of each class into a folder of its name, or move the table away to have them"
            " without labels",
        )


def find_table(places: Sequence[Path], pictures: Sequence[Path]) -> Path | None:
    """The first table, in one of the places or beside the pictures, that names them and says more about them."""
    known = {name for path in pictures for name in (path.name, path.stem)}
    folders = sorted({*places, *(path.parent for path in pictures)})
    tables = (path for folder in folders for path in sorted(folder.iterdir()) if _is_table(path))
    return next((table for table in tables if _names(table, known)), None)


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in (*_TABLES, _LINES, _TEXT) and path.is_file()


def _names(table: Path, known: set[str]) -> bool:
    """Whether a column of a table names the pictures, and another is there to say something about them."""
    suffix = table.suffix.lower()
    try:
        with table.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(islice(_rows(file, suffix), _ROWS))
    except (OSError, csv.Error, ValueError):
        return False
    naming = sum(len(row) > 1 and any(Path(value).name in known for value in row) for row in rows)
    return 2 * naming > len(rows) if suffix == _TEXT else naming > 0


def _rows(file: TextIO, suffix: str) -> Iterator[list[str]]:
    if suffix == _LINES:
        return ([str(value) for value in json.loads(line).values()] for line in file if line.startswith("{"))
    if suffix == _TEXT:
        return (_BETWEEN.split(line.strip()) for line in file)
    return iter(csv.reader(file, delimiter=_TABLES[suffix]))
