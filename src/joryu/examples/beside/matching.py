"""Which picture a table means by a path, a file's name, or its name without the ending."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from joryu.examples.class_folders import spelling

_ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:|\w+://)")


class PictureNames:
    """The pictures of a set by all that a table beside them may call them.

    A value means a picture whose path ends as it does, with the ending of the file's name or without: nothing is opened
    that a table names, so that no value leads out of the set.

    >>> names = PictureNames(Path("set"), [Path("set/train/1.jpg"), Path("set/train/2.jpg")])
    >>> names.find("2"), names.find("train/1.jpg"), names.find("test/1.jpg")
    ((1,), (0,), ())
    """

    def __init__(self, root: Path, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._exact: dict[str, tuple[int, ...]] = {}
        self._spelt: dict[str, tuple[int, ...]] = {}
        for at, path in enumerate(paths):
            for name in _names(root, path):
                self._exact[name] = (*self._exact.get(name, ()), at)
        for name, found in self._exact.items():
            spelt = spelling(name)
            self._spelt[spelt] = tuple(dict.fromkeys((*self._spelt.get(spelt, ()), *found)))

    def find(self, value: str) -> tuple[int, ...]:
        """The pictures that a value may mean: by its very letters, else whatever their case."""
        text = _plain(value)
        return self._exact.get(text) or self._spelt.get(spelling(text), ())

    def mentions(self, value: str) -> bool:
        """Whether a value ends in the name of a picture, wherever it says that the picture lies."""
        return bool(value) and bool(self.find(PurePosixPath(_plain(value)).name))


def leads_away(value: str) -> bool:
    """Whether a value is no path inside the set: absolute, or with a way up.

    >>> leads_away("../1.jpg"), leads_away("C:\\\\1.jpg"), leads_away("./train/1.jpg")
    (True, True, False)
    """
    text = value.strip().replace("\\", "/")
    return bool(_ABSOLUTE.match(text)) or ".." in text.split("/")


def _plain(value: str) -> str:
    return value.strip().replace("\\", "/").removeprefix("./")


def _names(root: Path, path: Path) -> Iterator[str]:
    parts = (root.resolve().name, *path.relative_to(root).parts)
    for at in range(len(parts)):
        whole = "/".join(parts[at:])
        yield whole
        if path.suffix and path.stem:
            yield whole[: -len(path.suffix)]
