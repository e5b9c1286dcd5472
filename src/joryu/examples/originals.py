"""Where the original bytes of examples lie: what an API is sent, and what another input is made of."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from joryu.errors import InputError
from joryu.examples.original_bytes import KEY_BYTES as KEY_BYTES  # noqa: PLC0414 - what is original is found here
from joryu.examples.original_bytes import Source as Source  # noqa: PLC0414
from joryu.examples.original_bytes import Stretch as Stretch  # noqa: PLC0414
from joryu.examples.original_bytes import key_of as key_of  # noqa: PLC0414

Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


def ids_of(keys: Sequence[bytes]) -> Words:
    """Keys as the ids of examples, uint64 ``[n, 2]``.

    >>> ids_of([bytes([1] + 7 * [0] + [2] + 7 * [0])]).tolist()
    [[1, 2]]
    """
    return np.frombuffer(b"".join(keys), dtype="<u8").reshape(-1, 2).astype(np.uint64)


_READING = threading.Lock()


class Shelf(Protocol):
    """A place with the bytes of many pictures, each known by its number there."""

    def name(self, number: int) -> str:
        """What to call one of them."""
        ...

    def read(self, number: int) -> bytes:
        """The bytes of one of them.

        Raises:
            OSError: they cannot be read any more.
        """
        ...

    def place(self, number: int) -> Source:
        """The file or the part of a file that holds them, for another process; the bytes where they are only here.

        Raises:
            OSError: they cannot be read any more.
        """
        ...


@dataclass(frozen=True)
class PictureFiles:
    """Picture files, each by its path as text: a `Path` of each of many costs more than everything else about it."""

    paths: Sequence[str]

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Self:
        """Those of some paths."""
        return cls([*map(str, paths)])

    def name(self, number: int) -> str:
        return self.paths[number]

    def read(self, number: int) -> bytes:
        return Path(self.paths[number]).read_bytes()

    def place(self, number: int) -> str:
        return self.paths[number]


@dataclass(frozen=True)
class ParquetPictures:
    """A column of pictures in Parquet files, numbered through all of them; read whole when first asked for.

    ``rows`` is how many each file holds. A table is read by groups of thousands of rows, and a teacher asks in the
    order of the ids, which is no order at all: each row by itself would read the file once for every batch.
    """

    paths: Sequence[Path]
    rows: Sequence[int]
    column: str

    def name(self, number: int) -> str:
        file = int(np.searchsorted(self._ends, number, side="right"))
        return f"{self.paths[file]}#{number - int(self._ends[file]) + self.rows[file]}"

    def read(self, number: int) -> bytes:
        try:
            content: bytes | None = self._column[number].as_py()
        except (pa.ArrowException, IndexError) as error:
            raise OSError(str(error)) from error
        return content or b""

    def place(self, number: int) -> bytes:
        return self.read(number)

    @property
    def _ends(self) -> Rows:
        return np.cumsum(self.rows)

    @property
    def _column(self) -> pa.ChunkedArray:
        with _READING:  # since Python 3.12 `cached_property` lets every thread that asks meanwhile read it too
            return self._read_once

    @cached_property
    def _read_once(self) -> pa.ChunkedArray:
        chunks = [chunk for path in self.paths for chunk in _pictures(path, self.column)]
        return pa.chunked_array(chunks)


@dataclass(frozen=True)
class Stretches:
    """Pictures that lie one after another in a file; ``ends`` are where each ends, ``names`` what they are called."""

    path: Path
    ends: Rows
    names: Sequence[str]

    def name(self, number: int) -> str:
        return self.names[number]

    def read(self, number: int) -> bytes:
        return self.place(number).read()

    def place(self, number: int) -> Stretch:
        start = int(self.ends[number - 1]) if number else 0
        return Stretch(self.path, start, int(self.ends[number]) - start)


def _pictures(path: Path, column: str) -> list[pa.Array]:
    found = pq.ParquetFile(path, pre_buffer=False).read([column]).column(0)
    plain = [chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk for chunk in found.chunks]
    return [
        (chunk.field("bytes") if pa.types.is_struct(chunk.type) else chunk).cast(pa.large_binary()) for chunk in plain
    ]


@dataclass(frozen=True)
class Originals:
    """The original bytes of some examples, row by row: which shelf each lies on, and its number there."""

    shelves: tuple[Shelf, ...]
    shelf_of: Rows
    number_of: Rows

    @classmethod
    def on(cls, shelf: Shelf, numbers: npt.ArrayLike) -> Self:
        """Those of the given numbers on one shelf."""
        rows = np.asarray(numbers, dtype=np.int64)
        return cls((shelf,), np.zeros(len(rows), dtype=np.int64), rows)

    @classmethod
    def joined(cls, parts: Sequence[Originals]) -> Self:
        """Those of several sets, one after another."""
        shelves = tuple(shelf for part in parts for shelf in part.shelves)
        before = np.cumsum([0, *(len(part.shelves) for part in parts)])
        shelf_of = np.concatenate([part.shelf_of + start for part, start in zip(parts, before[:-1], strict=True)])
        return cls(shelves, shelf_of, np.concatenate([part.number_of for part in parts]))

    def __len__(self) -> int:
        return len(self.number_of)

    def select(self, rows: Rows) -> Originals:
        """Those of the given rows."""
        return Originals(self.shelves, self.shelf_of[rows], self.number_of[rows])

    def name(self, row: int) -> str:
        """What to call the original of one example."""
        return self.shelves[int(self.shelf_of[row])].name(int(self.number_of[row]))

    def places(self, rows: Rows) -> list[Source]:
        """Where another process finds the bytes of some examples, or the bytes.

        Raises:
            OSError: they cannot be read any more.
        """
        where = zip(self.shelf_of[rows].tolist(), self.number_of[rows].tolist(), strict=True)
        return [self.shelves[shelf].place(number) for shelf, number in where]

    def read(self, row: int, key: bytes) -> bytes:
        """The bytes of one example, which must still be those with the given `key_of`.

        Raises:
            InputError: the file is gone, cannot be read or holds something else than when the examples were loaded.
        """
        shelf, number = self.shelves[int(self.shelf_of[row])], int(self.number_of[row])
        try:
            content = shelf.read(number)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"{shelf.name(number)} cannot be read any more", received=reason, hint=_AGAIN) from error
        if (found := key_of(content)) != key:
            raise InputError(
                f"{shelf.name(number)} has changed since the examples were read", expected=f"SHA-256 {key.hex()[:12]}…",
                received=f"{found.hex()[:12]}…", hint=_AGAIN,
            )  # fmt: skip
        return content


_AGAIN = "put the old file back, or run the same command again to read the set as it is now"
