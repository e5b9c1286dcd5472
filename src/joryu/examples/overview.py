"""An overview of the set that a spec names: layout, splits, classes, sizes, left-out files and duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from joryu.errors import InputError
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import ALL
from joryu.examples.loading import load_examples, split_names
from joryu.examples.pictures import Progress, SizeNeededError, advised_size
from joryu.examples.repeats import Repeats, find_copies, find_repeats
from joryu.examples.specs import BUNDLED, find_place
from joryu.questions import LabelKind

LOOK: Final = 96
"""Pictures that differ in size are looked at, and compared, at this height and width."""

PICTURE_AXES: Final = 4  #: axes of a batch of pictures: n, channels, height, width


class Copy(NamedTuple):
    """A duplicate: the split and row of an example and of the earlier one, and whether all pixels are equal."""

    split: str
    row: int
    of_split: str
    of_row: int
    same_pixels: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The overview of a set.

    ``place`` is ``None`` if the set comes with a library. ``splits`` are all its splits, ``parts`` those that were
    loaded; ``unreadable`` says why the others could not be. Pictures of different sizes were resized to
    ``compared_at`` for viewing and comparison, and ``advised_size`` is a ``size`` with which they can be used.
    """

    spec: str
    layout: str
    place: Path | None
    splits: tuple[str, ...]
    parts: dict[str, Examples]
    unreadable: dict[str, str]
    compared_at: int | None
    advised_size: int | None
    copies: tuple[Copy, ...]

    @property
    def name(self) -> str:
        """The set's name."""
        return next(iter(self.parts.values())).name

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all splits, beginning with those of the first split."""
        return tuple(dict.fromkeys(name for part in self.parts.values() for name in part.classes))

    @property
    def unsplit(self) -> bool:
        """Whether the set has no splits (it is then loaded as ``train``)."""
        return self.splits == ("train",)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences about what was guessed while loading."""
        return tuple(dict.fromkeys(remark for part in self.parts.values() for remark in part.remarks))

    @property
    def total(self) -> int:
        """The number of examples in all splits."""
        return sum(map(len, self.parts.values()))

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """The number of pictures of each (width, height)."""
        return sum((sizes_of(part) for part in self.parts.values()), Counter[tuple[int, int]]())

    @property
    def rejected(self) -> dict[str, tuple[Rejected, ...]]:
        """The files that were left out, by split."""
        return {split: part.rejected for split, part in self.parts.items() if part.rejected}

    def source(self, split: str, row: int) -> str:
        """An example's name: its file, or its row number if it has none."""
        return source_of(self.parts[split], row)

    def label(self, split: str, row: int) -> str | None:
        """An example's class, tags or numbers as text; ``None`` if it has no label, or a mask."""
        return label_of(self.parts[split], row)

    def in_two_classes(self, copy: Copy) -> bool:
        """Whether an example and its copy have different labels."""
        labels = (self.label(copy.split, copy.row), self.label(copy.of_split, copy.of_row))
        return None not in labels and labels[0] != labels[1]


def look(
    spec: str, *, split: str = ALL, size: int | None = None, column: str | None = None, progress: Progress | None = None
) -> Overview:
    """Load one split, or all of them, and summarise what is there.

    ``size``, ``column`` and ``progress`` are as in `joryu.examples.load_examples`. Pictures of different sizes need no
    ``size`` here: they are resized to `LOOK` × `LOOK`, and their own sizes are reported. If some splits cannot be
    loaded, ``unreadable`` says why.

    >>> overview = look("digits")
    >>> overview.total, list(overview.parts), overview.sizes
    (1797, ['train', 'test'], Counter({(8, 8): 1797}))

    Raises:
        InputError: as `joryu.examples.load_examples`, if no split can be loaded.
    """
    place, splits = find_place(spec), split_names(spec)
    wanted = splits if split == ALL else (split,)

    def load(size: int | None) -> tuple[dict[str, Examples], dict[str, str]]:
        return _load(spec, wanted, size=size, column=column, progress=progress)

    compared_at, advised = None, size
    try:
        parts, unreadable = load(size)
    except SizeNeededError as error:
        if size is not None:
            raise
        advised = error.size  # the same size that train and label advise
        parts, unreadable = load(compared_at := LOOK)
    if len({part.inputs.shape[2:] for part in parts.values() if part.inputs.ndim == PICTURE_AXES}) > 1:
        parts, unreadable = load(compared_at := LOOK)
    if advised is None:
        sizes = sizes_of(next(iter(parts.values())))
        advised = advised_size(min(sides) for sides in sizes.elements()) if sizes else None
    several = len(sum((sizes_of(part) for part in parts.values()), Counter[tuple[int, int]]())) > 1
    return Overview(
        spec=spec,
        layout=place.layout,
        place=None if place.layout == BUNDLED else place.path,
        splits=splits,
        parts=parts,
        unreadable=unreadable,
        compared_at=compared_at,
        advised_size=advised if several else None,
        copies=tuple(_copies(parts)),
    )


def _load(
    spec: str, splits: Sequence[str], *, size: int | None, column: str | None, progress: Progress | None
) -> tuple[dict[str, Examples], dict[str, str]]:
    """The splits that can be loaded, and why the others cannot."""
    parts, unreadable = {}, {}
    for split in splits:
        try:
            parts[split] = load_examples(spec, split=split, size=size, column=column, progress=progress)
        except SizeNeededError:
            raise
        except InputError as error:
            if split == splits[-1] and not parts:
                raise
            unreadable[split] = str(error)
    return parts, unreadable


def counts_of(examples: Examples) -> Counter[str | None]:
    """The number of examples with each class, tag or number; under ``None`` those without a label."""
    counts = [0] * len(examples.classes)
    if examples.labels is not None:
        counts = examples.codec.occurrences(examples.labels, len(examples.classes)).tolist()
    found = Counter[str | None](dict(zip(examples.classes, counts, strict=True)))
    if unlabelled := int((~examples.known).sum()):
        found[None] = unlabelled
    return found


def sizes_of(examples: Examples) -> Counter[tuple[int, int]]:
    """The number of pictures of each (width, height) in their files."""
    if examples.inputs.ndim != PICTURE_AXES:
        return Counter()
    if examples.sizes is None:
        height, width = examples.inputs.shape[-2:]
        return Counter({(int(width), int(height)): len(examples)})
    sizes, counts = np.unique(examples.sizes, axis=0, return_counts=True)
    return Counter({(width, height): n for (width, height), n in zip(sizes.tolist(), counts.tolist(), strict=True)})


def source_of(examples: Examples, row: int) -> str:
    """An example's name: its file, or its row number if it has none."""
    return f"#{row}" if examples.sources is None else examples.sources[row]


def label_of(examples: Examples, row: int) -> str | None:
    """An example's label as text; ``None`` if it has none, or one for each pixel."""
    question = examples.question
    if question is None or question.grid or examples.labels is None or not bool(examples.known[row]):
        return None
    label = examples.labels[row]
    if question.labels is LabelKind.CLASS:
        return question.names[int(label)]
    if question.labels is LabelKind.NUMBERS:
        return ", ".join(f"{number:g}" for number in label.tolist())
    return ", ".join(name for name, part in zip(question.names, label.tolist(), strict=True) if part > 0) or "none"


def _copies(parts: dict[str, Examples]) -> list[Copy]:
    """Each duplicate with the first example that it repeats: in an earlier split, else in its own."""
    found: list[Copy] = []
    for number, (split, part) in enumerate(parts.items()):
        known: set[int] = set()
        for earlier in list(parts)[:number]:
            found += _fresh(find_repeats(part, parts[earlier]), split, earlier, known)
        found += _fresh(find_copies(part), split, split, known)
    return found


def _fresh(repeats: Repeats, split: str, of_split: str, known: set[int]) -> list[Copy]:
    same = zip(repeats.same.tolist(), repeats.same_as.tolist(), strict=True)
    alike = zip(repeats.alike.tolist(), repeats.alike_as.tolist(), strict=True)
    rows = [(row, of_row, True) for row, of_row in same] + [(row, of_row, False) for row, of_row in alike]
    fresh = [Copy(split, row, of_split, of_row, exact) for row, of_row, exact in sorted(rows) if row not in known]
    known.update(copy.row for copy in fresh)
    return fresh
