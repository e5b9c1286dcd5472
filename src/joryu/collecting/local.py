"""Pictures that are here already: in a folder, or in the rows of Parquet files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from joryu.collecting.checking import require_size
from joryu.collecting.columns import Columns, find_columns
from joryu.collecting.listing import Listing, ListingOptions, Read
from joryu.collecting.lists import values_of
from joryu.errors import InputError
from joryu.examples.layouts import some
from joryu.examples.parquet_columns import ParquetShard
from joryu.examples.parquet_shards import find_shards, parquet_folder
from joryu.examples.tabular.files import Sheet
from joryu.examples.tree import find_files, printable

_ROWS: Final = 128  #: rows of pictures that are held at a time
_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_dictionary)


def picture_folder(folder: Path, options: ListingOptions) -> Listing:
    """All files below a folder; hidden ones, what programs leave behind, and links out of it are passed over.

    Raises:
        InputError: there is no file.
    """
    if any(options.columns):
        raise InputError(f"{folder} has no columns", expected="a CSV or Parquet file", received="a column's name")
    named = _named(folder)
    files, _ = find_files(folder)
    if not files:
        raise InputError(f"no file in {folder}", expected="pictures, or Parquet files of pictures")
    nothing = [""] * len(files)

    def contents(numbers: Sequence[int]) -> Iterator[tuple[int, Read]]:
        return ((number, partial(_read, files[number], options.largest)) for number in numbers)

    return Listing(
        name=printable(folder.resolve().name),
        places=[f"{named}/{printable(path.relative_to(folder).as_posix())}" for path in files],
        licences=nothing,
        sources=nothing,
        contents=contents,
    )


def _named(source: Path) -> str:
    """A name for a folder or file that another of the same name elsewhere does not have, and that tells no path."""
    mark = hashlib.blake2b(os.fsencode(source.resolve()), digest_size=4).hexdigest()
    return f"{printable(source.resolve().name)}~{mark}"


def _read(path: Path, largest: int) -> bytes:
    try:
        require_size(path.stat().st_size, largest)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror or error}") from error


def table_of_pictures(source: Path, options: ListingOptions) -> list[ParquetShard] | None:
    """The Parquet files that hold pictures themselves; ``None`` where they hold addresses, or there are no such files.

    A column of addresses that was named is meant to be fetched, even if there are pictures too.
    """
    is_file = source.is_file() and source.suffix.lower() == ".parquet"
    if not is_file and not (source.is_dir() and parquet_folder(source) is not None):
        return None
    shards = [ParquetShard(path) for paths in find_shards(source).splits.values() for path in paths]
    if options.columns.url is None and _columns_of_bytes(shards[0]):
        return shards
    if is_file:
        return None
    raise InputError(
        f"{source} holds Parquet files without pictures", expected="pictures, or one file of addresses",
        received=some(shards[0].schema.names), hint="name one of the files",
    )  # fmt: skip


def picture_table(source: Path, shards: Sequence[ParquetShard], options: ListingOptions) -> Listing:
    """The pictures in the rows of Parquet files.

    Raises:
        InputError: several columns hold pictures, or files that differ in their columns.
    """
    column, named = _picture_column(shards[0]), _named(source)
    for shard in shards:
        if column not in _columns_of_bytes(shard):
            raise InputError(
                f"{shard.path} has no column {column!r}", expected="pictures as in the other files",
                received=some(shard.schema.names), hint="try downloading it again",
            )  # fmt: skip
    places, addresses, licences, sources = list[str](), list[str](), list[str](), list[str]()
    found = Columns(None, None, None)
    for shard in shards:
        sheet = _rest_of(shard, column)
        found = find_columns(sheet, options.columns, pictures=True)
        name = f"{named}/{shard.path.relative_to(source).as_posix()}" if source.is_dir() else named
        places += [f"{name}#{row}" for row in range(shard.rows)]
        addresses += values_of(sheet, found.url)
        licences += values_of(sheet, found.licence)
        sources += values_of(sheet, found.source)

    def contents(numbers: Sequence[int]) -> Iterator[tuple[int, Read]]:
        return _rows(shards, column, numbers, options.largest)

    return Listing(
        name=source.name, places=places, licences=licences, sources=sources, addresses=addresses, contents=contents,
        remarks=(f"pictures from column {column}", *found.said()),
    )  # fmt: skip


def _columns_of_bytes(shard: ParquetShard) -> list[str]:
    return [field.name for field in shard.schema if _is_bytes(field.type)]


def _is_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _picture_column(shard: ParquetShard) -> str:
    found = _columns_of_bytes(shard)
    usual = [name for name in found if name in ("image", "img")]
    if len(found) > 1 and len(usual) != 1:
        raise InputError(
            f"{shard.path} has several columns of pictures", expected="one, or one called image or img",
            received=some(found),
        )  # fmt: skip
    return usual[0] if usual else found[0]


def _rest_of(shard: ParquetShard, column: str) -> Sheet:
    """The columns of text and numbers beside the pictures, which alone may be many gigabytes."""
    kinds = (*_TEXTS, pa.types.is_integer, pa.types.is_floating)
    names = [field.name for field in shard.schema if field.name != column and any(is_(field.type) for is_ in kinds)]
    table = shard.file.read(columns=names) if names else pa.table({"": pa.nulls(shard.rows, pa.string())})
    return Sheet(shard.path.name, table)


def _rows(
    shards: Sequence[ParquetShard], column: str, numbers: Sequence[int], largest: int
) -> Iterator[tuple[int, Read]]:
    """The pictures of some rows; parts of a file of which none is wanted are not read."""
    wanted = set(numbers)
    at = 0
    for shard in shards:
        for group in range(shard.file.num_row_groups):
            rows = shard.file.metadata.row_group(group).num_rows
            if not wanted.isdisjoint(range(at, at + rows)):
                yield from _group(shard, group, column, (at, wanted, largest))
            at += rows


def _group(shard: ParquetShard, group: int, column: str, how: tuple[int, set[int], int]) -> Iterator[tuple[int, Read]]:
    at, wanted, largest = how
    try:
        for batch in shard.file.iter_batches(_ROWS, row_groups=[group], columns=[column]):
            for value in batch.column(0):
                if at in wanted:
                    yield at, partial(_content, value, largest)
                at += 1
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{shard.path} is damaged: {error}", hint="try downloading it again") from error


def _content(value: Any, largest: int) -> bytes:
    content = value.as_py()
    if isinstance(content, dict):
        content = content.get("bytes")
    with suppress(TypeError):
        require_size(len(content), largest)
        return bytes(content)
    raise InputError("no picture in this row")
