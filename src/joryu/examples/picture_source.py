"""`PictureSource`: pictures that are decoded when their rows are asked for, as all would not fit in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.ahead import decoding_threads, in_order, usable_cores
from joryu.examples.block_memory import block
from joryu.examples.decoders import DECODERS, Request
from joryu.examples.decoding import strict_pillow
from joryu.examples.inputs import Rows, numbers
from joryu.examples.originals import Originals, Words
from joryu.examples.preparation import PicturePreparation
from joryu.examples.spool import Spool

_TASK: Final = 16  #: pictures a thread takes at once
_TASK_BYTES: Final = 4 * 2**20  #: decoded, unless a single one is larger
_REMEMBERED: Final = 3  #: blocks that are kept for whoever asks for them next, as a student and its twin do


class _Shared:
    """What the parts of a set have in common: the spool, and the blocks that were read last."""

    def __init__(self, rows: int) -> None:
        self.rows = rows  #: of the whole set
        self.spool: Spool | None = None
        self._last: list[tuple[bytes, Tensor]] = []
        self._lock = threading.Lock()

    def remembered(self, rows: Rows) -> Tensor | None:
        key = rows.tobytes()
        with self._lock:
            return next((block for known, block in self._last if known == key), None)

    def remember(self, rows: Rows, block: Tensor) -> None:
        with self._lock:
            self._last = [*self._last[1 - _REMEMBERED :], (rows.tobytes(), block)]


@final
@dataclass(frozen=True, eq=False)
class PictureSource:
    """Inputs uint8 ``[n, channels, height, width]``, read from the original files by a preparation.

    ``keys`` are the hashes of the files' bytes: a file that has changed since is refused. ``block_means``, float32
    ``[n, 16]``, is what `joryu.examples.repeats` compares first. ``places`` are the rows' numbers in the whole set.
    """

    originals: Originals
    keys: Words
    preparation: PicturePreparation
    block_means: npt.NDArray[np.float32]
    places: Rows
    _shared: _Shared = field(repr=False)

    @classmethod
    def of(
        cls,
        originals: Originals,
        keys: Words,
        preparation: PicturePreparation,
        block_means: npt.NDArray[np.float32],
    ) -> PictureSource:
        """All pictures of a set."""
        places = np.arange(len(keys), dtype=np.int64)
        return cls(originals, keys, preparation, block_means, places, _Shared(len(keys)))

    @property
    def shape(self) -> torch.Size:
        made = self.preparation
        return torch.Size((len(self.places), made.channels, made.height, made.width))

    @property
    def ndim(self) -> int:
        return 4

    @property
    def dtype(self) -> torch.dtype:
        return torch.uint8

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Any, /) -> Tensor:
        """The pictures of some rows.

        Raises:
            InputError: a file is gone, cannot be read or has changed.
        """
        wanted = numbers(rows, len(self))
        if wanted.ndim == 0:
            return self[wanted[None]][0]
        places = self.places[wanted]
        if (read := self._shared.remembered(places)) is None:
            read = torch.from_numpy(self._read(wanted))
            self._shared.remember(places, read)
        copy = torch.from_numpy(block(read.shape))  # what one reader does to its block must not reach the next
        return copy.copy_(read)

    def select(self, rows: Rows) -> PictureSource:
        """Some rows, without reading them."""
        return replace(
            self,
            originals=self.originals.select(rows),
            keys=self.keys[rows],
            block_means=self.block_means[rows],
            places=self.places[rows],
        )

    def spooled(self, folder: Path) -> None:
        """Keep what is decoded from now on in a file on the folder's disk, if that has room for all of it.

        For whoever reads everything several times. The parts of a set share one file.
        """
        if self._shared.spool is None:
            self._shared.spool = Spool.in_folder(folder, self._shared.rows, self._row_bytes)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:]))

    def _read(self, wanted: Rows) -> npt.NDArray[np.uint8]:
        pixels = block((len(wanted), *self.shape[1:]))
        spool, places = self._shared.spool, self.places[wanted]
        there = np.zeros(len(wanted), dtype=bool) if spool is None else spool.has(places)
        if spool is not None:
            for at in np.flatnonzero(there).tolist():
                spool.read(int(places[at]), pixels[at])
        missing = np.flatnonzero(~there)

        def decode(task: Rows) -> None:
            self._decode(wanted[task], task, pixels)
            if spool is not None:
                for at in task.tolist():
                    spool.write(int(places[at]), pixels[at])

        with strict_pillow():
            tasks = list(_tasks(missing, self._row_bytes))
            for _ in in_order(decode, tasks, pool=decoding_threads(), most=len(tasks) + 1):
                pass
        return pixels

    def _decode(self, rows: Rows, into: Rows, pixels: npt.NDArray[np.uint8]) -> None:
        """Decode some rows to places of their own in a block, in another process or, what that cannot do, here."""
        left: Sequence[int] = range(len(rows))
        with DECODERS.asked(partial(self._request, rows)) as records:
            if records is not None:
                done = np.delete(into, records.failed) if records.failed else into
                pixels[done] = np.frombuffer(records.content, np.uint8).reshape(len(done), *self.shape[1:])
                left = records.failed
            for at in left:
                pixels[into[at]] = self._decoded(int(rows[at]))

    def _request(self, rows: Rows) -> Request:
        shape = {"channels": self.preparation.channels, "height": self.preparation.height,
                 "width": self.preparation.width}  # fmt: skip
        about = {"shape": shape, "keys": self.keys[rows].astype("<u8").tobytes().hex()}
        return Request("pixels", self.originals.places(rows), about)

    def _decoded(self, row: int) -> npt.NDArray[np.uint8]:
        content = self.originals.read(row, np.ascontiguousarray(self.keys[row], dtype="<u8").tobytes())
        try:
            return self.preparation.pixels(content)
        except InputError as error:
            raise InputError(f"{self.originals.name(row)} cannot be read again", received=str(error)) from error


def _tasks(rows: Rows, row_bytes: int) -> Iterator[Rows]:
    """The rows in tasks, which grow smaller towards the end, so that all who decode end at about the same time."""
    most, start = max(1, min(_TASK, _TASK_BYTES // row_bytes)), 0
    while start < len(rows):
        size = min(most, max(1, (len(rows) - start) // (2 * usable_cores())))
        yield rows[start : start + size]
        start += size
