"""Answers as CSV: one row per answer, in UTF-8 with a byte-order mark for spreadsheets, and safe against formulas.

A spreadsheet executes a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break (also their full-width
forms, and after invisible characters). A file name or pseudonym may begin so. Such a text is written with an apostrophe
before it, which is removed when it is read.

Spreadsheets save tables differently by country and program, so semicolons and tabs are accepted as separators, and with
semicolons decimal commas.
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
_UNSEEN = ("C", "M", "Z")  #: Unicode categories of controls, marks, spaces, and zero-width characters such as U+200B
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  #: invisible characters that Unicode classes as letters or symbols
DELIMITERS = ",;\t"
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def guarded(text: str) -> str:
    """Change a text so that no spreadsheet takes it for a formula.

    >>> guarded("=HYPERLINK(1)"), guarded("rust"), guarded("'tis")
    ("'=HYPERLINK(1)", 'rust', "''tis")
    """
    return _GUARD + text if _needs_guard(text) else text


def unguarded(cell: str) -> str:
    """The inverse of `guarded`.

    >>> unguarded("'=1"), unguarded("''tis"), unguarded("'tis")
    ('=1', "'tis", "'tis")
    """
    bare = cell.removeprefix(_GUARD)
    return bare if bare != cell and _needs_guard(bare) else cell


def _needs_guard(text: str) -> bool:
    # A text that begins with an apostrophe is guarded too, so that `unguarded` is the inverse for every text.
    if text[:1] in ("\t", "\r", "\n", _GUARD):
        return True
    seen = next((sign for sign in text if not _is_unseen(sign)), "")
    return seen != "" and seen in _FORMULA


def _is_unseen(sign: str) -> bool:
    return sign in _BLANK or unicodedata.category(sign)[0] in _UNSEEN


def write_csv(file: IO[bytes], rows: Sequence[Mapping[str, Value]], columns: Sequence[str]) -> None:
    """Write one row per answer; ``None`` becomes an empty cell."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text)
    writer.writerow([guarded(name) for name in columns])
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    text.detach()  # flushes, and leaves the file open for who opened it


def _cell(value: Value) -> str:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else repr(value)  # repr keeps every bit of a float


class CsvRow(NamedTuple):
    """One row of a table, and its position for messages."""

    where: str
    values: dict[str, str]


def read_rows(path: Path, left_out: list[LeftOut]) -> tuple[list[str], Iterator[CsvRow]]:
    """The columns and rows of a table separated by commas, semicolons or tabs; bad rows are added to ``left_out``.

    Raises:
        InputError: the file is not UTF-8, or a quotation is broken.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", received=error.reason, hint="save it as CSV UTF-8") from error
    said = re.match("sep=([,;\t])\r?\n", text)  # a first line by which Excel knows the separator
    text = text if said is None else text[said.end() :]
    delimiter = _delimiter(text) if said is None else said[1]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [_column(unguarded(name)) for name in _next(path, lines) or []]
    return names, _rows(path, lines, names, left_out)


def _rows(path: Path, lines: Reader, names: Sequence[str], left_out: list[LeftOut]) -> Iterator[CsvRow]:
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
            yield CsvRow(where, values)


def read_csv(path: Path, names: Sequence[str], rows: Iterator[CsvRow]) -> Iterator[Record]:
    """The rows of a table as records. Needed are the columns ``choice``, and ``picture`` (key or file) or ``path``.

    Raises:
        InputError: a needed column is missing.
    """
    require_columns(path, names)
    for where, values in rows:
        # Without a column ``path``, people name files in the column ``picture``.
        yield Record(where=where, values=values, addresses=(values.get("path", values.get("picture", "")),))


def _next(path: Path, lines: Reader) -> list[str] | None:
    try:
        return next(lines, None)
    except csv.Error as error:
        raise InputError(f"{path} is not CSV", received=f"{error} in line {lines.line_num}") from error


def _delimiter(text: str) -> str:
    """The separator: the one that gives most known column names, then most columns."""

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
    """A column's name without surrounding spaces; a signal's name is kept as it is."""
    return name.strip() if name.strip() in COLUMNS else name


def has_columns(names: Collection[str]) -> bool:
    """Whether a table has the needed columns: the choice, and the picture."""
    return "choice" in names and not {"picture", "path"}.isdisjoint(names)


def require_columns(path: Path, names: Sequence[str]) -> None:
    """Check that a table has the columns that an answer needs.

    Raises:
        InputError: a needed column is missing, or a column occurs twice.
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
