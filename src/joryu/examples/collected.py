"""A collected folder of pictures: the line that it keeps about each, and where the pictures of examples come from."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np

from joryu.errors import InputError
from joryu.examples.examples import Examples, Ids, distinct_rows
from joryu.examples.origin import Origin

MARKER: Final = "collection.json"  #: the file by which a folder is known as a collection
JOURNAL: Final = "collected.jsonl"
PICTURES: Final = "pictures"

KEPT: Final = "kept"  #: the status of an entry whose picture is here
COPY: Final = "copy"  #: … whose picture is, byte for byte, one that was here already
FAILED: Final = "failed"  #: … that was refused for good
LATER: Final = "later"  #: … that failed in a way that may pass

OTHERS: Final = "(others)"  #: stands for the licences or sources that are too many to be named
_NAMED: Final = 200


class Known(NamedTuple):
    """What is held in memory of each line, of which there may be millions: as `Collected`."""

    status: str
    licence: str
    source: str
    reason: str
    picture: str

    @property
    def is_here(self) -> bool:
        """Whether it is about a picture."""
        return self.status in (KEPT, COPY)


class Collected(NamedTuple):
    """What came of one entry of a list; on disk one line of JSON.

    ``place`` is the entry's address or file, ``address`` the last one after redirects. ``picture`` is the id of what
    was found there (the first half of the SHA-256 of its bytes, in hexadecimal), ``file`` where it is kept, seen from
    the collection. ``fetched`` is the time (UTC), ``type`` the content's own, ``reason`` why there is none.
    """

    place: str
    status: str
    licence: str = ""
    source: str = ""
    picture: str = ""
    file: str = ""
    address: str = ""
    type: str = ""
    n_bytes: int = 0
    width: int = 0
    height: int = 0
    fetched: str = ""
    reason: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is about a picture."""
        return self.status in (KEPT, COPY)

    @property
    def known(self) -> Known:
        """What of it is held in memory."""
        once = sys.intern
        return Known(once(self.status), once(self.licence), once(self.source), once(self.reason), self.picture)

    def line(self) -> str:
        """The line of JSON, without what is empty."""
        return json.dumps({name: value for name, value in self._asdict().items() if value}, ensure_ascii=False) + "\n"

    @classmethod
    def of(cls, line: str | bytes) -> Self:
        """Read a line.

        >>> Collected.of(Collected("a.jpg", KEPT, licence="CC0").line()).licence
        'CC0'

        Raises:
            ValueError: it is none.
            TypeError: it is JSON, and no such line.
        """
        found = cls(**json.loads(line))
        if tuple(map(type, found)) != _TYPES:
            raise TypeError("a value of another kind")
        return found


_TYPES: Final = (str, str, *(type(value) for value in Collected._field_defaults.values()))


def is_collection(folder: Path) -> bool:
    """Whether `joryu collect` made a folder."""
    return (folder / MARKER).is_file()


def require_not_inside(folder: Path) -> None:
    """Refuse the folder of pictures of a collection, whose inner folders look like classes and are none.

    Raises:
        InputError: it is one.
    """
    outer = folder.absolute().parent
    if folder.name == PICTURES and is_collection(outer):
        raise InputError(
            f"{folder} is the inside of a collection, whose folders are no classes", expected="the collection itself",
            hint=f"try {folder.parent}",
        )  # fmt: skip


def read_journal(folder: Path) -> Iterator[Collected]:
    """The lines of a collection as they were written; of several about one place the last is true.

    A last line that was cut off by a kill is passed over.

    Raises:
        InputError: another line is damaged.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield Collected.of(line)
            except (ValueError, TypeError) as error:
                raise InputError(
                    f"line {number} of {path} is damaged", received=str(error), hint="put it back from a copy"
                ) from error


def read_latest(folder: Path) -> dict[str, Known]:
    """What the last line about each place says.

    Raises:
        InputError: as `read_journal`.
    """
    return {record.place: record.known for record in read_journal(folder)}


def origins_of(records: Iterable[Known]) -> dict[str, Origin]:
    """Where each picture comes from: all licences and sources of the entries that led to it."""
    found: dict[str, Origin] = {}
    same: dict[Origin, Origin] = {}
    for record in records:
        if record.is_here:
            origin = Origin.of(record.licence, record.source)
            if (known := found.get(record.picture)) is not None:
                origin = known.joined(origin)
            found[record.picture] = same.setdefault(origin, origin)
    return found


def read_origins(folder: Path, ids: Ids) -> tuple[Origin, ...]:
    """The origin of each picture of a collection, by its id; of one that the collection does not know, nothing.

    Raises:
        InputError: as `read_journal`.
    """
    known = origins_of(read_latest(folder).values())
    nothing = Origin.of("", "")
    return tuple(known.get(words.tobytes().hex(), nothing) for words in np.ascontiguousarray(ids, dtype="<u8"))


class OriginCounts(NamedTuple):
    """How many distinct examples there are of each licence and of each source, the most frequent first."""

    licences: dict[str, int]
    sources: dict[str, int]

    @classmethod
    def of(cls, examples: Examples) -> Self | None:
        """Those of some examples; ``None`` where nobody has recorded any."""
        if examples.origins is None:
            return None
        return cls.counted(examples.origins[row] for row in distinct_rows(examples.ids).tolist())

    @classmethod
    def counted(cls, origins: Iterable[Origin]) -> Self:
        """Those of some origins; names beyond the first two hundred are one, `OTHERS`.

        >>> OriginCounts.counted([Origin.of("CC0", "a"), Origin.of("", "a")]).licences
        {'CC0': 1, 'unknown': 1}
        """
        of_origin = Counter(origins)
        licences, sources = Counter[str](), Counter[str]()
        for origin, n in of_origin.items():
            licences[origin.licence] += n
            sources[origin.source] += n
        return cls(_most(licences), _most(sources))

    def as_notes(self) -> dict[str, Any]:
        """For a record."""
        return self._asdict()


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    rest = sum(n for _, n in ordered[_NAMED:])
    return dict(chain(ordered[:_NAMED], [(OTHERS, rest)] if rest else []))


def licences_in_words(licences: Mapping[str, int], most: int = 8) -> str:
    """Licences with their counts, in one line.

    >>> licences_in_words({"CC0": 1200, "unknown": 3})
    'CC0 1,200, unknown 3'
    """
    named = [f"{name} {n:,}" for name, n in [*licences.items()][:most]]
    left = len(licences) - most
    return ", ".join([*named, f"and {left:,} more"] if left > 0 else named)
