"""Find the picture that a table means by a path, a file's name, or its name without extension."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from joryu.examples.class_folders import spelling

_ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:|\w+://)")


class PictureNames:
    """The pictures of a set, found by the names that a table may give them.

    A value names a picture if the picture's path ends with it, with or without the file's extension. Paths in a table
    are only compared, never opened, so no value can lead out of the set.

    >>> names = PictureNames(Path("set"), [Path("set/train/1.jpg"), Path("set/train/2.jpg")])
    >>> names.find("2"), names.find("train/1.jpg"), names.find("test/1.jpg")
    ((1,), (0,), ())
    """

    def __init__(self, root: Path, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._exact: dict[str, tuple[int, ...]] = {}
        top, above = f"{root.as_posix().rstrip('/')}/", root.resolve().name
        for at, path in enumerate(paths):
            for name in _names(f"{above}/{path.as_posix().removeprefix(top)}", path.suffix):
                self._exact[name] = (*self._exact.get(name, ()), at)

    def find(self, value: str) -> tuple[int, ...]:
        """The numbers of the pictures that a value names: by exact spelling, else ignoring case."""
        text = _plain(value)
        return self._exact.get(text) or self._spelt.get(spelling(text), ())

    def mentions(self, value: str) -> bool:
        """Whether a value's file name is that of a picture, whatever folder it gives."""
        name = _plain(value).rpartition("/")[2]
        return bool(name) and bool(self.find(name))

    @cached_property
    def _spelt(self) -> dict[str, tuple[int, ...]]:
        spelt: dict[str, tuple[int, ...]] = {}
        for name, found in self._exact.items():
            key = spelling(name)
            spelt[key] = tuple(dict.fromkeys((*spelt.get(key, ()), *found)))
        return spelt


def leads_away(value: str) -> bool:
    """Whether a value is a path that leads out of the set: absolute, or with ``..``.

    >>> leads_away("../1.jpg"), leads_away("C:\\\\1.jpg"), leads_away("./train/1.jpg")
    (True, True, False)
    """
    text = value.strip().replace("\\", "/")
    return bool(_ABSOLUTE.match(text)) or ".." in text.split("/")


def _plain(value: str) -> str:
    return value.strip().replace("\\", "/").removeprefix("./")


def _names(whole: str, suffix: str) -> Iterator[str]:
    """Every tail of a path (``a/b.jpg``, ``b.jpg``), with and without the file's extension."""
    start = 0
    while True:
        yield whole[start:]
        if suffix:
            yield whole[start : -len(suffix)]
        if (slash := whole.find("/", start)) < 0:
            return
        start = slash + 1
