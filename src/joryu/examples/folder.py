"""A folder of pictures: in class folders, perhaps under ``train/`` and ``test/``; with a table; or without labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from joryu.errors import InputError
from joryu.examples.beside import FolderLabelOptions
from joryu.examples.class_folders import class_level, find_set
from joryu.examples.clutter import by_weight
from joryu.examples.collected import OriginCounts, is_collection, licences_in_words, read_origins
from joryu.examples.examples import Examples, Rejected
from joryu.examples.folder_part import Part
from joryu.examples.folder_set import FolderSet
from joryu.examples.layouts import some
from joryu.examples.originals import Originals, PictureFiles
from joryu.examples.picture_examples import examples_of
from joryu.examples.pictures import Picture, Progress, count_channels, read_pictures
from joryu.examples.tree import Folder, printable


def load_folder(
    root: Path,
    split: str = "train",
    *,
    size: int | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Pictures of ``root/CLASS/**`` or ``root/SPLIT/CLASS/**``; classes and files in the order of their names.

    Every file is tried, whatever its extension. ``rejected`` names what was left out: files that are no usable
    pictures, hidden ones, clutter, special files, files beside the class folders, and links that are broken, lead out
    of the set or lead to a folder. If all lies in one folder inside, it is gone down into, and ``remarks`` says so.

    Where there are no class folders, the one table that names the pictures says what they show: one class, tags or
    numbers (`joryu.examples.beside.find_said`); else the names of the files, where these plainly begin with classes
    (``cat.0.jpg``). ``options`` are those of `FolderLabelOptions`: which table, which of its columns, or none.

    The question is that of ``train`` if there is one. Pictures of a class that it does not have are left out of other
    splits. A folder called ``unlabelled``, and one that is alone in a split and no class of ``train``, holds pictures
    without label, and so does a set without class folders, or with one alone. All splits are grey or RGB as ``train``
    is: a single colour picture in ``test`` would make it another kind of set.

    Raises:
        InputError: no such split, folders that `find_set` or `class_level` refuse, tables that `find_said` does, or
            pictures that `read_pictures` does (none usable, sizes that differ).
    """
    folder_set = FolderSet(root, FolderLabelOptions.of(options or {}))
    part = folder_set.part(split)
    train = folder_set.train or part
    if not part.files:
        found = some((f"{name}: {reason}" for name, reason in part.rejected), most=3) or "nothing"
        raise InputError(
            f"no picture in {part.top.path}", expected="class folders of pictures, or pictures", received=found
        )
    pictures = map(Picture, part.files.names, part.files.texts)
    channels = None if train is part else _channels(train)
    read = read_pictures(
        pictures, len(part.files), size=size, channels=channels, place=part.top.path, progress=progress
    )
    examples = examples_of(
        read,
        Originals.on(PictureFiles(part.files.texts), read.kept),
        labels=None if part.labels is None else part.labels[torch.from_numpy(read.kept)],
        question=part.question,
        name=printable(root.name),
        sources=[part.files.names[row] for row in read.kept.tolist()],
    )
    remarks, beside = _about(folder_set, part)
    if is_collection(root):
        examples = _with_origins(examples, root)
    return replace(
        examples,
        labels=examples.labels if bool(examples.known.any()) else None,
        rejected=tuple(by_weight([*beside, *part.rejected, *read.rejected])),
        remarks=(*remarks, *examples.remarks),
    )


def _with_origins(examples: Examples, root: Path) -> Examples:
    examples = replace(examples, origins=read_origins(root, examples.ids))
    counts = OriginCounts.of(examples)
    said = "" if counts is None else f"collected under these licences: {licences_in_words(counts.licences)}"
    return replace(examples, remarks=(*examples.remarks, said))


def folder_splits(root: Path) -> set[str]:
    """What `load_folder` can be asked for."""
    return set(find_set(root).splits) or {"train"}


def labelled_folder_splits(root: Path, options: Mapping[str, str] | None = None) -> set[str]:
    """The splits that have pictures with a label."""
    folder_set = FolderSet(root, FolderLabelOptions.of(options or {}))
    return {split for split in folder_set.found.splits or {"train"} if folder_set.is_labelled(split)}


def has_class_folders(root: Path) -> bool:
    """Whether a folder looks like class folders of pictures, perhaps under splits: two or more that hold one."""
    return len(class_level(find_set(root).first).classes) > 1


def has_labelled_pictures(root: Path) -> bool:
    """Whether a folder looks like pictures with labels: in class folders, a table beside them, or the files' names.

    Raises:
        InputError: they cannot be told; what lies beside the pictures is then named.
    """
    if not Folder(root).has_picture:
        return False
    found = FolderSet(root)
    return found.has_classes(found.found.first) or found.first.question is not None


def _channels(train: Part) -> int | None:
    return count_channels(Picture(path.name, path) for path in train.files) if train.files else None


def _about(folder_set: FolderSet, part: Part) -> tuple[list[str], list[Rejected]]:
    """What had to be guessed, and what lies beside the splits and is not read: said once, with the first of them."""
    found, train = folder_set.found, folder_set.train or part
    others = list(folder_set.others()) if part is train and folder_set.train is not None else []
    about = [remark for other in others for remark in _about_other(other)] if part is train else [*part.remarks]
    remarks = [*found.remarks, *train.remarks, *(part.said if part is train else ()), *about]
    if part is not train:
        remarks += part.said
    if found.splits and part.folder is not found.first:
        return remarks, []
    read = {table for one in (part, *others) for table in one.tables}
    names = {printable(table.name) for table in read if table.parent == found.top.path}
    return remarks, [one for one in found.rejected if one.name not in names]


def _about_other(other: Part) -> Iterator[str]:
    """What is odd about another split than train: said with train, before anything is taught that it cannot judge."""
    yield from other.remarks
    if not other.is_labelled:
        yield from other.said
