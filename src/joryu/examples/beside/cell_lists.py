"""Convert cells with several tags to a column of lists, and columns of 0 and 1 to a column of class names."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import pyarrow as pa

from joryu.errors import InputError
from joryu.examples.beside.columns import is_zero_or_one
from joryu.examples.layouts import some
from joryu.examples.tabular.cells import is_number, plain, shown, texts
from joryu.examples.tabular.files import Sheet
from joryu.examples.tabular.target import TargetKind

_DIVIDERS: Final = (";", "|", ",")
_SPACES: Final = " "
_BRACKETS: Final = re.compile(r"^\s*\[(.*)\]\s*$", re.DOTALL)
_TAG_NAMES: Final = ("tags", "keywords")
CLASS: Final = "class"  #: the name of the column that replaces one-hot columns of 0 and 1


class Cells(NamedTuple):
    """What stands between the tags in cells (empty: these hold no text), and the tags that are known from train.

    A cell that is a known tag is not divided.
    """

    divider: str
    known: frozenset[str] = frozenset()

    def tags(self, cell: str) -> list[str]:
        """The tags in a cell.

        >>> Cells(" ").tags("palm tree"), Cells(" ", frozenset({"palm tree"})).tags("palm tree")
        (['palm', 'tree'], ['palm tree'])
        """
        match = _BRACKETS.match(cell)
        inner = match[1] if match else cell
        if (whole := _bare(inner)) in self.known:
            return [whole]
        parts = inner.split(None if self.divider == _SPACES else self.divider)
        return [part for part in map(_bare, parts) if part]


def cells_of(whole: Sheet, target: str, known: Collection[str], of_train: str) -> Cells:
    """How the cells of a column are divided: alike in all splits that a table is about, and as in train.

    A split may hold single tags alone, so all of the table says it: by the first divider that is there, else spaces.
    In a table of its own, cells are divided as in train (``of_train``), unless more tags are ``known`` otherwise.
    """
    if not pa.types.is_string(whole[target].type):
        return Cells("")
    words = [value for value in texts(whole, target) if value is not None]
    there = [divider for divider in _DIVIDERS if any(divider in word for word in words)]
    named = frozenset(known)
    ways = [Cells(divider, named) for divider in filter(None, (of_train, *there, "" if of_train else _SPACES))]
    if not named:
        return ways[0]
    return max(ways, key=lambda way: sum(tag in named for word in words for tag in way.tags(word)))


def with_lists(sheet: Sheet, target: str, kind: TargetKind | None, cells: Cells) -> Sheet:
    """The sheet with lists in place of cells that name several tags: ``red;round``, ``red round``, ``["red"]``.

    Raises:
        InputError: the cells may name either one class or several tags.
    """
    if not pa.types.is_string(sheet[target].type):
        return sheet
    values = texts(sheet, target)
    words = [value for value in values if value is not None]
    bracketed = bool(words) and all(_BRACKETS.match(word) for word in words)
    if kind is None and not bracketed and target.lower() not in _TAG_NAMES:
        _require_whole(sheet, target, values)
        return sheet
    if kind not in (None, TargetKind.TAGS) or (not bracketed and {plain(word.lower()) for word in words} <= _TRUTH):
        return sheet
    tags = [None if value is None else cells.tags(value) for value in values]
    lists = pa.array(tags, pa.list_(pa.string()))
    remarks = sheet.remarks
    if any(len(one or ()) > 1 for one in tags):
        remarks = (*remarks, f"{target!r}: several tags in one cell, divided by {_SAID[cells.divider]}")
    return replace(sheet, table=sheet.table.set_column(sheet.columns.index(target), target, lists), remarks=remarks)


_SAID: Final = {";": "semicolons", "|": "bars", ",": "commas", _SPACES: "spaces"}
_TRUTH: Final = {"0", "1", "true", "false"}


def _require_whole(sheet: Sheet, target: str, values: Sequence[str | None]) -> None:
    """Refuse a column whose cells may be classes or lists of tags.

    Raises:
        InputError: a cell is made of words that are the whole content of other cells.
    """
    whole = {value for value in values if value is not None}
    if all(map(is_number, whole)):
        return
    for at, value in enumerate(values):
        for divider in (*_DIVIDERS, _SPACES):
            parts = Cells(divider).tags(value or "")
            if len(parts) > 1 and all(part in whole for part in parts):
                raise InputError(
                    f"{sheet.row(at)} names several of the values that {target!r} has elsewhere",
                    expected="one class, or kind=tags", received=shown(value or ""),
                    hint="try kind=tags, or kind=one-of where it is a class of its own",
                )  # fmt: skip


def _bare(part: str) -> str:
    return part.strip().strip("'\"").strip()


def require_one_meaning(sheet: Sheet, targets: Sequence[str]) -> None:
    """Refuse columns of 0 and 1 that may be either one-hot classes or tags.

    Raises:
        InputError: every row has exactly one 1, so both are possible.
    """
    if len(targets) > 1 and all(is_zero_or_one(sheet, target) for target in targets):
        counts = [sum(row) for row in zip(*(_truth(sheet, target) for target in targets), strict=True)]
        if len(counts) > 1 and set(counts) == {1}:
            raise InputError(
                f"every row of {sheet.name} has a 1 in one of {some(targets, most=3)}, which may be classes or tags",
                expected="kind=one-of or kind=tags", hint="try kind=one-of",
            )  # fmt: skip


def as_one_column(sheet: Sheet, targets: Sequence[str]) -> Sheet:
    """The sheet with a column `CLASS`, which holds the name of the column that is 1 in each row.

    Raises:
        InputError: a row does not have exactly one 1.
    """
    names: list[str] = []
    for at, row in enumerate(zip(*(_truth(sheet, target) for target in targets), strict=True)):
        if sum(row) != 1:
            raise InputError(
                f"{sheet.row(at)} names no one class", expected=f"a 1 in one of {some(targets, most=3)}",
                received=f"{sum(row)} of them", hint="try kind=tags",
            )  # fmt: skip
        names.append(targets[row.index(1)])
    table = sheet.table.drop_columns([CLASS]) if CLASS in sheet.columns else sheet.table
    return replace(sheet, table=table.append_column(CLASS, pa.array(names)))


def _truth(sheet: Sheet, target: str) -> list[int]:
    if not is_zero_or_one(sheet, target):
        raise InputError(f"column {target!r} of {sheet.name} holds more than 0 and 1", hint="name one column: target=")
    return [int(plain((value or "").lower()) in ("1", "true")) for value in texts(sheet, target)]
