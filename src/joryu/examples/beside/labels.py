"""The labels of pictures from a table: classes, tags or numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.beside.cell_lists import CLASS, Cells, as_one_column, cells_of, require_one_meaning, with_lists
from joryu.examples.beside.columns import CLASS_NAMES, LabelColumns
from joryu.examples.class_folders import spelling
from joryu.examples.layouts import some
from joryu.examples.tabular.cells import is_number, plain, says_missing, texts
from joryu.examples.tabular.files import Sheet
from joryu.examples.tabular.target import TargetKind, ask, read_labels
from joryu.questions import UNKNOWN, LabelKind, Question, codec

_FEW: Final = 20  #: up to this many different whole numbers `ask` takes as classes


class PictureLabels(NamedTuple):
    """The label of each picture, encoded for the question; ``absent``: pictures of classes that train does not have.

    ``divider`` stands between tags in the cells.
    """

    labels: Tensor
    question: Question
    absent: dict[int, str]
    remarks: list[str]
    divider: str


def read_said(
    sheet: Sheet, columns: LabelColumns, pictures: Sequence[int], *, kind: TargetKind | None = None,
    question: Question | None = None, divider: str = "",
) -> PictureLabels:  # fmt: skip
    """Read the labels of ``pictures``, which are numbers as in ``columns.picture_of``.

    ``question`` is that of train, and ``divider`` that of its cells; without it the question is found from the rows of
    these pictures. A picture without a row has no label. Rows without a picture, and pictures without a row, are
    counted in the remarks.

    Raises:
        InputError: two rows give one picture different labels, or `joryu.examples.tabular.target.ask` refuses them.
    """
    place = {picture: at for at, picture in enumerate(pictures)}
    rows = _one_row_each(sheet, columns, place)
    if not rows:
        raise InputError(f"{sheet.name} names none of these pictures")
    cells = Cells("")
    if question is None or question.labels is LabelKind.TAGS:
        cells = cells_of(sheet, columns.targets[0], () if question is None else question.names, divider)
    part, targets = _as_asked(sheet.take(list(rows.values())), columns.targets, kind, question, cells)
    remarks = [f"labels from {sheet.name}: {_columns(columns.targets)}, pictures by {columns.file!r}", *part.remarks]
    if question is None:
        question, said = _question(part, targets, kind)
        remarks += said
    absent: dict[int, str] = {}
    if question.labels is LabelKind.CLASS:
        found, absent = class_numbers(part, targets[0], question.names)
        if empty := int((found == UNKNOWN).sum()) - len(absent):
            remarks.append(f"{empty:,} of {len(part):,} rows of {sheet.name} say no {targets[0]}: they have no label")
    else:
        found, told = read_labels(part, targets, question)
        remarks += told
    at = torch.tensor([place[picture] for picture in rows])
    labels = codec(question.labels or LabelKind.CLASS).unknown((len(pictures),), len(question))
    labels[at] = found.to(labels.dtype)
    remarks += _counts(sheet, columns, pictures)
    absent = {int(at[row]): name for row, name in absent.items()}
    return PictureLabels(labels, question, absent, remarks, cells.divider)


def _columns(targets: Sequence[str]) -> str:
    return f"column{'s' if len(targets) > 1 else ''} {some(map(repr, targets), most=4)}"


def _one_row_each(sheet: Sheet, columns: LabelColumns, place: dict[int, int]) -> dict[int, int]:
    """The row of each picture.

    Raises:
        InputError: two rows give the picture different labels.
    """
    values = [sheet[target] for target in columns.targets]
    rows: dict[int, int] = {}
    for at, picture in enumerate(columns.picture_of):
        if picture not in place:
            continue
        first = rows.setdefault(picture, at)
        if first == at:
            continue
        one, other = ([value[row].as_py() for value in values] for row in (first, at))
        if one != other:
            raise InputError(
                f"{sheet.row(first)} and {sheet.row(at)} say two things of one picture", expected="one row for each",
                received=f"{some(one, most=3)} and {some(other, most=3)} for {sheet[columns.file][at].as_py()}",
                hint="mend it; several tags stand in one row, as red;round",
            )  # fmt: skip
    return rows


def _as_asked(
    part: Sheet, targets: tuple[str, ...], kind: TargetKind | None, question: Question | None, cells: Cells
) -> tuple[Sheet, tuple[str, ...]]:
    """The rows with their target columns in the form that `ask` takes."""
    if question is not None:
        asked = {
            LabelKind.CLASS: TargetKind.ONE_OF,
            LabelKind.TAGS: TargetKind.TAGS,
            LabelKind.NUMBERS: TargetKind.NUMBERS,
        }
        kind = asked.get(question.labels or LabelKind.CLASS)
    if len(targets) > 1:
        if kind is TargetKind.ONE_OF:
            return as_one_column(part, targets), (CLASS,)
        if kind is None:
            require_one_meaning(part, targets)
        return part, targets
    return with_lists(part, targets[0], kind, cells), targets


def _question(part: Sheet, targets: tuple[str, ...], kind: TargetKind | None) -> tuple[Question, list[str]]:
    if kind is not None or len(targets) > 1:
        return ask(part, targets, kind)
    values = [value for value in texts(part, targets[0]) if value] if _is_plain(part, targets[0]) else []
    numbers = {plain(value) for value in values if not says_missing(value)}
    whole = bool(numbers) and all(is_number(value) and float(value).is_integer() for value in numbers)
    if not whole or len(numbers) <= min(_FEW, len(values) // 3):
        return ask(part, targets, None)
    if 2 * len(numbers) <= len(values) and (_is_count(numbers) or _called_class(targets[0])):
        said = f"{targets[0]!r}: {len(numbers):,} different whole numbers are taken as classes; kind=numbers to predict"
        return ask(part, targets, TargetKind.ONE_OF)[0], [f"{said} numbers"]
    raise InputError(
        f"the whole numbers in column {targets[0]!r} of {part.name} may be classes or numbers to predict",
        expected="kind=one-of or kind=numbers", received=f"{len(numbers):,} different ones in {len(values):,} rows",
        hint=f"try kind={TargetKind.ONE_OF if _called_class(targets[0]) else TargetKind.NUMBERS}",
    )  # fmt: skip


def _is_plain(part: Sheet, target: str) -> bool:
    return not str(part[target].type).startswith(("list", "large_list", "struct"))


def _is_count(numbers: set[str]) -> bool:
    found = sorted(int(float(number)) for number in numbers)
    return found[0] in (0, 1) and found == list(range(found[0], found[0] + len(found)))


def _called_class(target: str) -> bool:
    return "".join(letter for letter in target.lower() if letter.isalnum()) in CLASS_NAMES


def class_numbers(part: Sheet, target: str, classes: Sequence[str]) -> tuple[Tensor, dict[int, str]]:
    """The number of each row's class, and by row the names of classes that are not among ``classes``."""
    place = places_of(classes)
    labels, absent = [UNKNOWN] * len(part), dict[int, str]()
    for at, value in enumerate(texts(part, target)):
        if value is None or (says_missing(value) and value not in place):
            continue
        number = place_of(value, place)
        if number is None:
            absent[at] = value
        else:
            labels[at] = number
    return torch.tensor(labels), absent


def places_of(classes: Sequence[str]) -> dict[str, int]:
    """The number of each class by all its spellings: exact, in any case, and by value if all are numbers."""
    place = {name: at for at, name in enumerate(classes)}
    if all(name.isdecimal() for name in classes):
        place = {str(int(name)): at for name, at in place.items()} | place
    return {spelling(name): at for name, at in place.items()} | place


def place_of(value: str, place: dict[str, int]) -> int | None:
    """The number of a class in any of its spellings; ``None`` if there is none."""
    ways = (value, plain(value), spelling(value), str(int(value)) if value.isdecimal() else value)
    return next((place[way] for way in ways if way in place), None)


def _counts(sheet: Sheet, columns: LabelColumns, pictures: Sequence[int]) -> Iterator[str]:
    named = set(columns.picture_of)
    if lost := columns.picture_of.count(-1):
        yield f"{lost:,} of {len(sheet):,} rows of {sheet.name} name no picture of the set"
    if lacking := sum(picture not in named for picture in pictures):
        yield f"{lacking:,} of {len(pictures):,} pictures have no row in {sheet.name}: they have no label"
