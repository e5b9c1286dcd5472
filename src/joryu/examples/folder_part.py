"""One split of a folder of pictures: its files before they are decoded, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from joryu.examples.class_folders import ALONE, Level
from joryu.examples.examples import UNLABELLED, Rejected
from joryu.examples.file_list import FileList
from joryu.examples.tree import Folder, printable
from joryu.questions import LabelKind, Question, codec

_BESIDE = "beside the class folders, not in one"
_OUTSIDE = "beside the folder of the pictures, not in it"


@dataclass(frozen=True, slots=True)
class Part:
    """The files of a split, what is asked about them, and the labels that they have, as the question keeps them.

    ``question`` is ``None`` where nothing says what the pictures show, ``labels`` where none of these has one.
    ``classes`` are the names of the folders that would hold one class each, ``targets`` the columns of the table that
    says what is asked, and ``divider`` stands between tags in its cells. ``remarks`` are about the folders, ``said``
    about what labels the pictures, and ``tables`` were read.
    """

    folder: Folder
    top: Folder
    files: FileList
    rejected: tuple[Rejected, ...] = ()
    remarks: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    labels: Tensor | None = None
    question: Question | None = None
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    divider: str = ""
    tables: tuple[Path, ...] = ()
    by_name: bool = False

    def name(self, path: Path) -> str:
        """What one of the files is called."""
        return _name(path, self.top.path)

    @property
    def is_labelled(self) -> bool:
        """Whether one of the files has a label."""
        kind = None if self.question is None else self.question.labels
        return self.labels is not None and kind is not None and bool(codec(kind).known(self.labels).any())

    @property
    def pictures(self) -> list[int]:
        """Which of the files are called like pictures; all of them where none is."""
        return self.files.called_pictures or [*range(len(self.files))]

    def labelled(self, labels: Tensor, question: Question, said: Sequence[str]) -> Part:
        """The same with labels for its `pictures`."""
        every = codec(question.labels or LabelKind.CLASS).unknown((len(self.files),), len(question))
        every[torch.tensor(self.pictures)] = labels.to(every.dtype)
        named = question.names if question.labels is LabelKind.CLASS else ()
        remarks = tuple(remark for remark in self.remarks if not remark.endswith(ALONE))
        return replace(
            self, labels=every, question=question, classes=tuple(named), remarks=remarks, said=(*self.said, *said)
        )

    def without(self, reasons: Mapping[int, str], tables: Sequence[Path]) -> Part:
        """The same without files that are left out for a reason, and without a word of tables that were read."""
        read = {self.name(table) for table in tables if table.is_relative_to(self.top.path)}
        kept = [at for at, name in enumerate(self.files.names) if at not in reasons and name not in read]
        left_out = [Rejected(self.files.names[at], reason) for at, reason in reasons.items()]
        return replace(
            self,
            files=self.files.pick(kept),
            labels=None if self.labels is None else self.labels[kept],
            rejected=(*(one for one in self.rejected if one.name not in read), *left_out),
            tables=(*self.tables, *tables),
        )


def whole(folder: Folder) -> Level:
    """A split whose folders are no classes."""
    return Level(folder, folder, {}, [], [], [])


def part_of(level: Level, classes: Sequence[str], real_root: Path) -> Part:
    """The files of a split, labelled where they lie in the folder of a class."""
    files, rejected = _files(level, classes, real_root)
    labels = torch.tensor([label for _, label in files])
    names, listed = tuple(map(printable, classes)), FileList(level.top.path, (text for text, _ in files))
    return Part(
        level.split, level.top, listed, tuple(rejected), tuple(level.remarks),
        labels=labels if (labels != UNLABELLED).any() else None,
        question=Question.one_of(names) if names else None, classes=tuple(classes),
    )  # fmt: skip


def _files(level: Level, classes: Sequence[str], real_root: Path) -> tuple[list[tuple[str, int]], list[Rejected]]:
    """Files to read, each with the number of its class (or `UNLABELLED`), and what was passed over."""
    top = level.top
    if not level.classes and (top.has_loose_picture or not level.unlabelled):
        files, rejected = walk(top, top.path, real_root, UNLABELLED)
        return files, rejected
    index = {name: label for label, name in enumerate(classes)}
    folders = [(folder, index[name]) for name, folder in level.classes.items()]
    folders += [(folder, UNLABELLED) for folder in level.unlabelled]
    found, left_out = list[tuple[str, int]](), [*level.rejected]
    for folder, label in sorted(folders, key=lambda one: one[0].name):
        files, rejected = walk(folder, top.path, real_root, label)
        found += files
        left_out += rejected
    beside = top.aside(real_root)
    passed_over = _BESIDE if level.classes else _OUTSIDE
    left_out += [Rejected(_name(path, top.path), reason or passed_over) for path, reason in beside]
    return found, left_out


def walk(folder: Folder, top: Path, real_root: Path, label: int) -> tuple[list[tuple[str, int]], list[Rejected]]:
    """Every file below a folder, by name, and what is passed over: hidden, clutter, special, or a link out of it."""
    found, rejected = list[tuple[str, int]](), list[Rejected]()
    for text, reason in folder.texts(real_root):
        if reason is None:
            found.append((text, label))
        else:
            rejected.append(Rejected(_name(Path(text), top), reason))
    return found, rejected


def _name(path: Path, top: Path) -> str:
    return printable(path.relative_to(top).as_posix())
