"""Read the groups of pictures from a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside.columns import FolderLabelOptions, find_columns
from joryu.examples.beside.matching import PictureNames
from joryu.examples.beside.sheets import read_beside
from joryu.examples.examples import Examples
from joryu.examples.groups import with_groups
from joryu.examples.layouts import some
from joryu.examples.tabular.cells import texts
from joryu.examples.tabular.files import Sheet
from joryu.examples.typed_paths import expanded

OPTION: Final = "group"  #: the option of a spec that names the groups
_PART: Final = "#"  #: between a table and the column of its groups


def group_table(option: str) -> str:
    """The table that the option names: what stands before its ``#``.

    >>> group_table("depths.csv"), group_table("tiles.csv#field")
    ('depths.csv', 'tiles.csv')
    """
    return option.rpartition(_PART)[0] or option


class TableGroups(NamedTuple):
    """The group of each picture, ``None`` where no row says any; the table, and words about it."""

    groups: list[str | None]
    table: str
    said: str


def groups_in_table(paths: Sequence[Path], option: str, folder: Path) -> TableGroups:
    """The groups that a table gives to pictures: ``FILE``, or ``FILE#COLUMN`` if it has further columns.

    The file is in the ``folder`` of the set, or an absolute path. One of its columns names the pictures, by path, by
    file name, or by file name without extension. Rows about other pictures are passed over.

    Raises:
        InputError: there is no such table or column, or a picture has two groups.
    """
    table = _existing(folder, option)
    names = PictureNames(folder, paths)
    sheet = read_beside(table, names.mentions)
    columns = find_columns(sheet, names, _chosen(sheet, names, option[len(group_table(option)) + 1 :]))
    column = columns.targets[0]
    groups = _groups(sheet, column, columns.picture_of, len(paths))
    return TableGroups(groups, table.name, f"groups from {sheet.name}: column {column!r}")


def grouped_by_table(examples: Examples, option: str, folder: Path) -> Examples:
    """Pictures with the groups of `groups_in_table`.

    Raises:
        InputError: as `groups_in_table`, or a picture has no group.
    """
    if examples.originals is None:
        raise InputError(f"{examples.name} has no picture files to be grouped by {option}")
    paths = [Path(examples.originals.name(row)) for row in range(len(examples))]
    groups, table, said = groups_in_table(paths, option, folder)
    left_out = tuple(one for one in examples.rejected if one.name.rpartition("/")[2] != table)
    return with_groups(replace(examples, rejected=left_out), groups, said)


def _existing(folder: Path, option: str) -> Path:
    name = group_table(option)
    around = folder if folder.is_dir() else folder.parent
    path = around / expanded(name)  # an absolute path stays itself
    if not path.is_file():
        there = sorted(one.name for one in around.iterdir() if one.is_file())
        raise InputError(
            f"no such table of groups: {path}", expected="a file in the folder of the set, or an absolute path",
            received=some(there) or None, hint=did_you_mean(name, there),
        )  # fmt: skip
    return path


def _chosen(sheet: Sheet, names: PictureNames, column: str) -> FolderLabelOptions:
    """The columns to read: the first that names pictures, and ``column`` or the only other.

    Raises:
        InputError: there are several others.
    """
    naming = [name for name in sheet.columns if name != column and _names_any(sheet, name, names)][:1]
    rest = [name for name in sheet.columns if name not in naming]
    if not column and len(rest) > 1 and naming:
        raise InputError(
            f"which column of {sheet.name} is the group?", expected=f"{OPTION}={sheet.name}{_PART}COLUMN",
            received=some(sheet.columns), hint=f"try {OPTION}={sheet.name}{_PART}{rest[0]}",
        )  # fmt: skip
    return FolderLabelOptions(file="".join(naming), target=column or "".join(rest[:1]))


def _names_any(sheet: Sheet, column: str, names: PictureNames) -> bool:
    kind = sheet[column].type
    plain = pa.types.is_string(kind) or pa.types.is_integer(kind)
    return plain and any(names.find(value) for value in texts(sheet, column) if value)


def _groups(sheet: Sheet, column: str, picture_of: Sequence[int], total: int) -> list[str | None]:
    """The group of each picture, ``None`` where no row says any.

    Raises:
        InputError: two rows give a picture different groups.
    """
    values = texts(sheet, column)
    row_of = np.full(total, -1)
    for row, picture in enumerate(picture_of):
        if picture < 0:
            continue
        first = int(row_of[picture])
        if first >= 0 and values[first] != values[row]:
            raise InputError(
                f"{sheet.row(first)} and {sheet.row(row)} put one picture into two groups", expected="one",
                received=f"{values[first]} and {values[row]}",
            )  # fmt: skip
        row_of[picture] = row
    return [values[row] if row >= 0 else None for row in row_of.tolist()]
