"""Answers as CSV: one row an answer, UTF-8 with the mark that spreadsheets look for, and no cell that is a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break (the wide forms too), and a
file name or a pseudonym can begin with any of them. Such a text gets an apostrophe before it; reading takes it away.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from joryu.annotations.exchange.records import COLUMNS, Record, Value
from joryu.errors import InputError

_GUARD = "'"
_FORMULA = "=+-@\t\r\n＝＋－＠"


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> guarded("=HYPERLINK(1)"), guarded("rust"), guarded("'tis")
    ("'=HYPERLINK(1)", 'rust', "''tis")
    """
    return _GUARD + text if _needs_guard(text) else text


def unguarded(cell: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=1"), unguarded("''tis"), unguarded("'tis")
    ('=1', "'tis", "'tis")
    """
    bare = cell.removeprefix(_GUARD)
    return bare if bare != cell and _needs_guard(bare) else cell


def _needs_guard(text: str) -> bool:
    # An apostrophe of its own is guarded too, so that the two directions undo each other whatever the text.
    return text[:1] in ("\t", "\r", "\n", _GUARD) or (text.lstrip()[:1] or "a") in _FORMULA


def write_csv(file: IO[bytes], rows: Sequence[Mapping[str, Value]], columns: Sequence[str]) -> None:
    """One row an answer; what is ``None`` is an empty cell."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([guarded(name) for name in columns])
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    text.detach()  # flushes, and leaves the file open for who opened it


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else repr(value)  # repr keeps every bit of a float


def read_csv(path: Path) -> Iterator[Record]:
    """The rows of a file. A column ``choice`` is needed, and ``picture`` (the key) or ``path``.

    Raises:
        InputError: another encoding, a row of another length, no such columns.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        try:
            names = [_column(unguarded(name)) for name in next(lines, [])]
            require_columns(path, names)
            for cells in lines:
                where = f"{path.name}, line {lines.line_num}"
                if not cells:
                    continue
                if len(cells) != len(names):
                    raise InputError(
                        f"{where} is another length than the header",
                        expected=f"{len(names)} cells",
                        received=len(cells),
                    )
                values = {name: unguarded(cell) for name, cell in zip(names, cells, strict=True)}
                yield Record(where=where, values=values, addresses=(values.get("path", ""),))
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8", received=error.reason, hint="save it as CSV UTF-8") from error
        except csv.Error as error:
            raise InputError(f"{path} is not CSV", received=f"{error} in line {lines.line_num}") from error


def _column(name: str) -> str:
    """A column's name without the space that people leave around it; a signal's name is its own."""
    return name.strip() if name.strip() in COLUMNS else name


def require_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a table that lacks what an answer needs.

    Raises:
        InputError: a table without the columns that an answer needs, or with one twice.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has a column twice", received=", ".join(twice))
    if "choice" not in names or not {"picture", "path"} & set(names):
        raise InputError(
            f"{path} has no answers to read",
            expected=f"the columns choice and picture or path, and any of {', '.join(COLUMNS)}",
            received=", ".join(names[:20]) or "no header",
        )
