"""Parquet files as Hugging Face writes picture sets: a struct column ``{bytes, path}``, labels, names in the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from joryu.errors import InputError
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import find_split, require_unsplit
from joryu.examples.originals import Originals
from joryu.examples.parquet_columns import (
    ParquetColumns,
    ParquetShard,
    choose_columns,
    require_labels,
    require_pictures,
)
from joryu.examples.parquet_copy import copy_of
from joryu.examples.parquet_labels import RowLabels, any_label, read_labels
from joryu.examples.parquet_pictures import PictureColumn
from joryu.examples.parquet_shards import Shards, find_shards
from joryu.examples.picture_examples import examples_of
from joryu.examples.pictures import Pictures, Progress, count_channels, read_pictures, would_be_held
from joryu.examples.tabular.target import TargetKind, kind_said
from joryu.examples.typed_paths import expanded

OPTIONS: Final = ("root", "kind")
_FIRST: Final = 16  #: pictures that are opened to know how large they are


class _Set(NamedTuple):
    """The shards of a split, of train (where classes, columns and colour come from) or else its own, and of all.

    ``asked`` is train's column of labels, which another split may lack.
    """

    shards: list[ParquetShard]
    train: list[ParquetShard]
    splits: list[list[ParquetShard]]
    columns: ParquetColumns
    asked: str | None
    found: Shards
    remarks: list[str]

    def answers(self, kind: TargetKind | None) -> RowLabels | None:
        """The labels of the split; where it has no such column, what train asks, and no label."""
        if self.asked is None:
            return None
        return read_labels(self.shards if self.columns.label else [], self.train, self.splits, self.asked, kind)


def load_parquet(
    place: Path,
    split: str = "train",
    *,
    size: int | None = None,
    column: str | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Pictures of a Parquet file, or of the files of a folder that `find_shards` takes for the split.

    The columns are those that `choose_columns` takes (``column`` says which), the names of the classes come from the
    schema's ``huggingface`` metadata, else classes are named by number; text and lists of tags are labels too
    (`read_labels`). A label that is null or -1 is no label. ``options``: ``kind`` says that labels are numbers to
    predict. Where a column names files, or a cell has a path and no bytes, the picture is read from its file, inside
    the folder of the set or ``root``.

    One file is one set: it answers to the split that its name says, or to ``train`` if it says none. The splits of a
    folder have the classes of ``train`` and are grey or RGB as it is: labels are matched by the *names* that each file
    gives them, and rows of a class that ``train`` does not have are left out. Rows whose picture cannot be used are in
    ``rejected`` as ``FILE#ROW``.

    Raises:
        InputError: no such file or split, a shard that is missing, another schema, several columns that may be meant, a
            damaged file, or pictures that `read_pictures` refuses.
    """
    found = _open(place, split, column)
    folder = place if place.is_dir() else place.parent
    root, kind = _root(folder, options or {}), kind_said(options or {})
    names = [f"{shard.path.name}#{row}" for shard in found.shards for row in range(shard.rows)]
    channels = None
    if found.train is not found.shards and any(shard.rows for shard in found.train):
        column_of_train = PictureColumn(found.train, found.columns.picture, folder, root)
        channels = count_channels(column_of_train.pictures(repeat("")))
    if not names:
        raise InputError(f"{place} holds no usable example", expected="rows with pictures", received="no row at all")
    pictures = PictureColumn(found.shards, found.columns.picture, folder, root)
    answers, labelled = found.answers(kind), found.columns.label is not None
    read, originals = _read(pictures, names, place, _ReadOptions(size, channels, progress))
    name = place.stem if place.is_file() else place.name
    examples = examples_of(
        read,
        originals,
        labels=None if answers is None or not labelled else answers.labels[torch.from_numpy(read.kept)],
        question=None if answers is None else answers.question,
        name=name,
        sources=[names[row] for row in read.kept.tolist()],
    )
    beside = pictures.unread(found.found.folder, found.found.beside)
    remarks = [
        *found.found.remarks,
        *beside,
        *found.remarks,
        *pictures.remarks,
        *(answers.remarks if answers is not None else ()),
        *examples.remarks,
    ]
    examples = replace(examples, rejected=tuple(by_weight(read.rejected)), remarks=tuple(remarks))
    return examples if answers is None else _without_absent(examples, answers, read.kept)


class _ReadOptions(NamedTuple):
    """How pictures become inputs."""

    size: int | None
    channels: int | None
    progress: Progress | None


def _read(column: PictureColumn, names: Sequence[str], place: Path, how: _ReadOptions) -> tuple[Pictures, Originals]:
    """The pictures, and where their bytes lie: in the Parquet files, or in a copy where they are too many to hold."""
    size, channels, progress = how
    first = islice(column.pictures(repeat("")), _FIRST)
    if would_be_held(len(names), first, size):
        read = read_pictures(column.pictures(names), len(names), size=size, channels=channels, progress=progress)
        return read, column.originals(read.kept)
    shards = [shard.path for shard in column.shards]
    column.copy = copy_of(shards, column.column, names, column.cells(), progress)
    pictures = column.pictures(names)
    read = read_pictures(pictures, len(names), size=size, channels=channels, place=shards[0], progress=progress)
    return read, column.originals(read.kept)


def _root(folder: Path, options: Mapping[str, str]) -> Path | None:
    """The folder that paths are seen from, where one is named: as it stands, else from the folder of the set.

    Raises:
        InputError: it is not there.
    """
    if "root" not in options:
        return None
    named = expanded(options["root"])
    around = (named, folder / named)
    found = next((one for one in around if one.is_dir()), None)
    if found is None:
        raise InputError(f"no such folder: {options['root']}", expected="the folder that paths are seen from")
    return found


def parquet_splits(place: Path) -> set[str]:
    """What `load_parquet` can be asked for."""
    return set(find_shards(place).splits)


def labelled_parquet_splits(
    place: Path, column: str | None = None, options: Mapping[str, str] | None = None
) -> set[str]:
    """The splits that have a label at all."""
    found, kind = set[str](), kind_said(options or {})
    for split in parquet_splits(place):
        opened = _open(place, split, column)
        if opened.columns.label is not None and any_label(opened.shards, opened.columns.label, kind):
            found.add(split)
    return found


def _open(place: Path, split: str, column: str | None) -> _Set:
    found = find_shards(place)
    if found.whole:
        require_unsplit(place, split)
    splits = {name: [ParquetShard(path) for path in files] for name, files in found.splits.items()}
    shards = splits["train"] if found.whole else find_split(place, split, splits)
    train = splits.get("train", shards)
    columns = choose_columns(train[0], column)
    for shard in {id(shard): shard for shard in (*train, *shards)}.values():
        require_pictures(shard, columns.picture)
    remarks = [columns.remark] if columns.remark else []
    labels = columns.label
    if shards is not train and not any(labels in shard.schema.names for shard in shards):
        columns = columns._replace(label=None)  # a test split whose labels nobody has
    elif labels is not None:
        for shard in (*train, *shards):
            require_labels(shard, labels)
    return _Set(shards, train, list(splits.values()), columns, labels, found, remarks)


def _without_absent(examples: Examples, answers: RowLabels, kept: npt.NDArray[np.int64]) -> Examples:
    """The examples whose class train has; the others are in ``rejected``."""
    if not answers.absent:
        return examples
    sources = examples.sources or ()
    lost = [at for at, row in enumerate(kept.tolist()) if row in answers.absent]
    gone = {answers.absent[int(kept[at])] for at in lost}
    left_out = [
        Rejected(sources[at], f"its class {answers.absent[int(kept[at])]!r} is none that train has") for at in lost
    ]
    rest = [at for at in range(len(kept)) if int(kept[at]) not in answers.absent]
    if not rest:
        raise InputError(
            f"{examples.name} holds no usable example",
            expected=f"the classes of train: {', '.join(examples.classes[:6])}",
            received=", ".join(sorted(gone)[:6]),
        )
    left = "picture is" if len(lost) == 1 else "pictures are"
    remark = f"{len(lost):,} {left} left out: train does not have their class"
    return replace(
        examples.select(rest),
        rejected=tuple(by_weight([*examples.rejected, *left_out])),
        remarks=(*examples.remarks, remark),
    )
