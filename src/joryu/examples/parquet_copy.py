"""The pictures of Parquet files copied into one file of the user's cache, where each can be read by itself.

A row group is decompressed as a whole, and a training asks for rows in an order of its own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from joryu.durable import durable_file
from joryu.errors import InputError
from joryu.examples.cache import own_name, user_cache
from joryu.examples.originals import Originals, PictureFiles, Stretches
from joryu.examples.picture import Picture, Progress
from joryu.examples.spool import SPARE

_SCHEMA: Final = 1
_WORD: Final = 4096  #: pictures between two words about how far it is


class ParquetCopy(NamedTuple):
    """Pictures of a column: those with bytes of their own in ``stretches``, others in files, or missing for a reason.

    ``files`` and ``missing`` are by row.
    """

    stretches: Stretches
    files: dict[int, Path]
    missing: dict[int, str]

    def pictures(self) -> Iterator[Picture]:
        """Every picture under its name, none of them read."""
        for row, name in enumerate(self.stretches.names):
            if row in self.missing:
                yield Picture(name, b"", self.missing[row])
            else:
                yield Picture(name, self.files.get(row) or self.stretches.place(row))

    def originals(self, kept: Sequence[int]) -> Originals:
        """Where the bytes of the rows that were kept lie."""
        rows = list(self.files)
        place = {row: at for at, row in enumerate(rows)}
        shelf_of = np.array([int(row in place) for row in kept], dtype=np.int64)
        numbers = np.array([place.get(row, row) for row in kept], dtype=np.int64)
        return Originals((self.stretches, PictureFiles.of(self.files[row] for row in rows)), shelf_of, numbers)


def copy_of(
    shards: Sequence[Path], column: str, names: Sequence[str], pictures: Iterator[Picture], progress: Progress | None
) -> ParquetCopy:
    """The copy of a column of these files, made now unless an earlier one is still theirs.

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
    return _write(base, head, names, pictures, progress)


def _read(base: Path, head: dict[str, Any], names: Sequence[str]) -> ParquetCopy | None:
    try:
        kept = json.loads(base.with_suffix(".json").read_bytes())
        if {key: kept.get(key) for key in head} != head or base.with_suffix(".bin").stat().st_size != kept["bytes"]:
            return None
        ends = np.frombuffer(base.with_suffix(".ends").read_bytes(), dtype="<i8").astype(np.int64)
        if len(ends) != len(names) or hashlib.blake2b(ends.tobytes()).hexdigest() != kept["ends"]:
            return None
        files = {int(row): Path(path) for row, path in kept["files"].items()}
        missing = {int(row): str(reason) for row, reason in kept["missing"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return ParquetCopy(Stretches(base.with_suffix(".bin"), ends, names), files, missing)


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
    base: Path, head: dict[str, Any], names: Sequence[str], pictures: Iterator[Picture], progress: Progress | None
) -> ParquetCopy:
    ends = np.zeros(len(names), dtype=np.int64)
    files, missing, at = dict[int, Path](), dict[int, str](), 0
    own = own_name(base)
    with durable_file(own) as file:
        for row, picture in enumerate(pictures):
            if picture.missing:
                missing[row] = picture.missing
            elif isinstance(picture.source, Path):
                files[row] = picture.source
            elif isinstance(picture.source, bytes):
                at += file.write(picture.source)
            ends[row] = at
            if progress is not None and row % _WORD == 0:
                progress(row, len(names))
    own.replace(base.with_suffix(".bin"))
    said = {
        "bytes": at,
        "ends": hashlib.blake2b(ends.tobytes()).hexdigest(),
        "files": {row: str(path) for row, path in files.items()},
        "missing": missing,
    }
    with durable_file(base.with_suffix(".ends")) as file:
        file.write(ends.astype("<i8").tobytes())
    with durable_file(base.with_suffix(".json")) as file:
        file.write(json.dumps(head | said).encode())
    return ParquetCopy(Stretches(base.with_suffix(".bin"), ends, names), files, missing)
