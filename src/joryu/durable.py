"""Files that are either whole or absent, and folders with one writer at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
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


@contextmanager
def durable_folder(folder: Path) -> Iterator[Path]:
    """A new folder that appears under its name only once everything in it is complete and on the disk itself.

    What is given is a folder beside it, under a temporary name, to be filled. Killed at any point, this leaves that
    one at worst, which the next call for the same folder takes away. An empty folder gives way to the new one.

    Raises:
        InputError: there is something already, or another process is writing it.
        JoryuError: the disk is full, read-only or broken; nothing is left.
    """
    require_free(folder)
    temporary = folder.with_name(_temporary(folder.name))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        with _held(temporary, folder):
            try:
                _empty(temporary)
                yield temporary
                for path in sorted(temporary.rglob("*")):
                    _flush(path)
                flush_folder(temporary)
                temporary.replace(folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        flush_folder(folder.parent)
    except OSError as error:
        raise JoryuError(
            f"cannot write the folder {folder}", received=error.strerror or str(error),
            hint="free some space or mend the permissions and run it again: nothing was left there",
        ) from error  # fmt: skip


def exchange_folder(folder: Path, new: Path, old: Path) -> None:
    """Put the folder ``new`` in the place of ``folder``, which becomes ``old``: two renames.

    A kill between them leaves nothing at ``folder``; `finish_exchange` puts that right.

    Raises:
        InputError: there is something at ``old`` already.
    """
    if old.exists():
        raise InputError(f"{old} is in the way of what was in {folder}", hint="move it elsewhere and run it again")
    folder.rename(old)
    new.rename(folder)
    flush_folder(folder.parent)


def finish_exchange(folder: Path, new: Path, old: Path) -> None:
    """Finish an `exchange_folder` that was killed between its two renames; nothing where none was."""
    if not folder.exists() and new.is_dir() and old.is_dir():
        new.rename(folder)
        flush_folder(folder.parent)


def require_free(folder: Path) -> None:
    """Check that a folder can be made, before there is work to lose.

    Raises:
        InputError: there is something already.
        JoryuError: its parent cannot be written.
    """
    if folder.is_symlink() or folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        found = "a file" if folder.is_file() else "a folder"
        raise InputError(
            f"{folder} is there already", expected="a new folder", received=found, hint="choose another, or delete it"
        )
    nearest = next(parent for parent in folder.absolute().parents if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise JoryuError(
            f"cannot write the folder {folder}",
            received=f"{nearest}, which is {'read-only' if nearest.is_dir() else 'no folder'}",
            hint="choose another place, or mend the permissions",
        )


@contextmanager
def _held(folder: Path, said: Path) -> Iterator[None]:
    """Lock the folder itself: a file of a lock would be left in it."""
    import fcntl  # noqa: PLC0415 - POSIX only

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{said} is being written by another process", hint="wait for it, stop it, or choose another folder"
            ) from error
        yield
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _flush(path: Path) -> None:
    if path.is_dir():
        flush_folder(path)
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())


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
