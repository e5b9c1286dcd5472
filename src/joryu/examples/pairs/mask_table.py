"""Masks in a table of run lengths, as in Kaggle's contests: one row for each picture, or several."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, Self, final

import numpy as np
from PIL import Image

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside.columns import CLASS_NAMES
from joryu.examples.layouts import some
from joryu.examples.options import one_of
from joryu.examples.pairs.coding import FOREGROUND, Coding, CodingOptions, Held
from joryu.examples.pairs.masks import Mask, Sides, fitted
from joryu.examples.pairs.places import FoundMasks, MaskPlaceError
from joryu.examples.pairs.runs import Runs, draw_runs, parse_runs
from joryu.examples.tabular.cells import texts
from joryu.examples.tabular.files import Sheet, read_sheet
from joryu.examples.tabular.target import TargetKind
from joryu.examples.tree import USUAL, printable
from joryu.questions import PICTURE, Question

RUN_NAMES: Final = re.compile(r"rle|encoded[\W_]*pixels|run[\W_]*lengths?", re.IGNORECASE)
_CLASS_INSIDE: Final = re.compile(r"image.*[\W_]class", re.IGNORECASE)  #: a column such as ``ImageId_ClassId``
OPTIONS: Final = ("runs", "order", "rows", "unlisted", "kind")
EMPTY: Final = "empty"  #: ``unlisted=empty``: a picture without a row has an empty mask
BACKGROUND: Final = "background"
_MOST_TAGS: Final = 31  #: bits of a value


class TableSettings(NamedTuple):
    """How a table of run lengths is read.

    ``runs``: the column that holds them; ``by_rows``: pixels are counted along the rows, not down the columns;
    ``parts``: several rows of a picture are parts of one mask; ``unlisted``: what a picture without a row means;
    ``tags``: whether classes may overlap.
    """

    runs: str = ""
    by_rows: bool = False
    parts: bool = False
    unlisted: str = ""
    tags: bool = False

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Self:
        """Read the options of a spec.

        Raises:
            InputError: an option has another value than those that it may have.
        """
        return cls(
            options.get("runs", ""),
            one_of(options, "order", ("columns", "rows")) == "rows",
            one_of(options, "rows", ("one", "parts")) == "parts",
            one_of(options, "unlisted", (EMPTY, "out")),
            options.get("kind") == TargetKind.TAGS,
        )


class _Columns(NamedTuple):
    """The columns of pictures, run lengths and classes; ``inside``: the class is the end of the picture's name."""

    picture: str
    runs: str
    label: str | None
    inside: bool


class _Part(NamedTuple):
    """The run lengths in one row: of the mask, or of one class."""

    row: str
    label: str | None
    runs: Runs


@final
@dataclass(frozen=True)
class RunMask:
    """The mask of one picture, as the run lengths in some rows of a table."""

    table: MaskTable
    picture: str
    parts: tuple[_Part, ...]

    @property
    def name(self) -> str:
        return f"{printable(self.picture)} in {self.table.sheet.name}"

    def read(self, picture: Sides | None, size: int | None) -> Mask:
        """See `joryu.examples.pairs.places.PictureMask.read`.

        Raises:
            MaskPlaceError: run lengths beyond the picture, or two rows that mark the same pixel.
        """
        if picture is None:
            raise InputError(f"the mask {self.name} has no size but its picture's")
        values, settings = np.zeros((picture.height, picture.width), dtype=np.int32), self.table.settings
        for part in self.parts:
            try:
                drawn = draw_runs(part.runs, *picture, by_rows=settings.by_rows)
            except InputError as error:
                raise _of_row(part.row, error) from error
            value = self.table.value_of(part)
            if ((values[drawn] & value) if settings.tags else values[drawn]).any():
                raise MaskPlaceError(
                    f"{part.row} marks pixels that another row of {printable(self.picture)} marks too",
                    expected="each pixel once",
                    hint=None if part.label is None else "if classes may overlap, try kind=tags",
                )
            values[drawn] |= value
        held = frozenset(np.unique(values).tolist())
        whole = Image.fromarray(values.astype(np.uint8) if max(held) < 256 else values)
        return Mask(fitted(whole, size), held, *picture)


@final
@dataclass(frozen=True)
class MaskTable:
    """A table of run lengths: a column names the pictures, one holds the runs, and one may name classes.

    The class may also stand behind the picture's name, as in a column ``ImageId_ClassId``. ``known`` are the classes
    of train, by which those of another split are numbered.
    """

    path: Path
    settings: TableSettings
    known: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return str(self.path)

    @cached_property
    def sheet(self) -> Sheet:
        """The table as it was read.

        Raises:
            InputError: it cannot be read.
        """
        return read_sheet(self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        return self._named_classes if self.known is None else self.known

    @property
    def takes_options(self) -> bool:
        return True

    def with_classes(self, classes: tuple[str, ...]) -> Self:
        """The same table, its classes numbered as those of train."""
        return replace(self, known=classes)

    def value_of(self, part: _Part) -> int:
        """The value by which a mask says what one row marks: 1, the number of its class, or the bit of its tag.

        Raises:
            MaskPlaceError: a class that train does not have.
        """
        if part.label is None:
            return 1
        if part.label not in self.classes:
            raise MaskPlaceError(
                f"{part.row} is of a class that train does not have", expected=some(self.classes),
                received=repr(part.label),
            )  # fmt: skip
        at = self.classes.index(part.label)
        return 1 << at if self.settings.tags else at + 1

    def are_for(self, pictures: Collection[str]) -> bool:
        """Whether a row names one of these pictures."""
        names = _Names(pictures)
        return any(names.of(picture) in names.known for picture, _, _ in self._rows)

    def find(self, pictures: Collection[str], root: Path) -> FoundMasks:
        """See `joryu.examples.pairs.places.MaskPlace.find`.

        Raises:
            InputError: run lengths that cannot be read, several rows of one picture that may not be parts of one mask,
                or pictures without a row (`TableSettings.unlisted` says what these mean).
        """
        del root
        names = _Names(pictures)
        parts: dict[str, list[_Part]] = {}
        for row, (picture, label, text) in enumerate(self._rows):
            name = names.of(picture)
            where = self.sheet.row(row)
            try:
                part = _Part(where, label, parse_runs(text))
            except InputError as error:
                raise _of_row(where, error) from error
            of_picture = parts.setdefault(name, [])
            if not self.settings.parts and (twin := next((one for one in of_picture if one.label == label), None)):
                raise InputError(
                    f"{twin.row} and {where} are both about {printable(picture)}"
                    f"{'' if label is None else f' and class {label}'}", expected="one row for each",
                    hint="if they are parts of one mask, as the ships of a picture, try rows=parts",
                )  # fmt: skip
            of_picture.append(part)
        if lacking := [name for name in pictures if name not in parts]:
            self._require_said(lacking, len(pictures))
            parts |= {name: [] for name in lacking if self.settings.unlisted == EMPTY}
        return FoundMasks({name: RunMask(self, name, tuple(found)) for name, found in parts.items()}, [])

    def coding(self, held: Callable[[], Held], options: CodingOptions) -> Coding:
        """The question: one tag, or, with classes, one of them and a background, or (``kind=tags``) each a tag.

        Raises:
            InputError: names that do not fit the classes, or options that mean nothing here.
        """
        del held
        if options.ignore:
            raise InputError("run lengths hold no value to ignore", received=f"ignore={options.ignore}")
        if options.kind is TargetKind.NUMBERS:
            raise InputError("masks hold no numbers to predict", expected="kind=one-of or kind=tags")
        columns, names = self._columns, tuple(options.names)
        told = (
            f"masks from {self.sheet.name}: column {columns.runs!r}, pictures by {columns.picture!r}; pixels are"
            f" counted {'along the rows' if self.settings.by_rows else 'down the columns'} from 1",
        )
        own = self.classes
        if not own:
            if options.kind not in (None, TargetKind.TAGS):
                raise InputError("these masks have no classes", expected="no kind=", received=f"kind={options.kind}")
            _require_names(names, 1, "one name")
            return Coding(Question.tags(names or (FOREGROUND,), grid=PICTURE), 1, told)
        if self.settings.tags:
            if len(own) > _MOST_TAGS:
                raise InputError("too many tags for each pixel", expected=f"at most {_MOST_TAGS}", received=len(own))
            _require_names(names, len(own), f"one name for each of {some(own)}")
            return Coding(Question.tags(names or own, grid=PICTURE), 0, told, bits=True)
        said = f"pixels that no row marks are {names[0] if names else BACKGROUND}; kind=tags if classes may overlap"
        _require_names(names, len(own) + 1, f"names of the background and of {some(own)}")
        return Coding(Question.one_of(names or (BACKGROUND, *own), grid=PICTURE), 0, (*told, said))

    def _require_said(self, lacking: list[str], total: int) -> None:
        if self.settings.unlisted:
            return
        raise InputError(
            f"{len(lacking):,} of {total:,} pictures have no row in {self.path}",
            expected="a row for each, with an empty cell if its mask is empty",
            received=some(map(printable, lacking), 3),
            hint="try unlisted=empty if their masks are empty, unlisted=out to leave them out",
        )

    @cached_property
    def _columns(self) -> _Columns:
        sheet = self.sheet
        runs = self.settings.runs or _only(sheet, [name for name in sheet.columns if RUN_NAMES.search(name)])
        if runs not in sheet.columns:
            raise InputError(
                f"{sheet.name} has no column {runs!r}", expected=some(sheet.columns),
                hint=did_you_mean(runs, sheet.columns),
            )  # fmt: skip
        rest = [name for name in sheet.columns if name != runs]
        if not rest:
            raise InputError(f"{sheet.name} holds run lengths and names no pictures", received=f"column {runs!r} alone")
        label = next((name for name in rest[1:] if re.sub(r"[\W_]", "", name.lower()) in CLASS_NAMES), None)
        return _Columns(rest[0], runs, label, label is None and bool(_CLASS_INSIDE.search(rest[0])))

    @cached_property
    def _rows(self) -> list[tuple[str, str | None, str | None]]:
        """The picture, the class and the run lengths of each row."""
        sheet, columns = self.sheet, self._columns
        pictures, runs = texts(sheet, columns.picture), texts(sheet, columns.runs)
        labels = [None] * len(sheet) if columns.label is None else texts(sheet, columns.label)
        found = list[tuple[str, str | None, str | None]]()
        for row, (picture, label, text) in enumerate(zip(pictures, labels, runs, strict=True)):
            if picture is None or (columns.label is not None and label is None):
                raise InputError(f"{sheet.row(row)} does not say which {'picture' if picture is None else 'class'}")
            if columns.inside:
                picture, _, label = picture.rpartition("_")  # noqa: PLW2901 - the two halves of one cell
                if not picture or not label:
                    raise InputError(f"{sheet.row(row)} names no picture and class", expected="PICTURE_CLASS",
                                     received=repr(pictures[row]))  # fmt: skip
            found.append((picture, label, text))
        return found

    @cached_property
    def _named_classes(self) -> tuple[str, ...]:
        labels = {label for _, label, _ in self._rows if label is not None}
        numeric = all(label.isdecimal() for label in labels)
        return tuple(sorted(labels, key=int) if numeric else sorted(labels))


def holds_runs(path: Path) -> bool:
    """Whether a table has a column that is called as one of run lengths; the form of a contest is none."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            header = file.readline(2**16)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(RUN_NAMES.search(header)) and "submission" not in path.stem.lower()


class _Names:
    """The names of pictures, found by what a table calls them: with or without folder and extension."""

    def __init__(self, names: Collection[str]) -> None:
        self.known = set(names)
        tails = [name.rpartition("/")[2] for name in names]
        count = Counter(tails)
        self._by_tail = {tail: name for tail, name in zip(tails, names, strict=True) if count[tail] == 1}

    def of(self, value: str) -> str:
        """The name that a value means; of no picture, the value itself."""
        suffix = Path(value).suffix
        plain = value[: -len(suffix)] if suffix.lower() in USUAL else value
        return plain if plain in self.known else self._by_tail.get(plain, plain)


def _only(sheet: Sheet, candidates: list[str]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    raise InputError(
        f"which column of {sheet.name} holds the run lengths?", expected="runs=COLUMN",
        received=some(candidates or sheet.columns), hint=f"try runs={(candidates or sheet.columns)[-1]}",
    )  # fmt: skip


def _require_names(names: tuple[str, ...], count: int, expected: str) -> None:
    if names and len(names) != count:
        raise InputError("names that do not fit the masks", expected=expected, received=some(names))


def _of_row(row: str, error: InputError) -> MaskPlaceError:
    return MaskPlaceError(f"{row} has {error.what}", expected=error.expected, received=error.received, hint=error.hint)
