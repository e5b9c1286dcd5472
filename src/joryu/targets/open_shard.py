"""`OpenShard`: collects answers on their way to the disk, in columns that are allocated once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from joryu.targets.encoding import Columns, row_bytes
from joryu.targets.shards import absent_column


class OpenShard:
    """Collects rows in arrays that are allocated once.

    Keeping the small arrays of each batch until the shard is written was tried first. They came to lie between the
    large arrays of the teacher, so that the C library returned memory and fetched it again for every batch; a small
    teacher was 4 % slower.

    Args:
        rows: the number of rows to allocate; the arrays grow if there are more.
        bytes: the most bytes to allocate, whatever the number of rows.
    """

    def __init__(self, rows: int, bytes: int) -> None:
        self._wanted_rows, self._wanted_bytes = rows, bytes
        self._columns: Columns = {}
        self._capacity = 0
        self._rows = 0
        self._row_bytes = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """The number of bytes of the rows it holds."""
        return self._rows * self._row_bytes

    def append(self, parts: Sequence[Columns]) -> None:
        """Add the rows of all ``parts``; if it is interrupted, none of them."""
        end = self._rows
        for part in parts:
            if not len(part["view"]):
                continue
            start, end = end, end + len(part["view"])
            self._make_room(part, start, end)
            for name, column in self._columns.items():
                column[start:end] = part[name] if name in part else absent_column(name, column, end - start)
        self._rows = end

    def take(self) -> Columns:
        """Take out all rows. The shard is empty afterwards, and never writes to the arrays it gave."""
        columns = {name: column[: self._rows] for name, column in self._columns.items()}
        self._columns, self._capacity, self._rows, self._row_bytes = {}, 0, 0, 0
        return columns

    def _make_room(self, part: Columns, start: int, end: int) -> None:
        if end > self._capacity:
            roomy = min(self._wanted_rows, self._wanted_bytes // row_bytes(part)) + end - start
            self._capacity = max(end, roomy if start == 0 else 2 * self._capacity)
            self._columns = {name: self._widened(column, start) for name, column in self._columns.items()}
        for name, column in part.items():
            if name not in self._columns:  # rows before this one meant something by not having it
                self._columns[name] = self._widened(absent_column(name, column, start), start)
                self._row_bytes += row_bytes({name: column})  # where rows differ in length, the mean of the first

    def _widened(self, column: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
        wide = np.empty((self._capacity, *column.shape[1:]), dtype=column.dtype)
        wide[:rows] = column[:rows]
        return wide
