"""Parquet files as Hugging Face writes picture sets: a struct column ``{bytes, path}``, labels, names in the schema."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import UNLABELLED, Examples
from joryu.examples.layouts import (
    ALL,
    canonical_split,
    no_such_split,
    require_unsplit,
    visible_folders,
)
from joryu.examples.pictures import Picture, Progress, count_channels, read_pictures

_ROWS = 512  # rows held undecoded at a time
_SHARD = re.compile(r"-\d+-of-\d+$")


class _Columns(NamedTuple):
    """Where the pictures and the labels are, and the names of the classes as far as the schema gives them."""

    picture: str
    label: str | None
    classes: tuple[str, ...]


def load_parquet(
    place: Path,
    split: str = "train",
    *,
    size: int | None = None,
    column: str | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Pictures of ``train.parquet`` (or ``train-00000-of-00002.parquet``, …) in a folder, in its sub-folder, or a file.

    The column of pictures and the names of the classes come from the schema's ``huggingface`` metadata; without it the
    columns ``image`` and ``label`` are read and classes are named by number. A label that is null or -1 is no label.
    Rows whose picture cannot be used are in ``rejected`` as ``FILE#ROW``. One file is one set: it answers to the split
    that its name says, or to ``train`` if it says none. The splits of a folder are grey or RGB as its ``train`` is.

    Raises:
        InputError: no such file or split, another schema, a damaged file, or pictures that `read_pictures` refuses.
    """
    files, siblings, train = _files(place, split)
    columns = _columns(files[0], column)
    names = [f"{path.name}#{row}" for path in files for row in range(_open(path).metadata.num_rows)]
    channels = None
    if train != files and any(_open(path).metadata.num_rows for path in train):
        channels = count_channels(_pictures(train, columns.picture, repeat("")))
    pictures = _pictures(files, columns.picture, names)
    read = read_pictures(pictures, len(names), size=size, channels=channels, progress=progress)
    labels, classes = None, columns.classes
    if columns.label is not None:
        labels = _labels(files, columns.label)[torch.from_numpy(read.kept)]
        classes = classes or _numbered(siblings, columns.label)
    examples = Examples.of(
        torch.from_numpy(read.pixels),
        labels,
        classes=classes,
        name=place.stem if place.is_file() else place.name,
        sources=[names[row] for row in read.kept.tolist()],
    )
    return replace(examples, rejected=tuple(read.rejected), sizes=read.sizes)


def parquet_folder(folder: Path) -> Path | None:
    """Where the Parquet files of a data set lie: the folder itself, or the only sub-folder that has any."""
    places = [place for place in (folder, *visible_folders(folder)) if any(place.glob("*.parquet"))]
    if len(places) > 1 and places[0] != folder:
        raise InputError(
            f"{folder} holds several Parquet sets",
            received=", ".join(place.name for place in places),
            hint=f"try parquet:{places[0]}",
        )
    return places[0] if places else None


def parquet_splits(place: Path) -> set[str]:
    """What `load_parquet` can be asked for."""
    if place.is_file():
        return {canonical_split(place.stem.split("-")[0]) or "train"}
    folder = parquet_folder(place)
    return {canonical_split(name) or name for name in _groups(folder)} if folder else set()


def _groups(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder by the split that they spell."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*.parquet")):
        groups.setdefault(_SHARD.sub("", path.stem), []).append(path)
    return groups


def _files(place: Path, split: str) -> tuple[list[Path], list[Path], list[Path]]:
    """The files of the split, those of all splits (they share their classes) and those that decide on colour."""
    if place.is_file():
        said = canonical_split(place.stem.split("-")[0])
        if said is None:
            require_unsplit(place, split)
        elif (canonical_split(split) or split) not in (said, ALL):
            raise no_such_split(place, split, [said])
        return [place], [place], [place]
    folder = parquet_folder(place)
    if folder is None:
        raise InputError(f"no Parquet files in {place}", expected="train.parquet, test.parquet")
    groups = _groups(folder)
    found = next(
        (
            files
            for name, files in groups.items()
            if (canonical_split(name) or name) == (canonical_split(split) or split)
        ),
        None,
    )
    if found is None:
        raise no_such_split(place, split, groups)
    train = next((files for name, files in groups.items() if canonical_split(name) == "train"), found)
    return found, [path for group in groups.values() for path in group], train


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file", hint="try downloading it again") from error


def _columns(path: Path, column: str | None) -> _Columns:
    schema = _open(path).schema_arrow
    features = _features(schema, path)
    pictures = [name for name, feature in features.items() if feature.get("_type") == "Image"] or ["image"]
    labels = [name for name, feature in features.items() if feature.get("_type") == "ClassLabel"] or ["label"]
    picture = column or pictures[0]
    if picture not in schema.names:
        raise InputError(
            f"{path} has no column of pictures", expected=f"a column {picture!r}", received=", ".join(schema.names)
        )
    kind = schema.field(picture).type
    if not (pa.types.is_binary(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)):
        raise InputError(f"column {picture!r} of {path} holds no pictures", expected="bytes", received=kind)
    label = "label" if "label" in labels else labels[0]
    if label not in schema.names:
        return _Columns(picture, None, ())
    if not pa.types.is_integer(schema.field(label).type):
        kind = schema.field(label).type
        raise InputError(f"column {label!r} of {path} holds no labels", expected="integers", received=kind)
    return _Columns(picture, label, tuple(features.get(label, {}).get("names", ())))


def _features(schema: pa.Schema, path: Path) -> Mapping[str, Mapping[str, Any]]:
    """``info.features`` of the schema's ``huggingface`` metadata; empty if the file has none."""
    try:
        metadata = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = metadata.get("info", {}).get("features", {})
        return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
    except (ValueError, AttributeError) as error:
        raise InputError(f"the huggingface metadata of {path} cannot be read: {error}") from error


def _pictures(files: Sequence[Path], column: str, names: Iterable[str]) -> Iterator[Picture]:
    name = iter(names)
    for path in files:
        for values in _column(path, column):
            data = values.field("bytes") if pa.types.is_struct(values.type) else values
            valid = values.is_valid().to_pylist()
            for content, present in zip(data.to_pylist(), valid, strict=True):
                yield Picture(next(name), (content or b"") if present else b"")


def _column(path: Path, column: str) -> Iterator[pa.Array]:
    try:
        for batch in _open(path).iter_batches(_ROWS, columns=[column]):
            yield batch.column(0)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is damaged: {error}", hint="try downloading it again") from error


def _labels(files: Sequence[Path], column: str) -> Tensor:
    chunks = (chunk.cast(pa.int64()).fill_null(UNLABELLED) for path in files for chunk in _column(path, column))
    labels = [np.zeros(0, dtype=np.int64), *(chunk.to_numpy() for chunk in chunks)]
    return torch.from_numpy(np.concatenate(labels))


def _numbered(files: Sequence[Path], column: str) -> tuple[str, ...]:
    most = max(int(_labels([path], column).max()) for path in files if _open(path).metadata.num_rows)
    return tuple(map(str, range(most + 1)))
