"""What is known of the files of a folder from an earlier look: read once, then only checked."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from joryu.durable import durable_file
from joryu.errors import JoryuError
from joryu.examples.rejected import PassingError

SCHEMA: Final = 1
FRESH_NS: Final = 2 * 10**9
"""A file that changed this shortly before it was read could change again within one tick of its file system's clock,
and look the same (FAT counts two seconds). It is read again the next time."""

_BATCH = 256  # files that are read ahead


class FileVerdict(NamedTuple):
    """One file, looked at: the SHA-256 of its bytes in hexadecimal, and why it cannot be used (empty: it can)."""

    key: str
    reason: str


class _Stamp(NamedTuple):
    """What tells that a file is still the one that was read; times in nanoseconds, and ``changed`` nobody can set."""

    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, path: Path | str) -> _Stamp:
        found = os.stat(path)  # noqa: PTH116 - for tens of thousands of files, of which a Path costs more than the look
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class FileIndex:
    """Keys and verdicts of files by their place, kept in one file that may be deleted at any time.

    An entry holds while the file's size and times are what they were. A file of the index that is damaged, of another
    version or made by other ``rules`` counts as none: everything is read again, and nothing is an error.

    Args:
        rules: what the verdicts depend on, as text; other rules, other verdicts.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a picture")
    >>> index = FileIndex("anything goes")
    >>> [(name, look.key[:8]) for name, look in index.look(folder, ["a.txt"], lambda path: "")]
    [('a.txt', '92b2fa58')]
    """

    def __init__(self, rules: str) -> None:
        self._rules = rules
        self._known: dict[str, tuple[_Stamp, FileVerdict]] = {}  # as it was read
        self._found: dict[str, tuple[_Stamp, FileVerdict]] = {}  # as it will be written
        self.read = 0  #: how many files were really read

    @classmethod
    def load(cls, path: Path, rules: str) -> FileIndex:
        """The index in a file; an empty one where there is none that can be used."""
        index = cls(rules)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            if json.loads(head) != index._head(body):
                return index
            for name, key, reason, *stamp in json.loads(body):
                index._known[name] = _Stamp(*stamp), FileVerdict(key, reason)
        except (OSError, ValueError, TypeError):
            index._known.clear()
        return index

    def look(
        self, root: Path, names: Iterable[str], examine: Callable[[Path], str]
    ) -> Iterator[tuple[str, FileVerdict]]:
        """Look at files below a folder, in their order; those that are known and unchanged are not opened.

        ``examine`` gives the reason why a file cannot be used, or an empty text; it is called in several threads. A
        file that cannot be read (``examine`` then raises `PassingError`), or that changes meanwhile, has that for its
        reason and no key, and is read again the next time.
        """
        names = iter(names)
        with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16)) as pool:
            while batch := list(islice(names, _BATCH)):
                held = {name: entry for name in batch if (entry := self._holds(root, name)) is not None}
                unknown = [name for name in batch if name not in held]
                self.read += len(unknown)
                looks = dict(zip(unknown, pool.map(lambda name: _look(root / name, examine), unknown), strict=True))
                for name in batch:
                    stamp, look = held[name] if name in held else looks[name]
                    if stamp is not None:
                        self._found[name] = stamp, look
                    yield name, look

    def _holds(self, root: Path, name: str) -> tuple[_Stamp, FileVerdict] | None:
        """What is known of a file that is still what it was."""
        known = self._known.get(name)
        with suppress(OSError):
            return known if known is not None and known[0] == _Stamp.of(f"{root}/{name}") else None
        return None

    def save(self, path: Path) -> bool:
        """Write what was looked at, aside and then renamed; whether it could be. Without it all is read again."""
        if self._found == self._known:
            return True
        lines = [json.dumps([name, *look, *stamp], ensure_ascii=False) for name, (stamp, look) in self._found.items()]
        body = ("[" + ",\n".join(lines) + "]").encode()
        try:
            with durable_file(path) as file:
                file.write(json.dumps(self._head(body)).encode() + b"\n" + body)
        except JoryuError:
            return False
        return True

    def _head(self, body: bytes) -> dict[str, object]:
        digest = hashlib.blake2b(body, digest_size=16).hexdigest()
        return {"joryu-index": SCHEMA, "rules": self._rules, "digest": digest}


def _look(path: Path, examine: Callable[[Path], str]) -> tuple[_Stamp | None, FileVerdict]:
    """A file as it is now, and its stamp where that will tell whether it changed."""
    try:
        before = _Stamp.of(path)
        look = _read(path, examine)
        after = _Stamp.of(path)
    except OSError as error:
        return None, FileVerdict("", f"cannot be read: {error.strerror or type(error).__name__}")
    except PassingError as error:
        return None, FileVerdict("", str(error))
    if before != after:
        return None, FileVerdict("", "changed while it was read")
    return (before if _is_settled(before) else None), look


def _read(path: Path, examine: Callable[[Path], str]) -> FileVerdict:
    reason = examine(path)
    if reason:
        return FileVerdict("", reason)
    with path.open("rb") as file:
        return FileVerdict(hashlib.file_digest(file, "sha256").hexdigest(), "")


def _is_settled(stamp: _Stamp) -> bool:
    return stamp.changed + FRESH_NS < time.time_ns()
