"""A file that keeps pictures as they were decoded, so that an epoch after the first reads them instead."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from joryu.examples.inputs import Rows

SPARE: Final = 2**30  #: bytes that are left free on the disk


class Spool:
    """Rows of equal size in a file without a name, which is gone with the process however that ends.

    What is written lies in the system's cache of files as far as there is memory, and on the disk beyond it. A disk
    that does not take a row is no error: the row is decoded again.

    Args:
        folder: on whose disk the file lies.
        rows: how many there may be.
        row_bytes: the size of each.
    """

    def __init__(self, folder: Path, rows: int, row_bytes: int) -> None:
        self._row_bytes = row_bytes
        self._file, name = tempfile.mkstemp(dir=folder)
        os.unlink(name)  # noqa: PTH108 - it lives as long as it is open
        weakref.finalize(self, os.close, self._file)
        self._there = np.zeros(rows, dtype=bool)
        self._writing = threading.Lock()
        self._full = False

    @classmethod
    def in_folder(cls, folder: Path, rows: int, row_bytes: int) -> Self | None:
        """A spool on the disk of a folder that need not exist yet; ``None`` where that has no room for all rows."""
        folder = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
        with suppress(OSError):
            if shutil.disk_usage(folder).free >= rows * row_bytes + SPARE:
                return cls(folder, rows, row_bytes)
        return None

    def has(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which of the rows can be read."""
        return self._there[rows]

    def read(self, row: int, into: npt.NDArray[np.uint8]) -> None:
        """Read a row that is there."""
        os.preadv(self._file, [into.data], row * self._row_bytes)

    def write(self, row: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Keep a row, if the disk takes it."""
        if self._full:
            return
        try:
            written = os.pwrite(self._file, pixels.data, row * self._row_bytes)
        except OSError:
            written = 0
        with self._writing:
            self._full = written < self._row_bytes
            self._there[row] = not self._full
