"""Find the column of a table that names the pictures, and the columns that hold their labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Self

import pyarrow as pa

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside.matching import PictureNames, leads_away
from joryu.examples.layouts import some
from joryu.examples.options import listed
from joryu.examples.tabular.cells import plain, says_missing, shown, texts
from joryu.examples.tabular.files import Sheet
from joryu.examples.tabular.target import TargetKind, with_kind

OPTIONS = ("labels", "file", "target", "kind", "group")
NONE = "none"  #: ``labels=none``: load the pictures without labels, even if there is a table
NAMES = "names"  #: ``labels=names``: the class is the beginning of each file's name
CLASS_NAMES = frozenset({
    *("label", "labels", "class", "classes", "classid", "classname", "labelname", "target", "category", "categoryid"),
    *("categoryname", "y", "tag", "tags", "species", "breed", "diagnosis"),
})  # fmt: skip
_BETWEEN = re.compile(r"[\W_]+")
_NEARLY = 0.9  #: a second column that names this share of the first's pictures is as good a candidate


class FolderLabelOptions(NamedTuple):
    """The options of ``folder:DIR,…`` about labels.

    ``labels``: tables (separated by semicolons), `NONE` or `NAMES`; ``file``: the column that names the pictures;
    ``target``: the columns of labels; ``kind``: what the labels are, as for tables; ``group``: the table of groups,
    which is no table of labels unless ``#COLUMN`` says that it has others.
    """

    labels: str = ""
    file: str = ""
    target: str = ""
    kind: TargetKind | None = None
    group: str = ""

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Read the options of a spec.

        Raises:
            InputError: ``kind`` is not one of `TargetKind`.
        """
        return cls(**with_kind(options))

    @property
    def say_nothing(self) -> bool:
        """Whether nothing is said about labels."""
        return self._replace(group="") == FolderLabelOptions()

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that ``labels`` names."""
        return () if self.labels in (NONE, NAMES) else listed(self.labels)

    @property
    def says_table(self) -> bool:
        """Whether the options demand a table, even if there are class folders."""
        return self.labels not in (NONE, NAMES) and not self.say_nothing


class LabelColumns(NamedTuple):
    """The column that names pictures, the picture of each row (-1: none), and the columns of labels."""

    file: str
    picture_of: list[int]
    targets: tuple[str, ...]


def find_columns(
    sheet: Sheet, names: PictureNames, options: FolderLabelOptions, share: Callable[[Sheet, str], float] | None = None
) -> LabelColumns:
    """Find the column that names the pictures and the columns that hold their labels.

    ``share`` gives the share of a column's values that are classes of train, if those are known. Without it the
    column of labels is found by its name, or because there is only one.

    Raises:
        InputError: no column names a picture, several do, or several columns may hold the labels.
    """
    file, same = _file_column(sheet, names, options.file)
    rest = tuple(column for column in sheet.columns if column != file and column not in same)
    targets = listed(options.target, sheet.columns)
    for target in targets:
        if target not in sheet.columns:
            raise InputError(
                f"{sheet.name} has no column {target!r} to ask about", expected=some(rest),
                hint=did_you_mean(target, rest),
            )  # fmt: skip
    if not rest:
        raise InputError(f"{sheet.name} names pictures and says nothing about them", received=f"column {file} alone")
    return LabelColumns(file, _pictures(sheet, file, names), targets or _targets(sheet, rest, share))


def names_pictures(sheet: Sheet, names: PictureNames) -> bool:
    """Whether one column names pictures of the set, and there is another that may hold labels."""
    return len(sheet.columns) > 1 and any(at >= 0 for column in sheet.columns for at in _named(sheet, column, names))


def _file_column(sheet: Sheet, names: PictureNames, wanted: str) -> tuple[str, set[str]]:
    """The column that names the pictures, and other columns that name the same pictures row by row."""
    if wanted and wanted not in sheet.columns:
        raise InputError(
            f"{sheet.name} has no column {wanted!r}", expected=some(sheet.columns),
            hint=did_you_mean(wanted, sheet.columns),
        )  # fmt: skip
    found = {column: _named(sheet, column, names) for column in ((wanted,) if wanted else sheet.columns)}
    count = {column: len(set(pictures) - {-1}) for column, pictures in found.items()}
    best = max(count, key=lambda column: count[column])
    if not count[best]:
        raise _names_none(sheet, names, wanted)
    rivals = [column for column in count if column != best and count[column] >= _NEARLY * count[best]]
    if other := [column for column in rivals if found[column] != found[best]]:
        raise InputError(
            f"several columns of {sheet.name} name pictures", expected="one, with others that say something of them",
            received=some([best, *other]), hint=f"try file={best}",
        )  # fmt: skip
    return best, set(rivals)


def _names_none(sheet: Sheet, names: PictureNames, wanted: str) -> InputError:
    for column in (wanted,) if wanted else sheet.columns:
        for at, value in enumerate(_texts(sheet, column)):
            if value and leads_away(value) and names.mentions(value):
                return _leads_away(sheet, at, value)
    first = [value for column in sheet.columns[:1] for value in _texts(sheet, column) if value]
    return InputError(
        f"{f'column {wanted!r}' if wanted else 'no column'} of {sheet.name} {'does not name' if wanted else 'names'} a"
        " picture of the set", expected=f"a path inside it, such as {_example(names)}",
        received=some(map(shown, first), most=2) or None,
    )  # fmt: skip


def _example(names: PictureNames) -> str:
    return repr(names.paths[0].name) if names.paths else "1.jpg"


def _leads_away(sheet: Sheet, at: int, value: str) -> InputError:
    return InputError(
        f"{sheet.row(at)} names a picture outside the folder", expected="a path inside it", received=shown(value),
        hint="write the paths as they are seen from the table",
    )  # fmt: skip


def _named(sheet: Sheet, column: str, names: PictureNames) -> list[int]:
    """The picture that each row's value means: the first of several, -1 for none."""
    found = [names.find(value) if value else () for value in _texts(sheet, column)]
    return [pictures[0] if pictures else -1 for pictures in found]


def _pictures(sheet: Sheet, column: str, names: PictureNames) -> list[int]:
    """As `_named`, for the chosen column, with all values checked.

    Raises:
        InputError: a path leads out of the folder, or several pictures have the name.
    """
    pictures = []
    for at, value in enumerate(_texts(sheet, column)):
        if value and leads_away(value):
            raise _leads_away(sheet, at, value)
        found = names.find(value) if value else ()
        if len(found) > 1:
            raise InputError(
                f"{sheet.row(at)} may mean several pictures", expected="a name that one alone has",
                received=f"{shown(value or '')}: {some((names.paths[one] for one in found), most=3)}",
                hint="write the folder and the ending of each file into the table, or call it after its split"
                " (train_labels.csv)",
            )  # fmt: skip
        pictures.append(found[0] if found else -1)
    return pictures


def _texts(sheet: Sheet, column: str) -> list[str | None]:
    """The values of a column as text; an empty list if the column's type cannot name pictures."""
    kind = sheet[column].type
    if pa.types.is_string(kind) or pa.types.is_integer(kind):
        return texts(sheet, column)
    return [None] * len(sheet)


def _targets(
    sheet: Sheet, rest: Sequence[str], share: Callable[[Sheet, str], float] | None
) -> tuple[str, ...]:  # fmt: skip
    called = [column for column in rest if _plain_name(column) in CLASS_NAMES]
    if share is not None:
        known = {column: share(sheet, column) for column in rest}
        called = [column for column in called if known[column]] or [c for c in rest if known[c] == 1]
    elif len(rest) == 1:
        return (rest[0],)
    elif not called and all(is_zero_or_one(sheet, column) for column in rest):
        return tuple(rest)
    if len(called) == 1:
        return (called[0],)
    raise InputError(
        f"which column of {sheet.name} says what the pictures show?", expected=f"target=COLUMN, of {some(rest, 12)}",
        received=f"{some(called)}, which all may" if called else None,
        hint=f"try target={_likely(sheet, called or rest)}",
    )  # fmt: skip


def _likely(sheet: Sheet, columns: Sequence[str]) -> str:
    """The first column whose values repeat, as classes do."""
    counts = {column: len(set(sheet[column].drop_null().to_pylist())) for column in columns if _is_flat(sheet, column)}
    return next((column for column, count in counts.items() if 1 < count <= len(sheet) / 2), columns[0])


def _is_flat(sheet: Sheet, column: str) -> bool:
    return not pa.types.is_nested(sheet[column].type)


def _plain_name(column: str) -> str:
    return _BETWEEN.sub("", column.lower())


def is_zero_or_one(sheet: Sheet, column: str) -> bool:
    """Whether a column holds only 0 and 1, or true and false, and missing values."""
    kind = sheet[column].type
    if pa.types.is_boolean(kind):
        return True
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return False
    said = {value for value in texts(sheet, column) if value is not None and not says_missing(value)}
    return bool(said) and {plain(value.lower()) for value in said} <= {"0", "1", "true", "false"}
