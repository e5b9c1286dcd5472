"""The open shard: answers on their way to the disk, in columns whose room is taken once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from joryu.targets.encoding import Columns, row_bytes
from joryu.targets.shards import absent_column


class OpenShard:
    """Collects rows in arrays of fixed place.

    Keeping each batch's small arrays until the shard is written was tried first: they settle between the teacher's
    large ones, the C library then hands memory back and fetches it again at every batch, and a small teacher ran 4 %
    slower.

    Args:
        rows: how many rows it is made for; it grows when there are more.
        bytes: the most it is made for, whatever the rows.
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
        """Bytes of the rows it holds."""
        return self._rows * self._row_bytes

    def append(self, parts: Sequence[Columns]) -> None:
        """Add rows: all of them or, interrupted, none."""
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
        """The rows collected; the shard is empty afterwards, and what was taken is never written to again."""
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
