"""A folder of class folders of pictures, perhaps under ``train/`` and ``test/``; or of pictures without labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from joryu.errors import InputError
from joryu.examples.class_folders import Found, Level, class_level, find_set, spelling
from joryu.examples.clutter import by_weight
from joryu.examples.examples import UNLABELLED, Examples, Rejected
from joryu.examples.layouts import find_split, in_order, require_unsplit, some
from joryu.examples.originals import Originals, PictureFiles
from joryu.examples.pictures import Picture, Progress, count_channels, read_pictures
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tables import find_table, require_no_table
from joryu.examples.tree import Folder, link_root, printable

_BESIDE = "beside the class folders, not in one"


class _Files(NamedTuple):
    """Files to read, each with the index of its class (or `UNLABELLED`), and what was passed over."""

    files: list[tuple[Path, int]]
    rejected: list[Rejected]


class _Plan(NamedTuple):
    """What a split holds before a picture is read; ``train`` is where its classes and its colour come from."""

    level: Level
    train: Level
    classes: tuple[str, ...]
    remarks: list[str]
    rejected: list[Rejected]


def load_folder(
    root: Path, split: str = "train", *, size: int | None = None, progress: Progress | None = None
) -> Examples:
    """Pictures of ``root/CLASS/**`` or ``root/SPLIT/CLASS/**``; classes and files in the order of their names.

    Every file is tried, whatever its extension. ``rejected`` names what was left out: files that are no usable
    pictures, hidden ones, clutter, special files, files beside the class folders, and links that are broken, lead out
    of the set or lead to a folder. If all lies in one folder inside, it is gone down into, and ``remarks`` says so.

    The classes are those of ``train`` if there is one. Pictures of a class that it does not have are left out of other
    splits. A folder called ``unlabelled``, and one that is alone in a split and no class of ``train``, holds pictures
    without label, and so does a set without class folders, or with one alone. All splits are grey or RGB as ``train``
    is: a single colour picture in ``test`` would make it another kind of set.

    Raises:
        InputError: no such split, folders that `find_set` or `class_level` refuse, or pictures that `read_pictures`
            does (none usable, sizes that differ).
    """
    plan, real_root = _plan(root, split), link_root(root)
    files, passed_over = _files(plan.level, plan.classes, real_root)
    top = plan.level.top.path
    if not files:
        found = some((f"{name}: {reason}" for name, reason in passed_over), most=3) or "nothing"
        raise InputError(f"no picture in {top}", expected="class folders of pictures, or pictures", received=found)
    if not plan.classes:
        require_no_table(root, [path for path, _ in files])
    pictures = (Picture(_name(path, top), path) for path, _ in files)
    channels = None if plan.train is plan.level else _channels(plan.train, plan.classes, real_root)
    read = read_pictures(pictures, len(files), size=size, channels=channels, progress=progress)
    kept = [files[row] for row in read.kept.tolist()]
    labels = torch.tensor([label for _, label in kept])
    examples = Examples.of(
        torch.from_numpy(read.pixels),
        labels if (labels != UNLABELLED).any() else None,
        classes=[printable(name) for name in plan.classes],
        name=printable(root.name),
        sources=[_name(path, top) for path, _ in kept],
    )
    rejected = by_weight([*plan.rejected, *passed_over, *read.rejected])
    return replace(
        examples,
        ids=read.ids,
        originals=Originals.on(PictureFiles([path for path, _ in files]), read.kept),
        rejected=tuple(rejected),
        remarks=tuple(plan.remarks),
        preparation=PicturePreparation.of(examples.inputs),
        sizes=read.sizes,
    )


def folder_splits(root: Path) -> set[str]:
    """What `load_folder` can be asked for."""
    return set(find_set(root).splits) or {"train"}


def labelled_folder_splits(root: Path) -> set[str]:
    """The splits that have pictures of a class."""
    found = find_set(root)
    if "train" not in found.splits:
        splits = found.splits or {"train": found.top}
        return {name for name, folder in splits.items() if class_level(folder).classes}
    known = _known(class_level(found.splits["train"]))
    return {name for name, folder in found.splits.items() if known and class_level(folder, known).classes}


def has_class_folders(root: Path) -> bool:
    """Whether a folder looks like class folders of pictures, perhaps under splits: two or more that hold one."""
    return len(class_level(find_set(root).first).classes) > 1


def _plan(root: Path, split: str) -> _Plan:
    found = find_set(root)
    if not found.splits:
        require_unsplit(root, split)
    folder = find_split(root, split, found.splits) if found.splits else found.top
    train = class_level(found.splits.get("train", folder))
    level = train if train.split is folder else class_level(folder, _known(train))
    about = _about_others(found, train) if level is train else _about(found, level, train)
    remarks = [*found.remarks, *train.remarks, *_deeper(train), *about]
    beside = found.rejected if not found.splits or level.split is found.first else []  # once, not with every split
    return _Plan(level, train, tuple(sorted(train.classes)), remarks, beside)


def _about(found: Found, level: Level, train: Level) -> Iterator[str]:
    """What is odd about a split that is not train."""
    yield from level.remarks
    if train.classes and not level.classes:
        name = printable(level.split.name)
        pictures = [path for path, reason in level.top.files(level.top.path) if reason is None]
        table = find_table([found.top.path, level.split.path], pictures)
        if table is None:
            yield f"{name} has no labels"
            return
        yield (
            f"{name} has no labels: {printable(table.name)} names its pictures and is not read; to have it judge, put"
            f" the pictures of each class into a folder of its name in {name}/"
        )


def _about_others(found: Found, train: Level) -> Iterator[str]:
    """What is odd about the other splits: said with train, before anything is taught that they cannot judge."""
    for name in in_order(found.splits) if found.splits.get("train") is train.split and train.classes else ():
        folder = found.splits[name]
        if folder is not train.split:
            yield from _about(found, class_level(folder, _known(train)), train)


def _deeper(level: Level) -> Iterator[str]:
    """A remark where every class folder holds folders alone, which may have been meant as the classes."""
    deep = [folder for folder in level.classes.values() if len(folder.full) > 1 and not folder.has_loose_picture]
    if deep and len(deep) == len(level.classes):
        yield f"the folders inside {some((printable(one.name) for one in deep), most=3)} are read as one class each"


def _known(level: Level) -> Mapping[str, str]:
    return {spelling(name): name for name in level.classes}


def _channels(train: Level, classes: tuple[str, ...], real_root: Path) -> int | None:
    files = _files(train, classes, real_root).files
    return count_channels(Picture(path.name, path) for path, _ in files) if files else None


def _files(level: Level, classes: tuple[str, ...], real_root: Path) -> _Files:
    top, found = level.top, _Files([], [*level.rejected])
    if not level.classes and (top.has_loose_picture or not level.unlabelled):
        return _walk(top, top.path, real_root, UNLABELLED)
    index = {name: label for label, name in enumerate(classes)}
    folders = [(folder, index[name]) for name, folder in level.classes.items()]
    folders += [(folder, UNLABELLED) for folder in level.unlabelled]
    for folder, label in sorted(folders, key=lambda one: one[0].name):
        part = _walk(folder, top.path, real_root, label)
        found.files.extend(part.files)
        found.rejected.extend(part.rejected)
    beside = top.aside(real_root)
    found.rejected.extend(Rejected(_name(path, top.path), reason or _BESIDE) for path, reason in beside)
    return found


def _walk(folder: Folder, top: Path, real_root: Path, label: int) -> _Files:
    found = _Files([], [])
    for path, reason in folder.files(real_root):
        if reason is None:
            found.files.append((path, label))
        else:
            found.rejected.append(Rejected(_name(path, top), reason))
    return found


def _name(path: Path, top: Path) -> str:
    return printable(path.relative_to(top).as_posix())
