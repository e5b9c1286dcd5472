"""`Listing`: what is to be collected, entry by entry: addresses of a list, files of a folder, pictures of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from joryu.collecting.columns import WantedColumns

Read = Callable[[], bytes]
"""Reads one picture.

Raises:
    InputError: it cannot be had, and why.
"""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is to be collected.

    ``places`` are addresses or the names of files, each once; ``licences`` and ``sources`` say what is known of each,
    empty where nothing is. ``addresses`` are those under which a table's own pictures were once found. ``contents``
    reads the pictures of some entries, by their numbers in growing order; ``None``: they are to be fetched.
    ``repeated`` counts the entries that named a place again, and ``remarks`` is what was guessed.
    """

    name: str
    places: Sequence[str]
    licences: Sequence[str]
    sources: Sequence[str]
    addresses: Sequence[str] | None = None
    contents: Callable[[Sequence[int]], Iterator[tuple[int, Read]]] | None = None
    repeated: int = 0
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.places)

    def with_defaults(self, licence: str, source: str) -> Listing:
        """The same, with a licence and a source for entries of which the list says none."""
        return replace(
            self,
            licences=[one or licence for one in self.licences],
            sources=[one or source for one in self.sources],
        )


@dataclass(frozen=True, kw_only=True)
class ListingOptions:
    """How a source is read: the columns that were named, and the size of a file that is not looked at."""

    columns: WantedColumns = field(default_factory=WantedColumns)
    largest: int = 2**25
