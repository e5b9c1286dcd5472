"""Turn SQLite's errors into one-line errors about the disk or the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joryu.errors import InputError, JoryuError


class StorageError(JoryuError):
    """The file is intact, but cannot be read or written now: it is in use, or the disk is full."""


class DamagedError(InputError):
    """The file is not, or no longer, a database of annotations."""


class EmptyError(DamagedError):
    """The file is empty: it was never finished, or was emptied."""


_FULL = (
    "cannot be written",
    "free some space and try again: what was acknowledged before is kept",
)
_IN_USE = ("is in use by another program", "stop what else has it open, and try again")
_FORBIDDEN = ("cannot be written", "mend the permissions of it and its folder, and try again")
_DISK = (
    "cannot be read or written",
    "look whether the disk is full or damaged, and try again: what was acknowledged before is kept",
)
_NOW = {
    sqlite3.SQLITE_BUSY: _IN_USE, sqlite3.SQLITE_LOCKED: _IN_USE, sqlite3.SQLITE_PROTOCOL: _IN_USE,
    sqlite3.SQLITE_FULL: _FULL, sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_READONLY: _FORBIDDEN, sqlite3.SQLITE_CANTOPEN: _FORBIDDEN, sqlite3.SQLITE_PERM: _FORBIDDEN,
    sqlite3.SQLITE_AUTH: _FORBIDDEN,
}  # fmt: skip
_OURS = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE}


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """A context that turns SQLite's errors into one-line errors about this file, without its full path.

    Raises:
        StorageError: the file is in use, the disk is full, or permission is missing.
        DamagedError: the file is not a database of annotations.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError):
            raise
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # higher bits are details
        if code in _OURS:
            raise
        name = f"{path.parent.name}/{path.name}"
        if code in _NOW:
            what, hint = _NOW[code]
            raise StorageError(f"{name} {what}", received=str(error), hint=hint) from error
        raise DamagedError(
            f"{name} cannot be read: it is damaged, or no file of annotations", received=str(error),
            hint="restore it from a copy",
        ) from error  # fmt: skip
