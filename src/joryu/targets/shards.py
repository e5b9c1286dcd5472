"""Shards: Arrow IPC files of one record batch each. They are memory-mapped, so a column is one array without a copy.

The name of a shard holds a range of numbers, as in ``shard-00000003-00000007.arrow``. To merge the shards 3 to 7, a
file of that name is written, and then the five are deleted. If this is killed in between, the five are recognised as
superseded, because the wider range contains theirs. So nothing is lost or doubled, and no journal is needed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.targets.encoding import Columns

_NAME = re.compile(r"shard-(\d{8})-(\d{8})\.arrow")
_CHECKSUM = b"joryu.crc32"
_BYTES = ("id", "coverage")  # columns that are plain bytes to Arrow
_ABSENT = {"coverage": 255, "signals": float("nan"), "variance": float("nan")}
_ON_DISK: dict[str, np.dtype[Any]] = {"id": np.dtype("<u8"), "view": np.dtype("<u8"), "coverage": np.dtype("u1")}


_ROWS = 1024  #: rows of bytes that are in memory at once while a checksum is computed


class RowsOfBytes:
    """A column of rows that differ in length, memory-mapped; what is taken of it is an array of ``bytes``."""

    dtype = np.dtype(object)

    def __init__(self, rows: pa.LargeBinaryArray) -> None:
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._rows),)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[bytes]:
        return (row.as_py() for row in self._rows)

    def __getitem__(self, rows: Any) -> npt.NDArray[np.object_]:
        return self.take(np.arange(len(self))[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[np.object_]:
        del dtype, copy
        return self[:]

    def take(self, rows: npt.NDArray[np.int64], axis: int = 0) -> npt.NDArray[np.object_]:
        """Some rows, as `numpy.take`."""
        del axis
        found = np.empty(len(rows), dtype=object)
        found[:] = self._rows.take(pa.array(rows)).to_pylist()
        return found


class Span(NamedTuple):
    """The range of shard numbers that a file holds, both ends included."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """The name of the file.

        >>> Span(3, 7).name
        'shard-00000003-00000007.arrow'
        """
        return f"shard-{self.first:08d}-{self.last:08d}.arrow"

    def contains(self, other: Span) -> bool:
        """Whether this file holds everything that the other one holds."""
        return self.first <= other.first and other.last <= self.last


class ShardList(NamedTuple):
    """The shards of a folder in order: those to read, and those that are superseded by a merged one."""

    current: tuple[Span, ...]
    superseded: tuple[Span, ...]

    @property
    def next_number(self) -> int:
        """A number larger than all in use; one that is already taken could look superseded."""
        return max((span.last for span in (*self.current, *self.superseded)), default=0) + 1


def list_shards(folder: Path) -> ShardList:
    """List the shards of a folder."""
    matches = (_NAME.fullmatch(path.name) for path in folder.iterdir())
    spans = sorted((Span(int(m[1]), int(m[2])) for m in matches if m), key=lambda span: (span.first, -span.last))
    current: list[Span] = []
    superseded: list[Span] = []
    for span in spans:
        (superseded if current and current[-1].contains(span) else current).append(span)
    return ShardList(tuple(current), tuple(superseded))


@dataclass(frozen=True, slots=True)
class Shard:
    """An open shard; its columns are read-only arrays over the memory map."""

    path: Path
    span: Span
    columns: Columns
    checksum: str

    def __len__(self) -> int:
        return len(self.columns["view"])

    def verify(self) -> None:
        """Read every byte and compare it with the checksum (CRC-32) in the file.

        Raises:
            InputError: the checksums differ.
        """
        found = _checksum(self.columns)
        if found != self.checksum:
            raise _broken(self.path, f"checksum {found} instead of {self.checksum}")


def write_shard(folder: Path, span: Span, columns: Columns) -> None:
    """Write a shard with its checksum, whole or not at all.

    Raises:
        JoryuError: the file cannot be written.
    """
    arrays = {name: _to_arrow(name, column) for name, column in columns.items()}
    batch = pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
    schema = batch.schema.with_metadata({_CHECKSUM: _checksum(columns).encode()})
    with durable_file(folder / span.name) as file:
        _write_batch(file, batch.replace_schema_metadata(schema.metadata))


def open_shard(folder: Path, span: Span) -> Shard:
    """Open a shard by mapping it into memory.

    Raises:
        InputError: the file is cut short, or is no shard. Changed bytes are found by `Shard.verify` alone.
        FileNotFoundError: the shard was merged into another one since the folder was listed.
    """
    path = folder / span.name
    try:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            batch = reader.get_batch(0)
            batch.validate()
            columns = {name: _from_arrow(name, batch.column(name)) for name in reader.schema.names}
            checksum = reader.schema.metadata[_CHECKSUM].decode()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, IndexError, ValueError) as error:
        raise _broken(path, str(error).split("\n")[0] or type(error).__name__) from error
    if missing := {"id", "view", "values"} - set(columns):
        raise _broken(path, f"no column {', '.join(sorted(missing))}")
    return Shard(path, span, columns, checksum)


def join_columns(parts: Sequence[Columns]) -> Columns:
    """Join columns of several parts; a part without a column gets the values that its absence means."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: np.concatenate(_filled(name, parts)) for name in names}


def absent_column(name: str, like: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """``n`` rows with the values that the absence of a column means, in the shape and dtype of ``like``.

    That is a weight of 1, all outputs covered, a bound of 1, which no probability or log-probability exceeds, and NaN
    for signals and variances that are not known.
    """
    return np.full((n, *like.shape[1:]), _ABSENT.get(name, 1), dtype=like.dtype)


def _filled(name: str, parts: Sequence[Columns]) -> list[npt.NDArray[Any]]:
    like = next(part[name] for part in parts if name in part)
    return [part[name] if name in part else absent_column(name, like, len(part["view"])) for part in parts]


def _write_batch(file: IO[bytes], batch: pa.RecordBatch) -> None:
    with pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _checksum(columns: Columns) -> str:
    value = 0
    for name in sorted(columns):
        value = zlib.crc32(name.encode(), value)
        for part in _parts(columns[name]):
            value = zlib.crc32(part, value)
    return f"{value:08x}"


def _parts(column: npt.NDArray[Any]) -> Iterator[bytes | memoryview]:
    """The bytes of a column; of rows that differ in length, each with its length before it."""
    if column.dtype != object:
        yield np.ascontiguousarray(column).data.cast("B")
        return
    for start in range(0, len(column), _ROWS):
        rows = column[start : start + _ROWS]
        yield np.array([len(row) for row in rows], dtype="<u8").tobytes()
        yield b"".join(rows)


def _to_arrow(name: str, column: npt.NDArray[Any]) -> pa.Array:
    if column.dtype == object:
        return pa.array(list(column), pa.large_binary())
    column = np.ascontiguousarray(column.astype(_ON_DISK.get(name, column.dtype), copy=False))
    buffer = pa.py_buffer(column)
    width = 1 if column.ndim == 1 else column.shape[1]
    if name in _BYTES:
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(column.itemsize * width), len(column), [None, buffer])
    flat = pa.Array.from_buffers(pa.from_numpy_dtype(column.dtype), column.size, [None, buffer])
    return flat if column.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, width)


def _from_arrow(name: str, array: pa.Array) -> npt.NDArray[Any]:
    if array.null_count:
        raise ValueError(f"column {name} has nulls")
    kind, width = array.type, None
    if pa.types.is_large_binary(kind):
        return RowsOfBytes(array)  # type: ignore[return-value]
    if name in _BYTES:
        dtype = _ON_DISK[name]
        width = kind.byte_width // dtype.itemsize
    elif pa.types.is_fixed_size_list(kind):
        dtype, width = np.dtype(kind.value_type.to_pandas_dtype()), kind.list_size
    else:
        dtype = np.dtype(kind.to_pandas_dtype())
    column: npt.NDArray[Any] = np.frombuffer(array.buffers()[-1], dtype, count=len(array) * (width or 1))
    return column if width is None else column.reshape(len(array), width)


def _broken(path: Path, why: str) -> InputError:
    return InputError(
        f"shard {path} is damaged",
        received=why,
        hint="restore it from a copy, or delete this one file and run joryu label again: only its rows are asked anew",
    )
