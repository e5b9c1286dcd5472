"""Find the table beside pictures that holds the labels of a split."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside.columns import FolderLabelOptions, find_columns, names_pictures
from joryu.examples.beside.labels import PictureLabels, place_of, places_of, read_said
from joryu.examples.beside.matching import PictureNames
from joryu.examples.beside.sheets import BESIDE, LINES, TEXT, read_beside, rows_of
from joryu.examples.layouts import canonical_split, some
from joryu.examples.tabular.cells import says_missing, texts
from joryu.examples.tabular.files import Sheet
from joryu.questions import LabelKind, Question

_FORM: Final = re.compile("submission", re.IGNORECASE)  #: a contest's form to fill in, with made-up labels
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MOST_SPLITS: Final = 10  #: the most different values of a column that may hold names of splits
_ROWS: Final = 50  #: lines of a text file that are read to recognise it


class Scope(NamedTuple):
    """The pictures of a split, and where its tables may be; ``split`` is ``None`` for a set without splits.

    ``folder`` is the split's: a table in it belongs to the split. ``places`` are all folders to search.
    ``everything`` gives the pictures of all splits, because a table outside a split's folder may name any of them.
    """

    root: Path
    folder: Path
    places: Sequence[Path]
    split: str | None
    pictures: Sequence[Path]
    everything: Callable[[], Sequence[Path]]


class TrainQuestion(NamedTuple):
    """The question of the train split, the table columns it comes from (none if from folders or file names), and what
    stands between tags in their cells."""

    question: Question
    targets: tuple[str, ...] = ()
    divider: str = ""


class FoundTable(NamedTuple):
    """A table with the labels that it gives to the pictures of a split, and the columns they come from."""

    table: Path
    said: PictureLabels
    targets: tuple[str, ...]


class _Candidate(NamedTuple):
    """A table that was read, all pictures that it may name, and the numbers of those in the split."""

    path: Path
    sheet: Sheet
    names: PictureNames
    numbers: list[int]


def find_said(scope: Scope, options: FolderLabelOptions, told: TrainQuestion | None = None) -> FoundTable | None:
    """The labels from the one table that names the pictures of a split; ``None`` if no table names any.

    ``told`` is the question of train, if this is another split.

    Raises:
        InputError: several tables name the pictures, or the table cannot be read, or its columns are ambiguous.
    """
    names = PictureNames(scope.root, scope.pictures)
    tables = _named(scope, options) if options.tables else list(_tables(scope, names))
    tables = [path for path in tables if path.name != Path(options.group).name]
    candidates = [_candidate(scope, path, names) for path in tables]
    naming = [one for one in candidates if names_pictures(one.sheet, one.names)]
    if naming and not (naming := [one for one in naming if _names_any(one)]):
        return None  # the pictures of other splits
    if told is not None and told.targets and len(naming) > 1:
        naming = [one for one in naming if set(told.targets) <= set(one.sheet.columns)] or naming
    if len(naming) > 1:
        others = [one.path.name for one in naming]
        raise InputError(
            "several tables name the pictures", expected="one", received=some(others),
            hint=f"say which: ,labels={others[0]}",
        )  # fmt: skip
    if not naming and not candidates:
        return None
    chosen = naming[0] if naming else candidates[0]
    if scope.split is None:
        _require_one_split(chosen.sheet)
    return _read(chosen, options, told)


def _require_one_split(sheet: Sheet) -> None:
    """Refuse a table with a column of splits: without it, test pictures would be trained on.

    Raises:
        InputError: a column says which split each picture belongs to.
    """
    for column in sheet.columns:
        if str(sheet[column].type) == "string":
            said = {value for value in sheet[column].to_pylist() if value}
            splits = {canonical_split(value) for value in said} if len(said) < _MOST_SPLITS else {None}
            if len(splits) > 1 and None not in splits:
                raise InputError(
                    f"column {column!r} of {sheet.name} says which split each picture is of, which is not read",
                    expected="the pictures of each split in a folder of its name", received=some(sorted(said)),
                    hint="put them into train/ and test/, the table beside these",
                )  # fmt: skip


def _tables(scope: Scope, names: PictureNames) -> Iterator[Path]:
    """The tables in the searched folders that name the pictures, whatever folders their paths give."""
    folders = sorted({*scope.places, *(path.parent for path in scope.pictures)})
    for path in (path for folder in folders for path in sorted(folder.iterdir())):
        usual = _is_table(path) and not _FORM.search(path.stem)
        if usual and split_said(path.stem) in (None, scope.split or split_said(path.stem)) and _mentions(path, names):
            yield path


def split_said(stem: str) -> str | None:
    """The split in a table's name: ``train`` for ``trainLabels``, ``validation`` for ``val_annotations``.

    >>> split_said("trainLabels"), split_said("val_annotations"), split_said("labels"), split_said("train_test_split")
    ('train', 'validation', None, None)
    """
    found = {split for word in _WORD.findall(stem) if (split := canonical_split(word))}
    return found.pop() if len(found) == 1 else None


def _named(scope: Scope, options: FolderLabelOptions) -> list[Path]:
    """The tables that the options name, without those of other splits."""
    paths = []
    for name in options.tables:
        path = next((place / name for place in (scope.root, *scope.places) if (place / name).is_file()), None)
        if path is None:
            there = [one.name for place in scope.places for one in place.iterdir() if _is_table(one)]
            raise InputError(
                f"{scope.root} has no table {name!r}", expected=some(sorted(set(there))) or "none is there",
                hint=did_you_mean(name, there),
            )  # fmt: skip
        if scope.split is None or split_said(path.stem) in (None, scope.split):
            paths.append(path)
    return paths


def _candidate(scope: Scope, path: Path, names: PictureNames) -> _Candidate:
    own = scope.split in (None, split_said(path.stem)) or path.is_relative_to(scope.folder)
    pictures = scope.pictures if own else scope.everything()
    names = names if own else PictureNames(scope.root, pictures)
    at = {picture: number for number, picture in enumerate(pictures)}
    return _Candidate(path, read_beside(path, names.mentions), names, [at[picture] for picture in scope.pictures])


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in BESIDE and path.is_file()


def _names_any(candidate: _Candidate) -> bool:
    """Whether a table names at least one picture of this split."""
    numbers = set(candidate.numbers)
    values = (value for column in candidate.sheet.columns for value in candidate.sheet[column].to_pylist())
    return any(numbers & set(candidate.names.find(str(value))) for value in values if isinstance(value, str | int))


def _read(candidate: _Candidate, options: FolderLabelOptions, told: TrainQuestion | None) -> FoundTable:
    sheet = candidate.sheet
    if told is not None and told.targets and set(told.targets) <= set(sheet.columns):
        options = options._replace(target=";".join(told.targets))
    share = None
    if told is not None and not options.target and told.question.labels is LabelKind.CLASS:
        place = places_of(told.question.names)

        def share(sheet: Sheet, column: str) -> float:
            return _share(sheet, column, place)

    columns = find_columns(sheet, candidate.names, options, share)
    question, divider = (None, "") if told is None else (told.question, told.divider)
    said = read_said(sheet, columns, candidate.numbers, kind=options.kind, question=question, divider=divider)
    return FoundTable(candidate.path, said, columns.targets)


def _share(sheet: Sheet, column: str, place: dict[str, int]) -> float:
    """The share of a column's values that are known classes."""
    if str(sheet[column].type) not in ("string", "int64"):
        return 0.0
    said = [value for value in texts(sheet, column) if value is not None and not says_missing(value)]
    return sum(place_of(value, place) is not None for value in said) / len(said) if said else 0.0


def _mentions(table: Path, names: PictureNames) -> bool:
    """Whether one column names pictures, and there is another that may hold labels."""
    suffix = table.suffix.lower()
    try:
        if suffix == LINES:
            return any(len(row) > 1 and any(map(names.mentions, row)) for row in _json_rows(table))
        rows = rows_of(table, _ROWS if suffix == TEXT else None, lenient=True)
        naming = (len(row) > 1 and any(map(names.mentions, row)) for row in rows)
        if suffix != TEXT:
            return any(naming)
        found = list(naming)
        return 2 * sum(found) > len(found)
    except InputError:  # no table
        return False


def _json_rows(table: Path) -> list[list[str]]:
    try:
        with table.open(encoding="utf-8") as file:
            lines = [json.loads(line) for line in islice(file, _ROWS) if line.startswith("{")]
    except (OSError, ValueError):
        return []
    return [[str(value) for value in line.values()] for line in lines]
