"""Which columns of a Parquet file are the pictures and the labels, and what its schema calls the classes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from joryu.errors import InputError, did_you_mean
from joryu.examples.decoding import LFS_POINTER
from joryu.examples.layouts import some

_ROWS = 512  # rows held undecoded at a time
_PICTURES = ("image", "img")
_PATHS = ("file_name", "filename", "file", "path", "filepath", "file_path", "image_path", "img_path", "image_file")
_LABELS = ("label", "labels")
_MORE_LABELS = ("target", "class", "category", "fine_label", "coarse_label")


class ParquetShard:
    """One Parquet file, opened when it is asked about and only once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def file(self) -> pq.ParquetFile:
        """The open file.

        Raises:
            InputError: it cannot be read, or is a Git LFS pointer.
        """
        try:
            # What is buffered ahead is kept until the file is closed: in the end the whole column.
            return pq.ParquetFile(self.path, pre_buffer=False)
        except (pa.ArrowException, OSError) as error:
            pointer = self.path.is_file() and self.path.read_bytes()[: len(LFS_POINTER)] == LFS_POINTER
            received = "a Git LFS pointer instead of it" if pointer else None
            hint = "try git lfs pull" if pointer else "try downloading it again"
            raise InputError(f"{self.path} is not a readable Parquet file", received=received, hint=hint) from error

    @cached_property
    def schema(self) -> pa.Schema:
        """Names and types of the columns."""
        return self.file.schema_arrow

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.file.metadata.num_rows)

    @cached_property
    def features(self) -> Mapping[str, Mapping[str, Any]]:
        """``info.features`` of the schema's ``huggingface`` metadata; empty if the file has none."""
        try:
            metadata = json.loads((self.schema.metadata or {}).get(b"huggingface", b"{}"))
            features = metadata.get("info", {}).get("features", {})
            return {name: feature for name, feature in features.items() if isinstance(feature, dict)}
        except (ValueError, AttributeError) as error:
            raise InputError(f"the huggingface metadata of {self.path} cannot be read: {error}") from error

    def class_names(self, label: str) -> tuple[str, ...]:
        """The names of the classes as far as the schema gives them."""
        feature = self.features.get(label, {})
        inner = feature.get("feature")  # of a list
        names = (inner if isinstance(inner, dict) else feature).get("names")
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def column(self, name: str) -> Iterator[pa.Array]:
        """A column in batches, with nothing left encoded by a dictionary."""
        try:
            for batch in self.file.iter_batches(_ROWS, columns=[name]):
                values = batch.column(0)
                yield values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.path} is damaged: {error}", hint="try downloading it again") from error


class ParquetColumns(NamedTuple):
    """Where the pictures and the labels are, and a remark on what was chosen."""

    picture: str
    label: str | None
    remark: str | None = None


def choose_columns(shard: ParquetShard, wanted: str | None = None) -> ParquetColumns:
    """The columns called ``image`` and ``label``, or the only ones that hold pictures and labels.

    ``wanted`` names the column of pictures, that of the labels, or both (``img,fine_label``).

    Raises:
        InputError: no such columns, several that may be meant, or columns that hold something else.
    """
    named = _named(shard, wanted)
    pictures = [name for name in named if _may_be_picture(shard, name)]
    labels = [name for name in named if name not in pictures]
    if len(pictures) > 1 or len(labels) > 1:
        raise InputError(
            "--column names too much", expected="a column of pictures, one of labels, or both", received=wanted
        )
    picture = pictures[0] if pictures else _picture(shard, named)
    require_pictures(shard, picture)
    label = labels[0] if labels else _label(shard, picture, named)
    if label is not None:
        require_labels(shard, label)
    usual = picture in _PICTURES and (label is None or label in _LABELS)
    remark = f"pictures from column {picture}" + (f", labels from column {label}" if label else "")
    return ParquetColumns(picture, label, None if usual else remark)


def require_pictures(shard: ParquetShard, name: str) -> None:
    """Refuse a column that holds no pictures.

    Raises:
        InputError: the column is not there, or holds something else.
    """
    if name not in shard.schema.names:
        raise InputError(
            f"{shard.path} has no column of pictures",
            expected=f"a column {name!r}",
            received=some(shard.schema.names),
            hint=_say_column([name for name in shard.schema.names if _is_picture(shard.schema.field(name).type)]),
        )
    kind = shard.schema.field(name).type
    if not (_is_picture(kind) or is_path(kind)):
        raise InputError(
            f"column {name!r} of {shard.path} holds no pictures",
            expected="bytes, or the paths of files",
            received=kind,
            hint=f"save them as pictures: cast_column({name!r}, Image()) of the datasets library does"
            if pa.types.is_nested(kind)
            else None,
        )


def require_labels(shard: ParquetShard, name: str) -> None:
    """Refuse a column that holds no labels.

    Raises:
        InputError: the column is not there, or holds neither numbers nor text, nor lists of integers or text.
    """
    if name not in shard.schema.names:
        raise InputError(
            f"{shard.path} has no column {name!r}", expected="labels as in the other shards",
            received=some(shard.schema.names), hint="try downloading it again",
        )  # fmt: skip
    kind = plain(shard.schema.field(name).type)
    inner = plain(kind.value_type) if is_list(kind) else kind
    if not (pa.types.is_integer(inner) or pa.types.is_null(inner) or is_text(inner) or is_number(kind)):
        raise InputError(
            f"column {name!r} of {shard.path} holds no labels",
            expected="numbers, text, or lists of integers or text",
            received=kind,
            hint=f"number its classes: class_encode_column({name!r}) of the datasets library does, then save it again",
        )


def _named(shard: ParquetShard, wanted: str | None) -> list[str]:
    names = [name.strip() for name in wanted.split(",")] if wanted is not None else []
    for name in names:
        if name not in shard.schema.names:
            raise InputError(
                f"{shard.path} has no column {name!r}",
                expected=some(shard.schema.names),
                hint=did_you_mean(name, shard.schema.names),
            )
    return names


def _picture(shard: ParquetShard, named: Sequence[str]) -> str:
    typed = [name for name, feature in shard.features.items() if feature.get("_type") == "Image"]
    found = typed or [name for name in shard.schema.names if _is_picture(shard.schema.field(name).type)]
    return _one_of(shard, found or _named_files(shard), _PICTURES, named) or _PICTURES[0]


def _named_files(shard: ParquetShard) -> list[str]:
    """The columns of text that are called as those are that name files."""
    text = [name for name in shard.schema.names if is_path(shard.schema.field(name).type)]
    return [name for name in text if name.lower() in (*_PICTURES, *_PATHS)]


def _label(shard: ParquetShard, picture: str, named: Sequence[str]) -> str | None:
    typed = [name for name, feature in shard.features.items() if feature.get("_type") == "ClassLabel"]
    usual = [name for name in _LABELS if name in shard.schema.names]
    more = [name for name in _MORE_LABELS if name in shard.schema.names]
    found = [name for name in typed or usual or more if name != picture]
    return _one_of(shard, found, _LABELS, named)


def _one_of(shard: ParquetShard, found: Sequence[str], usual: Sequence[str], named: Sequence[str]) -> str | None:
    """The only column, or the only one of a usual name; ``None`` if there is none. ``named``: what was asked for."""
    called = [name for name in found if name in usual]
    chosen = called if len(called) == 1 else found
    if len(chosen) > 1:
        raise InputError(
            f"{shard.path} has several columns of {'pictures' if usual == _PICTURES else 'labels'}",
            expected=f"one, or one called {' or '.join(usual)}",
            received=some(found),
            hint=_say_column(found, named),
        )
    return chosen[0] if chosen else None


def _say_column(found: Sequence[str], named: Sequence[str] = ()) -> str | None:
    names = ",".join((*named, found[0])) if found else ""
    return f"try --column {names} (or #{names} after the set)" if names else None


def _may_be_picture(shard: ParquetShard, name: str) -> bool:
    kind = plain(shard.schema.field(name).type)
    label = shard.features.get(name, {}).get("_type") == "ClassLabel"
    usual = (*_PICTURES, *_PATHS) if not any(_is_picture(field.type) for field in shard.schema) else _PICTURES
    return not label and (_is_picture(kind) or (is_path(kind) and name.lower() in usual) or pa.types.is_struct(kind))


def plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values themselves where a dictionary encodes them."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_picture(kind: pa.DataType) -> bool:
    kind = plain(kind)
    if not pa.types.is_struct(kind):
        return _is_binary(kind)
    parts = {field.name: plain(field.type) for field in kind}
    content, path = parts.get("bytes", pa.null()), parts.get("path", pa.null())
    # Text where bytes are expected would be opened as a path, wherever that leads.
    sound = (_is_binary(content) or pa.types.is_null(content)) and (is_path(path) or pa.types.is_null(path))
    return sound and not parts.keys().isdisjoint(("bytes", "path"))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether values are names: text, or yes and no."""
    kind = plain(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values are numbers that may have a fraction."""
    kind = plain(kind)
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_path(kind: pa.DataType) -> bool:
    """Whether values are text, which may name files."""
    kind = plain(kind)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_list(kind: pa.DataType) -> bool:
    """Whether every row may hold several values."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
