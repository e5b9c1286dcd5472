"""`Ledger`: every request to a paid API and every answer, in SQLite, so that nothing is paid for twice."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from joryu.durable import sole_writer
from joryu.errors import InputError, JoryuError, MismatchError

FILE: Final = "ledger.sqlite"
SCHEMA: Final = 1  #: the version of the tables, stored as SQLite's user_version; a newer one is refused
LOST: Final = "lost"  #: the status of a request whose process ended before its answer was written: it counts as paid
ID_BYTES: Final = 16
_MOST_AT_ONCE: Final = 500  #: values in one SQL statement

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (id INTEGER PRIMARY KEY, started REAL NOT NULL);
CREATE TABLE requests (
  id INTEGER PRIMARY KEY, session INTEGER NOT NULL, kind TEXT NOT NULL, examples BLOB NOT NULL,
  started REAL NOT NULL, ended REAL, status TEXT, units INTEGER NOT NULL
);
CREATE INDEX open_requests ON requests (id) WHERE status IS NULL;
CREATE TABLE answers (example BLOB PRIMARY KEY, request INTEGER NOT NULL, raw BLOB NOT NULL);
CREATE TABLE failures (
  example BLOB PRIMARY KEY, request INTEGER, reason TEXT NOT NULL, final INTEGER NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
"""


class Spent(NamedTuple):
    """What a ledger's requests have cost: their number, their units, and how many are (or were) in flight."""

    requests: int
    units: int
    in_flight: int


class LedgerFailure(NamedTuple):
    """Why an example has no answer; a ``final`` one is not asked about again."""

    example: bytes
    reason: str
    final: bool


class Settled(NamedTuple):
    """What came of one request: its status, the units it cost, the answers and the failures, by example."""

    status: str
    units: int
    answers: Mapping[bytes, bytes]
    failures: Sequence[LedgerFailure] = ()


class Ledger:
    """A folder with one SQLite file: sessions, requests, raw answers and failures. Never a key, nor a picture.

    An example is known by its id of 16 bytes. A request is written before it is sent (`intend`) and completed when its
    answer is there (`settle`); one that was never completed counts as paid, for it may have been. Raw answers are kept
    byte for byte as the API gave them, each compressed, one for each example.

    `write` opens a ledger for the one process that asks, `read` for anyone.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Ledger.write(Path(folder) / "asked", {"api": "tags"}) as ledger:
    ...     request = ledger.intend([bytes(16)], units=1)
    ...     ledger.settle(request, Settled("200", 1, {bytes(16): b'{"labels": []}'}))
    ...     ledger.raw([bytes(16)])[bytes(16)], ledger.spent()
    (b'{"labels": []}', Spent(requests=1, units=1, in_flight=0))
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, stack: ExitStack) -> None:
        self.folder = folder
        self._run = connection.execute
        self._lock = threading.RLock()  # a thread of its own commits while others look something up
        self._stack = stack
        weakref.finalize(self, connection.close)  # of a ledger that a teacher reads until nobody has it any more
        self._session: int | None = None

    @classmethod
    def write(cls, folder: Path | str, settings: Mapping[str, Any]) -> Self:
        """Open a ledger to ask with, or make one, for an API with these ``settings``.

        Raises:
            InputError: another process is asking with it, or the folder cannot be written.
            MismatchError: its answers were given under other settings, or by a newer version of Joryu.
        """
        folder = Path(folder)
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(sole_writer(folder))
            except OSError as error:
                reason = error.strerror or str(error)
                raise InputError(f"cannot write the ledger {folder}", received=reason) from error
            path = folder / FILE
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            with _sqlite_errors(folder):
                connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                stack.callback(connection.close)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # what was paid for survives a power failure
                if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                    connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT")
                ledger = cls(folder, connection, stack.pop_all())
                try:
                    ledger._require_schema()
                    ledger._keep_settings(settings)
                    ledger._begin_session()
                except BaseException:
                    ledger.close()
                    raise
                return ledger

    @classmethod
    def read(cls, folder: Path | str) -> Self:
        """Open a ledger to read from, also while another process asks.

        Raises:
            InputError: there is none.
            MismatchError: a newer version of Joryu wrote it.
        """
        folder = Path(folder)
        path = (folder / FILE).resolve()
        if not path.is_file():
            raise InputError(
                f"no ledger at {folder}", expected=f"a folder with {FILE}",
                received="a folder without it" if folder.is_dir() else "no such folder",
                hint="joryu label --teacher google-vision makes one",
            )  # fmt: skip
        # SQLite reads the log, too, which a process that was killed leaves with answers that are nowhere else. It makes
        # files beside it, unless they are there or it is told that nothing changes; then it passes the log over.
        log = path.with_name(f"{path.name}-wal")
        logged = log.is_file() and log.stat().st_size > 0
        how = "mode=ro" if logged or os.access(path.parent, os.W_OK) else "mode=ro&immutable=1"
        with ExitStack() as stack, _sqlite_errors(folder):
            connection = sqlite3.connect(
                f"{path.as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False
            )
            stack.callback(connection.close)
            ledger = cls(folder, connection, stack.pop_all())
            ledger._require_schema()
            return ledger

    def _require_schema(self) -> None:
        found = int(self._run("PRAGMA user_version").fetchone()[0])
        if found != SCHEMA:
            raise MismatchError(
                f"{self.folder} was written by another Joryu", expected=f"schema {SCHEMA}", received=f"schema {found}",
                hint="upgrade with: pip install --upgrade joryu",
            )  # fmt: skip

    def _keep_settings(self, settings: Mapping[str, Any]) -> None:
        wanted = json.dumps(settings, sort_keys=True)
        found = self._run("SELECT value FROM about WHERE name = 'settings'").fetchone()
        if found is None:
            self._run("INSERT INTO about VALUES ('settings', ?)", (wanted,))
            return
        old, new = json.loads(found[0]), json.loads(wanted)
        for at in sorted({*old, *new}):
            if old.get(at) != new.get(at):  # one that is not there is none, as before a version knew of it
                raise MismatchError(
                    f"the answers in {self.folder} were asked for otherwise: another {at.replace('_', ' ')}",
                    expected=old.get(at), received=new.get(at),
                    hint="ask as before, or into another folder: answers of two kinds are never mixed",
                )  # fmt: skip

    def _begin_session(self) -> None:
        self._run("UPDATE requests SET status = ? WHERE status IS NULL", (LOST,))
        self._session = self._run("INSERT INTO sessions (started) VALUES (?)", (time.time(),)).lastrowid

    @property
    def settings(self) -> dict[str, Any]:
        """How the API was asked: what would change its answers."""
        with self._lock, _sqlite_errors(self.folder):
            found = self._run("SELECT value FROM about WHERE name = 'settings'").fetchone()
        return {} if found is None else dict(json.loads(found[0]))

    @property
    def price(self) -> float:
        """What 1,000 units cost by what was last said of it; 0 where nothing was."""
        with self._lock, _sqlite_errors(self.folder):
            found = self._run("SELECT value FROM about WHERE name = 'price'").fetchone()
        return 0.0 if found is None else float(found[0])

    def keep_price(self, price: float) -> None:
        """Write down what 1,000 units cost."""
        with self._lock, _sqlite_errors(self.folder):
            self._run("INSERT OR REPLACE INTO about VALUES ('price', ?)", (str(price),))

    @property
    def sessions(self) -> int:
        """How many processes have asked."""
        with self._lock:
            return int(self._run("SELECT COUNT(*) FROM sessions").fetchone()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and let go of the lock."""
        with self._lock, self._stack, _sqlite_errors(self.folder):
            if self._session is not None:
                self._run("PRAGMA wal_checkpoint(TRUNCATE)")  # so that it can be read where nothing can be written

    def together(self, changes: Iterable[Callable[[Ledger], Any]]) -> list[Any]:
        """Make several changes in one transaction, which is on the disk when this returns."""
        with self._lock, _sqlite_errors(self.folder):
            self._run("BEGIN IMMEDIATE")
            try:
                results = [change(self) for change in changes]
                self._run("COMMIT")
            except BaseException:
                self._run("ROLLBACK")
                raise
            return results

    def intend(self, examples: Sequence[bytes], *, units: int, kind: str = "answers") -> int:
        """Write that a request about these examples is about to be sent; its number."""
        with self._lock:
            row = (self._session, kind, b"".join(examples), time.time(), units)
            sent = self._run(
                "INSERT INTO requests (session, kind, examples, started, units) VALUES (?, ?, ?, ?, ?)", row
            )
            return int(sent.lastrowid or 0)

    def settle(self, request: int, came: Settled) -> None:
        """Write what came of a request. The first answer about an example stays; a later one changes nothing."""
        with self._lock:
            now = time.time()
            self._run(
                "UPDATE requests SET ended = ?, status = ?, units = ? WHERE id = ?",
                (now, came.status, came.units, request),
            )
            for example, raw in came.answers.items():
                self._run("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (example, request, zlib.compress(raw)))
                self._run("DELETE FROM failures WHERE example = ?", (example,))
            for failed in came.failures:
                self.fail(failed, request=request)

    def fail(self, failed: LedgerFailure, *, request: int | None = None) -> None:
        """Write why an example has no answer, in the place of an earlier reason."""
        with self._lock:
            self._run(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?)",
                (failed.example, request, failed.reason, int(failed.final), time.time()),
            )

    def missing(self, examples: Sequence[bytes]) -> list[bytes]:
        """Those that were neither answered nor refused for good, in their order, each once."""
        known = self.answered(examples) | self._among("failures WHERE final AND", examples)
        return [example for example in dict.fromkeys(examples) if example not in known]

    def answered(self, examples: Sequence[bytes]) -> set[bytes]:
        """Those that have an answer."""
        return self._among("answers WHERE", examples)

    def _among(self, rows: str, examples: Sequence[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        with self._lock, _sqlite_errors(self.folder):
            for part in _parts(examples):
                select = f"SELECT example FROM {rows} example IN ({_marks(part)})"  # noqa: S608 - marks and our words
                found.update(row[0] for row in self._run(select, part))
        return found

    def raw(self, examples: Sequence[bytes]) -> dict[bytes, bytes]:
        """The raw answers about some examples, byte for byte as the API gave them; those without one are left out."""
        found: dict[bytes, bytes] = {}
        with self._lock, _sqlite_errors(self.folder):
            for part in _parts(examples):
                rows = self._run(f"SELECT example, raw FROM answers WHERE example IN ({_marks(part)})", part)  # noqa: S608
                found.update((example, zlib.decompress(raw)) for example, raw in rows)
        return found

    def every_answer(self) -> Iterator[tuple[bytes, bytes]]:
        """All examples with their raw answers, in the order in which they came, a few in memory at a time."""
        last = 0
        while True:
            with self._lock, _sqlite_errors(self.folder):
                rows = self._run(
                    "SELECT rowid, example, raw FROM answers WHERE rowid > ? ORDER BY rowid LIMIT 500", (last,)
                ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield from ((example, zlib.decompress(raw)) for _, example, raw in rows)

    def failures(self, examples: Sequence[bytes] | None = None) -> list[LedgerFailure]:
        """Why examples have no answer: of all, or of some."""
        select, found = "SELECT example, reason, final FROM failures", []
        with self._lock, _sqlite_errors(self.folder):
            if examples is None:
                found = self._run(select).fetchall()
            else:
                for part in _parts(examples):
                    found += self._run(f"{select} WHERE example IN ({_marks(part)})", part).fetchall()
        return [LedgerFailure(example, reason, bool(final)) for example, reason, final in found]

    def n_answers(self) -> int:
        """How many examples have an answer."""
        with self._lock, _sqlite_errors(self.folder):
            return int(self._run("SELECT COUNT(*) FROM answers").fetchone()[0])

    def spent(self) -> Spent:
        """What all requests have cost, those of earlier sessions and those in flight included."""
        with self._lock, _sqlite_errors(self.folder):
            row = self._run("SELECT COUNT(*), COALESCE(SUM(units), 0), SUM(status IS NULL) FROM requests").fetchone()
        return Spent(int(row[0]), int(row[1]), int(row[2] or 0))

    def statuses(self) -> dict[str, int]:
        """How many requests ended with each status."""
        with self._lock, _sqlite_errors(self.folder):
            rows = self._run("SELECT COALESCE(status, 'in flight'), COUNT(*) FROM requests GROUP BY 1 ORDER BY 2 DESC")
            return dict(rows.fetchall())


def _parts(examples: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (examples[start : start + _MOST_AT_ONCE] for start in range(0, len(examples), _MOST_AT_ONCE))


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


@contextmanager
def _sqlite_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite's errors into one line about the ledger."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        raise JoryuError(
            f"the ledger {folder} cannot be read or written", received=str(error),
            hint="free some space or mend the permissions and run it again: what was answered is kept",
        ) from error  # fmt: skip
