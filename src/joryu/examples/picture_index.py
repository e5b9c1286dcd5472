"""What is known of the pictures of a large set from an earlier look, so that each is decoded for it only once."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL
import pyarrow as pa
from PIL import features

from joryu.durable import durable_file
from joryu.errors import JoryuError
from joryu.examples.cache import own_name, user_cache
from joryu.examples.index import FRESH_NS
from joryu.examples.inputs import Rows
from joryu.examples.picture_entry import ENTRY, Entries

_SCHEMA: Final = 3
_SECONDS: Final = 15.0  #: between two times that what was found is written, while there is more to look at
_PATIENCE: Final = 20.0  #: and no less than so many times what writing took


class Known(NamedTuple):
    """Entries of some pictures, and the reason why each cannot be used (empty: it can)."""

    entries: Entries
    reasons: list[str]


class PictureIndex:
    """Entries of pictures by name, in a file of the user's cache that may be deleted at any time.

    Args:
        place: the folder or file of the set.
        reading: how its pictures are read (size, channels), as text: read otherwise, they look otherwise.
    """

    def __init__(self, place: Path, reading: str) -> None:
        rules = f"{reading}; Pillow {PIL.__version__}, jpg {features.version('jpg')}"
        self._head = {"joryu-pictures": str(_SCHEMA), "place": str(place.resolve()), "rules": rules}
        name = hashlib.blake2b(json.dumps([self._head["place"], reading]).encode(), digest_size=16).hexdigest()
        self.path = user_cache() / "pictures" / f"{name}.arrow"
        self._opened = time.time_ns()  # before any file was looked at
        self._row_of, self._known = self._read()
        self._saved, self._patience = time.monotonic(), _SECONDS

    def _read(self) -> tuple[dict[str, int], Known]:
        nothing = Known(np.zeros(0, ENTRY), [])
        try:
            with pa.memory_map(str(self.path)) as file:
                table = pa.ipc.open_file(file).read_all()
                kept = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
                if kept != self._head:
                    return {}, nothing
                names = table["name"].to_pylist()
                entries = np.frombuffer(b"".join(chunk.buffers()[1].to_pybytes()[: len(chunk) * ENTRY.itemsize]
                                                 for chunk in table["entry"].chunks), ENTRY)  # fmt: skip
                reasons = table["reason"].to_pylist()
        except (OSError, ValueError, KeyError, pa.ArrowException):
            return {}, nothing
        if len(entries) != len(names):
            return {}, nothing
        return {name: row for row, name in enumerate(names)}, Known(entries, reasons)

    def match(self, names: Sequence[str], stamps: npt.NDArray[np.int64]) -> Rows:
        """The row of each picture that is known and whose file is as it was, int64 ``[n]``; -1 for the others."""
        rows = np.array([self._row_of.get(name, -1) for name in names], dtype=np.int64)
        if not len(self._known.entries):
            return rows
        same = (self._known.entries["stamp"][rows] == stamps).all(1)
        return np.where((rows >= 0) & same, rows, -1)

    def known(self, rows: Rows) -> Known:
        """What `match` found."""
        return Known(self._known.entries[rows], [self._known.reasons[row] for row in rows.tolist()])

    @property
    def is_due(self) -> bool:
        """Whether it is time to write what was found."""
        return time.monotonic() - self._saved >= self._patience

    def save(self, names: Sequence[str], found: Known, looked: npt.NDArray[np.bool_]) -> bool:
        """Write the entries that were looked at, aside and then renamed; whether the disk took them.

        Without them all is looked at again. A file that had changed just before this began could have changed again
        while it was read, and look the same: it is not kept.
        """
        began = time.monotonic()
        kept = np.flatnonzero(looked & (found.entries["stamp"][:, 2] + FRESH_NS < self._opened))
        entry = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(ENTRY.itemsize), len(kept), [None, pa.py_buffer(found.entries[kept].tobytes())]
        )
        rows = kept.tolist()
        table = pa.table(
            {"name": [names[row] for row in rows], "reason": [found.reasons[row] for row in rows], "entry": entry}
        )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            own = own_name(self.path)
            schema = table.schema.with_metadata(self._head)
            with durable_file(own) as file, pa.ipc.new_file(file, schema) as writer:
                writer.write_table(table)
            own.replace(self.path)
        except (OSError, JoryuError):
            return False
        self._saved = time.monotonic()
        self._patience = max(_SECONDS, _PATIENCE * (self._saved - began))
        return True
