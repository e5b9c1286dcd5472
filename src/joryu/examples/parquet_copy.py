"""The pictures of Parquet files copied into one file of the user's cache, where each can be read by itself.

A row group is decompressed as a whole, and a training asks for rows in an order of its own. A copy holds what the files
hold, and nothing that may change without them: where a path leads is found out anew each time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.examples.cache import own_name, user_cache
from joryu.examples.original_bytes import Stretch
from joryu.examples.originals import Stretches
from joryu.examples.picture import Progress
from joryu.examples.spool import SPARE

Cell = tuple[bytes | Stretch | None, str | None]
"""The bytes of a picture, or where they lie; else the path of its file, if there is any."""

_SCHEMA: Final = 2
_WORD: Final = 4096  #: pictures between two words about how far it is


class ParquetCopy(NamedTuple):
    """The cells of a column: the pictures with bytes of their own in ``stretches``, of the other rows ``paths``."""

    stretches: Stretches
    paths: dict[int, str | None]

    @property
    def holds_bytes(self) -> bool:
        """Whether any picture was copied."""
        return len(self.paths) < len(self.stretches.names)

    def cells(self) -> Iterator[Cell]:
        """Every row's cell, no picture of them read."""
        for row in range(len(self.stretches.names)):
            yield (None, self.paths[row]) if row in self.paths else (self.stretches.place(row), None)


def copy_of(
    shards: Sequence[Path], column: str, names: Sequence[str], cells: Iterable[Cell], progress: Progress | None
) -> ParquetCopy:
    """The copy of a column of these files, made now of its ``cells`` unless an earlier one is still theirs.

    Raises:
        InputError: the disk of the user's cache has no room for it.
    """
    stamps = [[str(path.resolve()), found.st_size, found.st_mtime_ns, found.st_ctime_ns]
              for path in shards for found in [path.stat()]]  # fmt: skip
    head = {"joryu-parquet-copy": _SCHEMA, "column": column, "shards": stamps, "rows": len(names)}
    place = hashlib.blake2b(json.dumps([column, [stamp[0] for stamp in stamps]]).encode(), digest_size=16).hexdigest()
    base = user_cache() / "parquet" / place
    if (found := _read(base, head, names)) is not None:
        return found
    _require_room(base, sum(path.stat().st_size for path in shards))
    return _write(base, head, names, cells, progress)


def _read(base: Path, head: dict[str, Any], names: Sequence[str]) -> ParquetCopy | None:
    try:
        kept = json.loads(base.with_suffix(".json").read_bytes())
        if {key: kept.get(key) for key in head} != head or base.with_suffix(".bin").stat().st_size != kept["bytes"]:
            return None
        ends = np.frombuffer(base.with_suffix(".ends").read_bytes(), dtype="<i8").astype(np.int64)
        if len(ends) != len(names) or hashlib.blake2b(ends.tobytes()).hexdigest() != kept["ends"]:
            return None
        paths = {int(row): None if path is None else str(path) for row, path in kept["paths"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return ParquetCopy(Stretches(base.with_suffix(".bin"), ends, names), paths)


def _require_room(base: Path, needed: int) -> None:
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(base.parent).free
    except OSError as error:
        raise InputError(
            f"these Parquet pictures are more than is held in memory, and cannot be copied to {base.parent}",
            received=error.strerror or str(error), hint="name a folder that can be written to: XDG_CACHE_HOME=FOLDER",
        ) from error  # fmt: skip
    if free < needed + SPARE:
        raise InputError(
            "these Parquet pictures are more than is held in memory, and there is no room to copy them",
            expected=f"{(needed + SPARE) / 2**30:.1f} GiB free in {base.parent}", received=f"{free / 2**30:.1f} GiB",
            hint="free some space, or name another disk: XDG_CACHE_HOME=FOLDER; or try a smaller --size",
        )  # fmt: skip


def _write(
    base: Path, head: dict[str, Any], names: Sequence[str], cells: Iterable[Cell], progress: Progress | None
) -> ParquetCopy:
    ends = np.zeros(len(names), dtype=np.int64)
    paths, at = dict[int, str | None](), 0
    own = own_name(base)  # of all three files: another process may be writing the same ones
    with durable_file(own) as file:
        for row, (content, path) in enumerate(cells):
            if isinstance(content, bytes):
                at += file.write(content)
            else:
                paths[row] = path
            ends[row] = at
            if progress is not None and row % _WORD == 0:
                progress(row, len(names))
    own.replace(base.with_suffix(".bin"))
    said = {"bytes": at, "ends": hashlib.blake2b(ends.tobytes()).hexdigest(), "paths": paths}
    with durable_file(own) as file:
        file.write(ends.astype("<i8").tobytes())
    own.replace(base.with_suffix(".ends"))
    with durable_file(own) as file:
        file.write(json.dumps(head | said).encode())
    own.replace(base.with_suffix(".json"))  # last, as it says that the others are there
    return ParquetCopy(Stretches(base.with_suffix(".bin"), ends, names), paths)
