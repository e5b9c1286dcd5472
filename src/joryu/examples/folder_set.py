"""The splits of a folder of pictures, and who says what its pictures show: folders, a table, or the files' names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from joryu.errors import InputError
from joryu.examples.beside import (
    NAMES,
    NONE,
    FolderLabelOptions,
    Scope,
    TrainQuestion,
    classes_in_names,
    find_said,
    may_begin_with_classes,
    named_classes,
    numbers_of,
    require_no_boxes,
)
from joryu.examples.class_folders import Level, SplitFolders, class_level, find_set, lies_in_parts, spelling
from joryu.examples.collected import is_collection, require_not_inside
from joryu.examples.folder_part import Part, part_of, whole
from joryu.examples.layouts import find_split, in_order, require_unsplit, some
from joryu.examples.tree import Folder, link_root, printable
from joryu.questions import Question


class FolderSet:
    """A folder of pictures; its splits are looked into when they are asked about, and train only once."""

    def __init__(self, root: Path, options: FolderLabelOptions | None = None) -> None:
        require_not_inside(root)
        self.root = root
        self.options = options or FolderLabelOptions()
        if self.options.say_nothing and is_collection(root):  # its folders only keep each of them small
            self.options = self.options._replace(labels=NONE)
        self.found: SplitFolders = find_set(root)
        self._real_root = link_root(root)

    @cached_property
    def train(self) -> Part | None:
        """The split that says what is asked, if there is a train."""
        folder = self.found.splits.get("train") if self.found.splits else self.found.top
        return None if folder is None else self._reference(folder)

    @property
    def first(self) -> Part:
        """Train, else the split that comes first."""
        return self.train or self._reference(self.found.first)

    def part(self, split: str) -> Part:
        """A split with the labels that it has.

        Raises:
            InputError: there is no such split, or what `class_level` and `find_said` refuse.
        """
        if not self.found.splits:
            require_unsplit(self.root, split)
        folder = find_split(self.root, split, self.found.splits) if self.found.splits else self.found.top
        if self.train is None:
            return self._reference(folder)
        return self.train if folder is self.train.folder else self._other(folder, self.train)

    def is_labelled(self, split: str) -> bool:
        """Whether a split has labels; where class folders say so, none of its files is looked at."""
        reference = self.found.splits.get("train", self.found.top)
        folder = find_split(self.root, split, self.found.splits) if self.found.splits else self.found.top
        if self.found.splits and "train" not in self.found.splits:
            return self.has_classes(folder) or self.part(split).is_labelled
        if self.has_classes(reference):
            known = {spelling(name): name for name in class_level(reference).classes}
            if folder is reference or class_level(folder, known).classes:
                return True
        return self.part(split).is_labelled

    def has_classes(self, folder: Folder) -> bool:
        """Whether the folders of a split say what its pictures show, and nothing else was named to say it."""
        plain = self.options.say_nothing and not lies_in_parts(folder)
        return plain and bool(class_level(folder).classes)

    def others(self) -> Iterator[Part]:
        """The splits beside train, where that asks anything."""
        if self.train is None or self.train.question is None:
            return
        for folder in (self.found.splits[name] for name in in_order(self.found.splits)):
            if folder is not self.train.folder:
                yield self._other(folder, self.train)

    def _reference(self, folder: Folder) -> Part:
        """A split read as the one that says what is asked."""
        if self.options.labels == NONE:
            return self._part(whole(folder))
        if self.options.labels == NAMES:
            return _by_name(self._part(whole(folder)))
        if self.options.says_table and (found := self._by_table(self._part(whole(folder)))) is not None:
            return found
        if lies_in_parts(folder) and (found := self._by_table(self._part(whole(folder)))) is not None:
            return found
        level = class_level(folder)
        part = self._part(level, tuple(sorted(level.classes)))
        if level.classes:  # a table that was named is then another split's
            return replace(part, remarks=(*part.remarks, *_deeper(level)))
        if self.options.says_table:
            self._refuse_no_table(folder)
        try:
            return self._by_table(part) or self._perhaps_by_name(part)
        except InputError as error:
            raise InputError(
                error.what, expected=error.expected, received=error.received,
                hint="; ".join(filter(None, [error.hint, f"for the pictures alone {self._try('labels=none')}"])),
            ) from error  # fmt: skip

    def _other(self, folder: Folder, train: Part) -> Part:
        """A split that is asked what train is."""
        if self.options.labels == NONE or train.question is None:
            known: dict[str, str] = {}
            level = whole(folder) if self.options.labels == NONE else class_level(folder, known)
            return self._part(level)
        asked = replace(self._part(whole(folder)), question=train.question)
        if self.options.says_table and (found := self._by_table(asked, train)) is not None:
            return found
        level = class_level(folder, {spelling(name): name for name in train.classes})
        part = self._part(level, train.classes)
        if level.classes:
            return part
        part = replace(part, question=train.question, labels=None)
        if train.by_name:
            return _by_name(part, train)
        try:
            return self._by_table(part, train) or _unlabelled(part)
        except InputError as error:
            if self.options.says_table:
                raise
            return _unlabelled(part, f": {error}")

    def _part(self, level: Level, classes: tuple[str, ...] = ()) -> Part:
        return part_of(level, classes, self._real_root)

    def _perhaps_by_name(self, part: Part) -> Part:
        pictures = [part.files[at] for at in part.pictures]
        require_no_boxes(self.root, self._places(part), pictures)
        if classes_in_names(pictures):
            return _by_name(part)
        if may_begin_with_classes(pictures):
            hint = f"if names such as {printable(pictures[0].name)} begin with a class, {self._try('labels=names')}"
            return replace(part, said=(hint,))
        return part

    def _by_table(self, part: Part, train: Part | None = None) -> Part | None:
        """The part with the labels of the one table that names its pictures, ``None`` where there is none."""
        pictures = [part.files[at] for at in part.pictures]
        scope = Scope(
            self.root, part.folder.path, self._places(part), self._split_of(part), pictures, lambda: self._everything
        )
        told = None
        if train is not None and train.question is not None:
            told = TrainQuestion(train.question, train.targets, train.divider)
        found = find_said(scope, self.options, told)
        if found is None:
            return None
        labelled = part.labelled(found.said.labels, found.said.question, found.said.remarks)
        rows = part.pictures
        reasons = {rows[at]: f"its class {name!r} is none that train has" for at, name in found.said.absent.items()}
        if reasons:
            left = "picture is" if len(reasons) == 1 else "pictures are"
            remark = f"{len(reasons):,} {left} left out: train does not have their class"
            labelled = replace(labelled, said=(*labelled.said, remark))
        labelled = replace(labelled, targets=found.targets, divider=found.said.divider)
        return labelled.without(reasons, [found.table])

    def _refuse_no_table(self, folder: Folder) -> None:
        raise InputError(
            f"no table of labels names the pictures in {folder.path}",
            expected="a .csv, .tsv, .txt or .jsonl beside them",
            received=some(self.options.tables) or None,
        )  # fmt: skip

    def _places(self, part: Part) -> list[Path]:
        """Where the tables of a split may lie: in its folder and in those around it, up to the set's."""
        inner = part.top.path
        around = [folder for folder in inner.parents if folder.is_relative_to(self.root)]
        return [*reversed(around), inner]

    def _split_of(self, part: Part) -> str | None:
        return next((name for name, folder in self.found.splits.items() if folder is part.folder), None)

    @cached_property
    def _everything(self) -> list[Path]:
        """The pictures of all splits."""
        parts = (self._part(whole(folder)) for folder in self.found.splits.values())
        return [part.files[at] for part in parts for at in part.pictures]

    def _try(self, option: str) -> str:
        return f"try folder:{self.root},{option}"


def _by_name(part: Part, train: Part | None = None) -> Part:
    """A part whose files are called by their class, those of train where it is another split."""
    pictures = [part.files[at] for at in part.pictures]
    names = named_classes(pictures, strict=train is None)
    question = train.question if train is not None else None
    question = question or Question.one_of(sorted({name for name in names if name is not None}))
    numbers = numbers_of(names, question.names)
    if all(number < 0 for number in numbers):
        return _unlabelled(part)
    example = f"{printable(pictures[0].name)} is {names[0]}"
    said = f"classes from the names of the files: {example}; for the pictures alone ,labels=none"
    return replace(part.labelled(torch.tensor(numbers), question, [said]), by_name=True)


def _unlabelled(part: Part, why: str = "") -> Part:
    return replace(part, said=(*part.said, f"{printable(part.folder.name)} has no labels{why}"))


def _deeper(level: Level) -> Iterator[str]:
    """A remark where every class folder holds folders alone, which may have been meant as the classes."""
    deep = [folder for folder in level.classes.values() if len(folder.full) > 1 and not folder.has_loose_picture]
    if deep and len(deep) == len(level.classes):
        yield f"the folders inside {some((printable(one.name) for one in deep), most=3)} are read as one class each"
