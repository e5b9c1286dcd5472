"""The events of a project in SQLite: append-only, on disk when acknowledged, each stored at most once.

Answers, skips and undos are events; the valid answers are a view of them. Events are never changed, so the file shows
everything that an annotator did, and a request that is sent twice is recognised by its key.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from joryu.annotations.answer import Answer, Timing
from joryu.annotations.storage import DamagedError, EmptyError, sqlite_errors
from joryu.errors import InputError, JoryuError, MismatchError

WAIT_S = 10.0  #: seconds to wait while another process uses the file
SCHEMA = 1  #: the version of the tables, stored as SQLite's user_version; a newer one is refused

_TABLES = """
CREATE TABLE pictures (key TEXT NOT NULL, path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE sessions (id TEXT PRIMARY KEY, annotator TEXT NOT NULL, started REAL NOT NULL, device TEXT) WITHOUT ROWID;
CREATE TABLE clocks (session TEXT NOT NULL, at REAL NOT NULL, offset_ms REAL NOT NULL, round_trip_ms REAL NOT NULL);
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, undoes INTEGER REFERENCES events (id),
  annotator TEXT NOT NULL, session TEXT NOT NULL, picture TEXT, showing INTEGER, choice TEXT, severity TEXT,
  second TEXT, confidence TEXT, rt_ms REAL, first_key_ms REAL, hidden_ms REAL, n_changes INTEGER, trial INTEGER,
  signals TEXT, at REAL NOT NULL
);
CREATE INDEX events_of ON events (annotator, picture, showing);
CREATE UNIQUE INDEX undone_once ON events (undoes) WHERE undoes IS NOT NULL;
CREATE VIEW standing AS SELECT * FROM events AS e WHERE e.undoes IS NULL
  AND NOT EXISTS (SELECT 1 FROM events AS u WHERE u.undoes = e.id);
CREATE VIEW answers AS SELECT * FROM standing AS e WHERE e.id = (
  SELECT MAX(l.id) FROM standing AS l
  WHERE l.annotator = e.annotator AND l.picture = e.picture AND l.showing = e.showing);
"""
# Tables added later: a file without them gets them, and earlier versions can still read a file that has them.
_ADDED = """
CREATE TABLE IF NOT EXISTS browsers (
  annotator TEXT NOT NULL, browser TEXT NOT NULL, host INTEGER NOT NULL, PRIMARY KEY (annotator, browser)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doomed (file TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_FIELDS = ("annotator", "session", "picture", "showing", "choice", "severity", "second", "confidence")
_TIMES = ("rt_ms", "first_key_ms", "hidden_ms", "n_changes", "trial")


class Recorded(NamedTuple):
    """The number of a stored event, and whether it is new (``False``: the same request came before)."""

    event: int
    fresh: bool


class Database:
    """One SQLite file, shared by the threads of one process; other processes may read and write it too.

    Args:
        path: of the file.
        make: make a new file, which must not exist; only this user may read it.

    Every method may raise `StorageError` (the file is in use, the disk is full) or `DamagedError`.

    Raises:
        InputError: the file does not exist, is not a database, or (``make``) exists already.
        StorageError: the file cannot be written.
        MismatchError: a newer version of Joryu wrote it.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        if path.exists() == make:
            what = "there are annotations already at" if make else "no annotations at"
            raise InputError(f"{what} {path.parent}", hint=None if make else "try joryu annotate FOLDER --classes …")
        self.path = path
        if make:  # measured signals are health data; SQLite gives its log the same permissions
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            with sqlite_errors(path):
                self._prepare(make)
        except JoryuError:
            self._connection.close()
            for begun in path.parent.glob(f"{path.name}*") if make else ():
                begun.unlink()  # an incomplete database would block the next attempt
            raise

    def _prepare(self, make: bool) -> None:
        run = self._connection.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")  # an acknowledged answer survives a power failure, not only a killed process
        run("PRAGMA secure_delete = ON")
        run("PRAGMA foreign_keys = ON")
        if make:
            self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT")
        self._version = int(run("PRAGMA data_version").fetchone()[0])
        found = int(run("PRAGMA user_version").fetchone()[0])
        if found == 0:  # what a file has of itself
            name, empty = f"{self.path.parent.name}/{self.path.name}", not run("SELECT 1 FROM sqlite_master").fetchone()
            if empty:
                raise EmptyError(f"{name} is empty", expected="annotations", hint="restore it from a copy")
            raise DamagedError(f"{name} is no file of annotations", hint="restore it from a copy")
        if found != SCHEMA:
            raise MismatchError(
                f"{self.path} was written by another Joryu", expected=f"schema {SCHEMA}", received=f"schema {found}",
                hint="upgrade with: pip install --upgrade joryu",
            )  # fmt: skip
        self._connection.executescript(_ADDED)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is stored, or nothing."""
        with self._lock, sqlite_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, sqlite_errors(self.path):
            return self._connection.execute(query, values).fetchall()

    # --- pictures and sessions --------------------------------------------------------------------------------------

    def set_pictures(self, pictures: Iterable[tuple[str, str]]) -> None:
        """Replace the (key, path) pairs of the pictures."""
        with self._writing() as connection:
            connection.execute("DELETE FROM pictures")
            connection.executemany("INSERT INTO pictures (key, path) VALUES (?, ?)", pictures)

    def pictures(self) -> list[tuple[str, str]]:
        """Every (key, path), sorted by path."""
        return [(row["key"], row["path"]) for row in self._rows("SELECT key, path FROM pictures ORDER BY path")]

    def begin_session(self, session: str, annotator: str, device: str | None = None) -> bool:
        """Store a session of an annotator, if it is new; returns whether it was."""
        with self._writing() as connection:
            noted = connection.execute(
                "INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?)", (session, annotator, time.time(), device)
            )
        return noted.rowcount > 0

    def annotator_of(self, session: str) -> str | None:
        """The annotator of a session; ``None`` if the session is not known."""
        found = self._rows("SELECT annotator FROM sessions WHERE id = ?", (session,))
        return None if not found else str(found[0][0])

    def device_of(self, session: str) -> str | None:
        """The spec of the device that was worn in a session, if any."""
        found = self._rows("SELECT device FROM sessions WHERE id = ?", (session,))
        return None if not found else found[0][0]

    def annotators(self) -> list[str]:
        """Everybody with a session or an answer, imported answers included."""
        return [row[0] for row in self._rows("SELECT annotator FROM sessions UNION SELECT annotator FROM events")]

    def hold(self, annotator: str, browser: str, *, host: bool) -> None:
        """Store that an annotator belongs to a browser (the hash of its key), and whether it was the host's."""
        with self._writing() as connection:
            connection.execute("INSERT OR IGNORE INTO browsers VALUES (?, ?, ?)", (annotator, browser, host))

    def holders(self, annotator: str) -> dict[str, bool]:
        """Every browser that an annotator belongs to, and whether it was the host's."""
        found = self._rows("SELECT browser, host FROM browsers WHERE annotator = ?", (annotator,))
        return {row["browser"]: bool(row["host"]) for row in found}

    def held_by(self, browser: str) -> list[str]:
        """The annotators that belong to a browser."""
        return [row[0] for row in self._rows("SELECT annotator FROM browsers WHERE browser = ?", (browser,))]

    def changed_elsewhere(self) -> bool:
        """Whether another process has written since the last call (or since the file was opened)."""
        version = int(self._rows("PRAGMA data_version")[0][0])
        changed, self._version = version != self._version, version
        return changed

    def sessions(self, annotator: str) -> list[str]:
        """Every session of an annotator, including those without an answer."""
        found = self._rows(
            "SELECT id FROM sessions WHERE annotator = ?1 UNION SELECT session FROM events WHERE annotator = ?1",
            (annotator,),
        )
        return [row[0] for row in found]

    def note_clock(self, session: str, *, offset_ms: float, round_trip_ms: float) -> None:
        """Store a measured offset between the browser's clock and the server's, in milliseconds."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO clocks VALUES (?, ?, ?, ?)", (session, time.time(), offset_ms, round_trip_ms)
            )

    def clocks(self, session: str) -> list[tuple[float, float, float]]:
        """The measured offsets of a session, in order: (seconds since 1970, offset in ms, round trip in ms)."""
        query = "SELECT at, offset_ms, round_trip_ms FROM clocks WHERE session = ? ORDER BY rowid"
        return [tuple(row) for row in self._rows(query, (session,))]

    # --- events -----------------------------------------------------------------------------------------------------

    def record(self, answer: Answer, key: str) -> Recorded:
        """Store an answer (or a skip), once for each key; it is on disk when this returns.

        Raises:
            InputError: the key was used for something else.
        """
        with self._writing() as connection:
            return self._append(connection, answer, key)

    def record_all(self, answers: Iterable[tuple[Answer, str]]) -> int:
        """Store many answers in one transaction; returns how many were new."""
        with self._writing() as connection:
            return sum(self._append(connection, answer, key).fresh for answer, key in answers)

    def _append(self, connection: sqlite3.Connection, answer: Answer, key: str) -> Recorded:
        earlier = connection.execute("SELECT * FROM events WHERE key = ?", (key,)).fetchone()
        if earlier is not None:
            if earlier["undoes"] is not None or earlier["annotator"] != answer.annotator:
                raise _used_already(key)
            return Recorded(int(earlier["id"]), fresh=False)
        values = [getattr(answer, name) for name in _FIELDS] + [getattr(answer.timing, name) for name in _TIMES]
        names = ("key", *_FIELDS, *_TIMES, "signals", "at")
        at = answer.at or time.time()
        cursor = connection.execute(
            f"INSERT INTO events ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - our names
            (key, *values, json.dumps(dict(answer.signals), sort_keys=True), at),
        )
        return Recorded(int(cursor.lastrowid or 0), fresh=True)

    def undo(self, annotator: str, session: str, key: str) -> Answer | None:
        """Undo the annotator's latest valid answer, once for each key; returns it, or ``None`` if there is none.

        Raises:
            InputError: the key was used for something else.
        """
        with self._writing() as connection:
            earlier = connection.execute("SELECT undoes, annotator FROM events WHERE key = ?", (key,)).fetchone()
            if earlier is not None:
                if earlier["undoes"] is None or earlier["annotator"] != annotator:
                    raise _used_already(key)
                undone = connection.execute("SELECT * FROM events WHERE id = ?", (earlier["undoes"],)).fetchone()
                return None if undone is None else _answer(undone)
            last = connection.execute(
                "SELECT * FROM standing WHERE annotator = ? ORDER BY id DESC LIMIT 1", (annotator,)
            ).fetchone()
            if last is None:
                return None
            connection.execute(
                "INSERT INTO events (key, undoes, annotator, session, at) VALUES (?, ?, ?, ?, ?)",
                (key, last["id"], annotator, session, time.time()),
            )
            return _answer(last)

    def answers(self, annotator: str | None = None) -> list[Answer]:
        """The valid answers, skips included, in the order in which they were stored."""
        where, values = ("", ()) if annotator is None else (" WHERE annotator = ?", (annotator,))
        return [_answer(row) for row in self._rows(f"SELECT * FROM answers{where} ORDER BY id", values)]  # noqa: S608

    def held(self) -> list[Answer]:
        """Every answer that was not undone, in order, including those replaced by a later one to the same showing."""
        return [_answer(row) for row in self._rows("SELECT * FROM standing ORDER BY id")]

    def n_answered(self, session: str) -> int:
        """The number of valid answers and skips of a session."""
        return int(self._rows("SELECT COUNT(*) FROM standing WHERE session = ?", (session,))[0][0])

    def has_answer(self, annotator: str, picture: str, showing: int) -> bool:
        """Whether this showing was answered or skipped."""
        query = "SELECT EXISTS (SELECT 1 FROM standing WHERE annotator = ? AND picture = ? AND showing = ?)"
        return bool(self._rows(query, (annotator, picture, showing))[0][0])

    def n_events(self) -> int:
        """The number of events, including undone ones and the undos themselves."""
        return int(self._rows("SELECT COUNT(*) FROM events")[0][0])

    def forget(self, annotator: str, files: Iterable[str] = ()) -> int:
        """Delete everything about an annotator, and store which files to delete too; returns the number of events.

        It is one transaction: if the disk is full, nothing changes. Call `scrub` afterwards.
        """
        with self._writing() as connection:
            for session in self.sessions(annotator):
                connection.execute("DELETE FROM clocks WHERE session = ?", (session,))
            connection.execute("DELETE FROM sessions WHERE annotator = ?", (annotator,))
            connection.execute("DELETE FROM browsers WHERE annotator = ?", (annotator,))
            connection.execute("DELETE FROM events WHERE annotator = ? AND undoes IS NOT NULL", (annotator,))
            connection.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", [(file,) for file in files])
            return connection.execute("DELETE FROM events WHERE annotator = ?", (annotator,)).rowcount

    def doomed(self) -> list[str]:
        """Files that are still to be deleted with a deleted annotator."""
        return [row[0] for row in self._rows("SELECT file FROM doomed")]

    def deleted(self, files: Iterable[str]) -> None:
        """Store that these files were deleted."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM doomed WHERE file = ?", [(file,) for file in files])

    def scrub(self) -> None:
        """Remove all traces of deleted data from the file and its log.

        SQLite has overwritten the data with zeros already (``secure_delete``). What is left to do is to write these
        pages into the file and to empty the log, which needs no space. Shrinking the file needs space and may fail.

        Raises:
            JoryuError: another process is reading, so the log cannot be emptied now.
        """
        with self._lock, sqlite_errors(self.path):
            busy = self._empty_log()
            with suppress(sqlite3.OperationalError):  # a full disk
                self._connection.execute("VACUUM")
                busy = self._empty_log()
        if busy:  # another process was reading for longer than the connection waits
            raise JoryuError(
                f"what was said is deleted, but the log of {self.path.name} still holds it",
                hint="stop whatever else reads the project: the log is gone when the last one lets go of it",
            )

    def _empty_log(self) -> bool:
        (busy, *_) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy)


def _used_already(key: str) -> InputError:
    return InputError("this key was used for something else", expected="a new key", received=key)


def _answer(row: sqlite3.Row) -> Answer:
    return Answer(
        **{name: row[name] for name in _FIELDS},
        timing=Timing(**{name: row[name] for name in _TIMES}),
        signals=json.loads(row["signals"]),
        at=row["at"],
    )
