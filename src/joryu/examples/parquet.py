"""Parquet files as Hugging Face writes picture sets: a struct column ``{bytes, path}``, labels, names in the schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from joryu.errors import InputError
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import find_split, require_unsplit
from joryu.examples.originals import Originals, ParquetPictures
from joryu.examples.parquet_columns import Columns, Shard, choose_columns, require_labels, require_pictures
from joryu.examples.parquet_labels import Answers, any_label, read_labels
from joryu.examples.parquet_shards import find_shards
from joryu.examples.pictures import Picture, Progress, count_channels, read_pictures
from joryu.examples.preparation import PicturePreparation


class _Set(NamedTuple):
    """The shards of a split, of train (where classes, columns and colour come from) or else its own, and of all."""

    shards: list[Shard]
    train: list[Shard]
    splits: list[list[Shard]]
    columns: Columns
    remarks: list[str]


def load_parquet(
    place: Path,
    split: str = "train",
    *,
    size: int | None = None,
    column: str | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Pictures of a Parquet file, or of the files of a folder that `find_shards` takes for the split.

    The columns are those that `choose_columns` takes (``column`` says which), the names of the classes come from the
    schema's ``huggingface`` metadata, else classes are named by number; text and lists of tags are labels too
    (`read_labels`). A label that is null or -1 is no label. One
    file is one set: it answers to the split that its name says, or to ``train`` if it says none. The splits of a folder
    have the classes of ``train`` and are grey or RGB as it is: labels are matched by the *names* that each file gives
    them, and rows of a class that ``train`` does not have are left out. Rows whose picture cannot be used are in
    ``rejected`` as ``FILE#ROW``.

    Raises:
        InputError: no such file or split, a shard that is missing, another schema, several columns that may be meant, a
            damaged file, or pictures that `read_pictures` refuses.
    """
    found = _open(place, split, column)
    names = [f"{shard.path.name}#{row}" for shard in found.shards for row in range(shard.rows)]
    channels = None
    if found.train is not found.shards and any(shard.rows for shard in found.train):
        channels = count_channels(_pictures(found.train, found.columns.picture, repeat("")))
    if not names:
        raise InputError(f"{place} holds no usable example", expected="rows with pictures", received="no row at all")
    pictures = _pictures(found.shards, found.columns.picture, names)
    answers = None
    if found.columns.label is not None:
        answers = read_labels(found.shards, found.train, found.splits, found.columns.label)
    read = read_pictures(pictures, len(names), size=size, channels=channels, progress=progress)
    name = place.stem if place.is_file() else place.name
    examples = Examples.of(
        torch.from_numpy(read.pixels),
        None if answers is None else answers.labels[torch.from_numpy(read.kept)],
        question=None if answers is None else answers.question,
        name=name,
        sources=[names[row] for row in read.kept.tolist()],
    )
    remarks = [*found.remarks, *(answers.remarks if answers is not None else ())]
    shards = found.shards
    shelf = ParquetPictures([one.path for one in shards], [one.rows for one in shards], found.columns.picture)
    examples = replace(
        examples,
        ids=read.ids,
        originals=Originals.on(shelf, read.kept),
        rejected=tuple(by_weight(read.rejected)),
        remarks=tuple(remarks),
        preparation=PicturePreparation.of(examples.inputs),
        sizes=read.sizes,
    )
    return examples if answers is None else _without_absent(examples, answers, read.kept)


def parquet_splits(place: Path) -> set[str]:
    """What `load_parquet` can be asked for."""
    return set(find_shards(place).splits)


def labelled_parquet_splits(place: Path, column: str | None = None) -> set[str]:
    """The splits that have a label at all."""
    found = set()
    for split in parquet_splits(place):
        opened = _open(place, split, column)
        if opened.columns.label is not None and any_label(opened.shards, opened.columns.label):
            found.add(split)
    return found


def _open(place: Path, split: str, column: str | None) -> _Set:
    found = find_shards(place)
    if found.whole:
        require_unsplit(place, split)
    splits = {name: [Shard(path) for path in files] for name, files in found.splits.items()}
    shards = splits["train"] if found.whole else find_split(place, split, splits)
    train = splits.get("train", shards)
    columns = choose_columns(train[0], column)
    for shard in {id(shard): shard for shard in (*train, *shards)}.values():
        require_pictures(shard, columns.picture)
    remarks = [*found.remarks] + ([columns.remark] if columns.remark else [])
    labels = columns.label
    if shards is not train and not any(labels in shard.schema.names for shard in shards):
        columns = columns._replace(label=None)  # a test split whose labels nobody has
    elif labels is not None:
        for shard in (*train, *shards):
            require_labels(shard, labels)
    return _Set(shards, train, list(splits.values()), columns, remarks)


def _without_absent(examples: Examples, answers: Answers, kept: npt.NDArray[np.int64]) -> Examples:
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


def _pictures(shards: Sequence[Shard], column: str, names: Iterable[str]) -> Iterator[Picture]:
    name = iter(names)
    for shard in shards:
        for values in shard.column(column):
            nested = pa.types.is_struct(values.type)
            data = values.field("bytes") if nested else values
            if nested:
                _require_bytes(values, shard, column)
            valid = values.is_valid().to_pylist()
            for content, present in zip(data.to_pylist(), valid, strict=True):
                yield Picture(next(name), (content or b"") if present else b"")


def _require_bytes(values: pa.StructArray, shard: Shard, column: str) -> None:
    """Raises:
    InputError: every picture of a batch is given by its path alone.
    """
    if values.type.get_field_index("path") < 0 or values.field("bytes").null_count < len(values):
        return
    paths = [path for path in values.field("path").to_pylist() if path]
    if paths:
        raise InputError(
            f"column {column!r} of {shard.path} has paths of pictures, not the pictures",
            expected="bytes",
            received=paths[0],
            hint="put the picture files into class folders and name these with folder:",
        )
