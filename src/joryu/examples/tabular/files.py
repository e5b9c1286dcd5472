"""Read tables from CSV or Parquet files; a damaged file is refused with the row that cannot be read."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from joryu.errors import InputError
from joryu.examples.layouts import some

SUFFIXES: Final = (".csv", ".tsv", ".parquet")
_UNNAMED: Final = ("", "__index_level_0__")
DECIMAL_COMMA: Final = r"^[+-]?\d+,\d+$"
PLAIN_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_QUOTED: Final = re.compile(r'"[^"]*"')
_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table as it was read. ``typed``: columns have types of their own (Parquet), instead of all being text (CSV).

    ``first_row`` is the number of its first row in messages: 2 in a CSV file, whose header is row 1. ``taken``: the
    rows of the file that were selected, if not all.
    """

    name: str
    table: pa.Table
    typed: bool = True
    first_row: int = 1
    remarks: tuple[str, ...] = ()
    taken: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.table.column_names)

    def row(self, at: int) -> str:
        """The name of a row in messages."""
        return f"row {(at if self.taken is None else self.taken[at]) + self.first_row} of {self.name}"

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        """A column; text always has the same Arrow type, whichever of several the file has."""
        values = self.table.column(column)
        values = pc.dictionary_decode(values) if pa.types.is_dictionary(values.type) else values
        as_text = (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
        return values.cast(pa.string()) if any(holds(values.type) for holds in as_text) else values

    def take(self, rows: Sequence[int]) -> Sheet:
        """The given rows; messages keep using their numbers in the file."""
        before = range(len(self)) if self.taken is None else self.taken
        return replace(self, table=self.table.take(pa.array(rows, pa.int64())), taken=tuple(before[at] for at in rows))

    def without(self, columns: tuple[str, ...]) -> Sheet:
        return replace(self, table=self.table.drop_columns(list(columns)))


def read_sheet(path: Path) -> Sheet:
    """Read a ``.csv``, ``.tsv`` or ``.parquet`` file.

    The separator of a CSV file is the one of comma, semicolon, tab and bar that its first line has most of outside
    quotation marks; if it is not the comma, ``12,5`` is a number. The first line names the columns. A first column
    without a name that counts the rows is left out, because some programs add it.

    Raises:
        InputError: it is not such a table, is damaged or empty, or column names are missing or repeated.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path} is no table that can be read", expected=" or ".join(SUFFIXES), received=path.suffix)
    try:
        sheet = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())[:200]
        hint = "save it as UTF-8" if "UTF8" in reason else None
        raise InputError(f"{path} cannot be read as a table", received=reason, hint=hint) from error
    if not len(sheet):
        raise InputError(f"{path} has no row")
    return _named(_without_unnamed(sheet))


def block_size(path: Path) -> int:
    """How many bytes Arrow reads at once: the whole file where it can, as no row may be longer than a block."""
    return min(max(path.stat().st_size, 2**20), 2**30)


def divider_of(line: str, dividers: Collection[str]) -> str | None:
    """The divider that a line has most of outside quotation marks; ``None`` if it has none.

    >>> divider_of('"weight, in kg, dry";kind', ",;")
    ';'
    """
    bare = _QUOTED.sub("", line)
    return max(dividers, key=bare.count) if any(map(bare.count, dividers)) else None


def _parquet(path: Path) -> Sheet:
    return Sheet(path.name, pq.ParquetFile(path).read())


def _csv(path: Path) -> Sheet:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline()
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text", received=error.reason, hint="save it as UTF-8") from error
    if not line.strip():
        raise InputError(f"{path} is empty" if not line else f"the first line of {path} names no columns")
    divider = divider_of(line, _WORDS) or ","
    names = next(csv.reader([line], delimiter=divider))
    _require_header(path, names)
    found = pyarrow.csv.read_csv(
        path,
        # One thread, because only then does the error name the number of the line that cannot be read.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            skip_rows=1,
            column_names=[f"{at}" for at in range(len(names))],
            block_size=block_size(path),
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=divider, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={f"{at}": pa.string() for at in range(len(names))}, strings_can_be_null=False
        ),
    )
    texts = [pc.utf8_trim_whitespace(column) for column in found.columns]
    texts = [pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text) for text in texts]
    sheet = Sheet(path.name, pa.table(texts, names=[name.strip() for name in names]), typed=False, first_row=2)
    return sheet if divider == "," else _with_decimal_commas(sheet, divider)


def _require_header(path: Path, names: list[str]) -> None:
    if len(names) > 1 and all(re.match(PLAIN_NUMBER, name.strip()) for name in names):
        raise InputError(
            f"{path} does not name its columns", expected="names in its first line",
            received=some(names), hint="write a line of names above the first row",
        )  # fmt: skip


def _with_decimal_commas(sheet: Sheet, divider: str) -> Sheet:
    """Replace decimal commas by points, in columns that hold only numbers."""
    table, changed = sheet.table, list[str]()
    for at, name in enumerate(sheet.columns):
        text = table.column(at).drop_null()
        comma = pc.match_substring_regex(text, DECIMAL_COMMA)
        if pc.any(comma).as_py() and pc.all(pc.or_(comma, pc.match_substring_regex(text, r"^[+-]?\d+$"))).as_py():
            table = table.set_column(at, name, pc.replace_substring(table.column(at), ",", "."))
            changed.append(name)
    remarks = [f"the values of {sheet.name} are divided by {_WORDS[divider]}"]
    if changed:
        remarks.append(f"the commas in {some(changed)} of {sheet.name} are taken as decimal points")
    return replace(sheet, table=table, remarks=tuple(remarks))


def _named(sheet: Sheet) -> Sheet:
    names = sheet.columns
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise InputError(f"a column's name comes twice in {sheet.name}", received=repr(twice[0]))
    return sheet


def _without_unnamed(sheet: Sheet) -> Sheet:
    """The sheet without columns that programs add: a counter of rows, and an empty one after a trailing comma."""
    table, remarks = sheet.table, [*sheet.remarks]
    for at in range(len(sheet.columns) - 1, -1, -1):
        if sheet.columns[at] not in _UNNAMED:
            continue
        column = table.column(at)
        if not _counts_rows(column) and column.null_count < len(column):
            raise InputError(f"column {at + 1} of {sheet.name} has no name", received=some(map(repr, sheet.columns)))
        what = "is empty" if column.null_count == len(column) else "only counts its rows"
        table = table.remove_column(at)
        remarks.append(f"a column of {sheet.name} without a name {what}: left out")
    return replace(sheet, table=table, remarks=tuple(remarks))


def _counts_rows(column: pa.ChunkedArray) -> bool:
    """Whether the values are 0, 1, 2, … or 1, 2, 3, …, as text or as numbers."""
    texts = column.to_pylist()
    return any(all(str(text) == str(at + start) for at, text in enumerate(texts)) for start in (0, 1))
