"""Read tables beside pictures: with or without a header line, with any common separator, or as JSON lines."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.json

from joryu.errors import InputError
from joryu.examples.layouts import some
from joryu.examples.tabular.files import SUFFIXES, Sheet, block_size, divider_of, read_sheet

LINES: Final = ".jsonl"
TEXT: Final = ".txt"  #: a table if most of its lines name a picture and hold more; else ordinary text
BESIDE: Final = (".csv", ".tsv", TEXT, LINES)  #: extensions of tables that are searched for beside pictures
_SPACE: Final = re.compile(r"\s+")
_DIVIDERS: Final = "\t;,|"
_LARGEST_CELL: Final = 2**31 - 1  #: Python's own limit is 128 KiB, which a cell of run lengths may exceed


def read_beside(path: Path, names_picture: Callable[[str], bool]) -> Sheet:
    """Read a table that names pictures. If its first line names one already, it has no header: columns are numbered.

    Raises:
        InputError: it cannot be read, has no row, or its rows have different numbers of values.
    """
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, *BESIDE):
        raise InputError(f"{path} is no table that can be read", expected=" or ".join(BESIDE), received=suffix or None)
    if suffix == LINES:
        return _json_lines(path)
    named = suffix == ".parquet" or not any(map(names_picture, next(rows_of(path, lenient=True), [])))
    if named and suffix in SUFFIXES:
        return read_sheet(path)
    return _plain(path, named=named)


def rows_of(path: Path, most: int | None = None, *, lenient: bool = False) -> Iterator[list[str]]:
    """The rows of a text table, unchanged and with the header line; at most ``most`` of them.

    ``lenient``: do not fail on bytes that are not UTF-8, for a first look at a file that may not be a table.

    Raises:
        InputError: the file is not UTF-8 text, or a quotation mark is left open.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace" if lenient else "strict") as file:
            lines = islice((line for line in file if line.strip()), most)
            first = next(lines, "")
            divider = divider_of(first, _DIVIDERS)
            both = chain([first] if first else [], lines)
            if divider is not None:
                yield from _unlimited(csv.reader(both, delimiter=divider, strict=not lenient))
            elif path.suffix.lower() == TEXT:
                yield from (_SPACE.split(line.strip()) for line in both)
            else:
                yield from ([line.strip()] for line in both)
    except (csv.Error, UnicodeDecodeError) as error:
        hint = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else None
        raise InputError(f"{path} cannot be read as a table", received=str(error)[:200], hint=hint) from error


def _unlimited(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """The same rows, whatever the length of their cells; the limit is one of all of Python, and is given back."""
    while True:
        limit = csv.field_size_limit(_LARGEST_CELL)
        try:
            row = next(rows, None)
        finally:
            csv.field_size_limit(limit)
        if row is None:
            return
        yield row


def _plain(path: Path, *, named: bool) -> Sheet:
    rows = [[value.strip() for value in row] for row in rows_of(path)]
    width = len(rows[0]) if rows else 0
    names = rows.pop(0) if named and rows else [str(at + 1) for at in range(width)]
    if not rows:
        raise InputError(f"{path} has no row that can be read")
    for at, row in enumerate(rows):
        if len(row) != width:
            raise InputError(
                f"row {at + 1 + named} of {path} has another number of values than the first", expected=width,
                received=f"{len(row)}: {some(row)}",
            )  # fmt: skip
    if len(set(names)) < len(names):
        raise InputError(f"a column's name comes twice in {path}", received=some(names))
    columns = [pa.array([value or None for value in column], pa.string()) for column in zip(*rows, strict=True)]
    return Sheet(path.name, pa.table(columns, names=names), typed=False, first_row=1 + named)


def _json_lines(path: Path) -> Sheet:
    blocks = pyarrow.json.ReadOptions(block_size=block_size(path))
    try:
        found = pyarrow.json.read_json(path, read_options=blocks)
        dates = [field for field in found.schema if _as_text(field.type) != field.type]
        if dates:
            text = pa.schema([field.with_type(_as_text(field.type)) for field in dates])
            parsing = pyarrow.json.ParseOptions(explicit_schema=text)
            found = pyarrow.json.read_json(path, read_options=blocks, parse_options=parsing)
    except pa.ArrowException as error:
        raise InputError(f"{path} cannot be read", received=" ".join(str(error).split())[:200]) from error
    return Sheet(path.name, found)


def _as_text(kind: pa.DataType) -> pa.DataType:
    """The type of a column as JSON has it: it knows no dates, and a name such as ``2020-05-01`` is text."""
    if pa.types.is_list(kind):
        return pa.list_(_as_text(kind.value_type))
    return pa.string() if pa.types.is_temporal(kind) else kind
