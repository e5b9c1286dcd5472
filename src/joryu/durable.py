"""Files that are either whole or absent, and folders with one writer at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from joryu.errors import InputError, JoryuError

PARTIAL = ".partial"  #: the ending of a file that is still being written
LOCK = "writer.lock"
LONGEST = 255  #: bytes that a file's name may have on the usual systems


@contextmanager
def durable_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A new file that appears under ``path`` only once it is complete and on the disk itself.

    Written beside it under a temporary name, flushed to disk, renamed; then the folder's own entry is flushed. Killed
    at any point, this leaves the old file or the new one, and at worst a temporary file for `remove_leftovers`. A
    ``private`` one is this user's alone from its first byte.

    Raises:
        JoryuError: the disk is full, read-only or broken; the temporary file is removed.
    """
    temporary = path.with_name(_temporary(path.name))
    try:
        if private:
            temporary.unlink(missing_ok=True)
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise JoryuError(
            f"cannot write {path.name}",
            received=error.strerror or str(error),
            hint="free some space or mend the permissions and run it again: what was written before is kept",
        ) from error


def _temporary(name: str) -> str:
    """The name of a file while it is written, which may not be too long where its own is not."""
    beside = f".{name}{PARTIAL}"
    if len(os.fsencode(beside)) <= LONGEST:
        return beside
    return f".{hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()}{PARTIAL}"


def remove_leftovers(folder: Path) -> int:
    """Delete the temporary files of a killed process; how many there were. Only for whoever holds the lock."""
    leftovers = list(folder.glob(f".*{PARTIAL}"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the operating system lets go of it however the process ends.

    Raises:
        InputError: another process holds it.
    """
    import fcntl  # noqa: PLC0415 - POSIX only; reading a store needs no lock

    with (folder / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(
                f"{folder} is being written by another process",
                received=f"a lock held by process {file.read().strip() or 'unknown'}",
                hint="wait for it, stop it, or write to another folder",
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def flush_folder(folder: Path) -> None:
    """Flush the folder's own entries, so that what was renamed there is renamed on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
