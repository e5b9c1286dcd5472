"""Find the picture of a project that another tool means: by its key, its path, or the end of its address."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from joryu.annotations.project import PictureFile

_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  #: the prefix that Label Studio adds to the name of an uploaded file


class PicturesByName:
    """The pictures of a project, found by the names that other tools give them. No file is opened.

    >>> pictures = PicturesByName([PictureFile("k1", "roses/a b.jpg"), PictureFile("k2", "tulips/c.jpg")])
    >>> pictures.find(None, ["https://example.org/data/local-files/?d=some/where/roses/a%20b.jpg"])
    'k1'
    >>> pictures.find(None, ["/data/upload/7/0badcafe-c.jpg"])
    'k2'
    """

    def __init__(self, files: Iterable[PictureFile], *, answered: Iterable[str] = ()) -> None:
        listed = list(files)
        self._keys = {file.key for file in listed} | set(answered)
        self._by_path = {file.path: file.key for file in listed}
        self._by_name: dict[str, list[PictureFile]] = {}
        for file in listed:
            self._by_name.setdefault(PurePosixPath(file.path).name, []).append(file)

    def find(self, key: str | None, addresses: Sequence[str]) -> str | None:
        """The key of the picture; ``None`` if it is not found, or several are possible.

        If ``key`` is given it decides alone, unless it is also one of the addresses.
        """
        if key is not None and (key in self._keys or key not in addresses):
            return key if key in self._keys else None
        for address in addresses:
            if address in self._by_path:
                return self._by_path[address]
            for path in _paths(address):
                found = self._ending_like(path)
                if found is not None:
                    return found
        return None

    def _ending_like(self, path: str) -> str | None:
        """The one picture whose path shares the longest tail with this path, at least the file name."""
        parts = PurePosixPath(path).parts
        if not parts:
            return None
        alike = [
            (_shared(parts, PurePosixPath(file.path).parts), file.key) for file in self._by_name.get(parts[-1], ())
        ]
        most = max((shared for shared, _ in alike), default=0)
        best = list({key for shared, key in alike if shared == most})
        return best[0] if len(best) == 1 else None


def _paths(address: str) -> Iterator[str]:
    """The paths that an address may mean, the most likely first."""
    path = address.replace("\\", "/")
    if "://" in path or path.startswith("/data/"):
        try:
            parsed = urlsplit(path)
        except ValueError:  # no address after all, such as http://[
            return
        path = next(iter(parse_qs(parsed.query).get("d", [])), None) or unquote(parsed.path)
    yield path
    folder, slash, name = path.rpartition("/")
    if _UPLOADED.match(name):
        yield folder + slash + _UPLOADED.sub("", name)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """The number of equal parts at the end of two paths."""
    count = 0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine != theirs:
            break
        count += 1
    return count
