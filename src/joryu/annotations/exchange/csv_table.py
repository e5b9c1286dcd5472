"""Answers as CSV: one row an answer, UTF-8 with the mark that spreadsheets look for, and no cell that is a formula.

A spreadsheet runs a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break (the wide forms too, and
whatever nobody sees before them), and a file name or a pseudonym can begin with any of them. Such a text gets an
apostrophe before it; reading takes it away.

What people save from a spreadsheet differs by country and program, so tables with semicolons or tabs are read too, and
with semicolons numbers with a decimal comma.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from joryu.annotations.exchange.records import COLUMNS, NUMBERS, SIGNAL, LeftOut, Record, Value
from joryu.errors import InputError

if TYPE_CHECKING:
    from _csv import Reader

_GUARD = "'"
_FORMULA = "=+-@\t\r\n＝＋－＠"
_UNSEEN = ("C", "M", "Z")  #: Unicode's marks, spaces, controls, and signs of no width such as U+200B
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  #: letters and symbols by class that show nothing
DELIMITERS = ",;\t"
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


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
    if text[:1] in ("\t", "\r", "\n", _GUARD):
        return True
    seen = next((sign for sign in text if not _is_unseen(sign)), "")
    return seen != "" and seen in _FORMULA


def _is_unseen(sign: str) -> bool:
    return sign in _BLANK or unicodedata.category(sign)[0] in _UNSEEN


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


class Row(NamedTuple):
    """One row of a table, and which one it is, for people."""

    where: str
    values: dict[str, str]


def read_rows(path: Path, left_out: list[LeftOut]) -> tuple[list[str], Iterator[Row]]:
    """The columns of a table between commas, semicolons or tabs, and its rows; what is no row goes to ``left_out``.

    Raises:
        InputError: another encoding, or a broken quotation.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", received=error.reason, hint="save it as CSV UTF-8") from error
    said = re.match("sep=([,;\t])\r?\n", text)  # how Excel is told, in a line of its own
    text = text if said is None else text[said.end() :]
    delimiter = _delimiter(text) if said is None else said[1]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [_column(unguarded(name)) for name in _next(path, lines) or []]
    return names, _rows(path, lines, names, left_out)


def _rows(path: Path, lines: Reader, names: Sequence[str], left_out: list[LeftOut]) -> Iterator[Row]:
    while (cells := _next(path, lines)) is not None:
        where = f"{path.name}, line {lines.line_num}"
        if cells and len(cells) != len(names):
            left_out.append(
                LeftOut(where, f"another length than the header (expected {len(names)} cells; received {len(cells)})")
            )
        elif cells:
            values = {name: unguarded(cell) for name, cell in zip(names, cells, strict=True)}
            if lines.dialect.delimiter == ";":
                values = {name: _with_point(name, value) for name, value in values.items()}
            yield Row(where, values)


def read_csv(path: Path, names: Sequence[str], rows: Iterator[Row]) -> Iterator[Record]:
    """The rows of a table as records. Columns ``choice`` and ``picture`` (its key or its file) or ``path`` are needed.

    Raises:
        InputError: no such columns.
    """
    require_columns(path, names)
    for where, values in rows:
        # Without a path, people name files in the column of the picture.
        yield Record(where=where, values=values, addresses=(values.get("path", values.get("picture", "")),))


def _next(path: Path, lines: Reader) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error as error:
        raise InputError(f"{path} is not CSV", received=f"{error} in line {lines.line_num}") from error


def _delimiter(text: str) -> str:
    """What stands between the columns: whatever makes most of the header's names known ones, then most names."""

    def likeness(delimiter: str) -> tuple[int, int]:
        try:
            names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
        except csv.Error:
            return 0, 0
        return len({_column(unguarded(name)) for name in names} & set(COLUMNS)), len(names)

    return max(DELIMITERS, key=likeness)


def _with_point(name: str, value: str) -> str:
    number = (name in NUMBERS or name.startswith(SIGNAL)) and _DECIMAL_COMMA.fullmatch(value)
    return value.replace(",", ".") if number else value


def _column(name: str) -> str:
    """A column's name without the space that people leave around it; a signal's name is its own."""
    return name.strip() if name.strip() in COLUMNS else name


def has_columns(names: Collection[str]) -> bool:
    """Whether a table says what was chosen, and of which picture, by the names that tables have here."""
    return "choice" in names and not {"picture", "path"}.isdisjoint(names)


def require_columns(path: Path, names: Sequence[str]) -> None:
    """Refuse a table that lacks what an answer needs.

    Raises:
        InputError: a table without the columns that an answer needs, or with one twice.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path} has a column twice", received=", ".join(twice))
    if not has_columns(names):
        raise InputError(
            f"{path} has no answers to read",
            expected="columns named choice and picture or path, between commas, semicolons or tabs",
            received=", ".join(names[:20]) or "no header",
            hint=f"other columns that are read: {', '.join(COLUMNS)}",
        )
