"""`KeyIndex`: find the rows of millions of keys, each an example id and a view seed, at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from joryu.examples import Ids
from joryu.examples.hashing import mix

Seeds = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Keys = Callable[[Rows], tuple[Ids, Seeds]]
"""A function that gives the full keys of some rows: ids uint64 ``[n, 2]`` and view seeds uint64 ``[n]``."""


class KeyIndex:
    """An index of sorted 64-bit hashes, in which every hit is compared with the full key of 192 bits.

    It takes 12 bytes of memory per row (16 from 2³² rows on). If several rows have the same key, the first one is
    found; ``redundant`` holds the others.
    """

    def __init__(self, ids: Ids, views: Seeds, keys: Keys) -> None:
        hashes = hash_keys(ids, views)
        order = np.argsort(hashes)  # several times as fast as a stable sort, and as good where all differ
        if not (np.diff(hashes[order]) != 0).all():
            order = np.argsort(hashes, kind="stable")  # so that the first of equal rows stays first
        self._hashes = hashes[order]
        self._order = order.astype(np.uint32 if len(order) < 2**32 else np.int64)
        self._keys = keys
        self.redundant = self._find_redundant()

    def __len__(self) -> int:
        return len(self._hashes) - len(self.redundant)

    def find(self, ids: Ids, views: Seeds) -> Rows:
        """The row of each key, int64 ``[n]``; -1 for a key that is not there."""
        found = np.full(len(ids), -1, dtype=np.int64)
        hashes = hash_keys(ids, views)
        positions = np.searchsorted(self._hashes, hashes)
        pending = np.arange(len(ids))
        while len(pending):  # once, but for equal hashes of different keys
            inside = positions < len(self._hashes)
            pending, positions = pending[inside], positions[inside]
            same_hash = self._hashes[positions] == hashes[pending]
            pending, positions = pending[same_hash], positions[same_hash]
            if not len(pending):
                break
            rows = self._order[positions].astype(np.int64)
            row_ids, row_views = self._keys(rows)
            hit = (row_ids == ids[pending]).all(1) & (row_views == views[pending])
            found[pending[hit]] = rows[hit]
            pending, positions = pending[~hit], positions[~hit] + 1
        return found

    def _find_redundant(self) -> Rows:
        same = self._hashes[1:] == self._hashes[:-1]
        if not same.any():
            return np.empty(0, dtype=np.int64)
        suspects = np.zeros(len(self._hashes), dtype=bool)
        suspects[1:] |= same
        suspects[:-1] |= same
        rows = np.sort(self._order[suspects].astype(np.int64))
        ids, views = self._keys(rows)
        _, first = np.unique(np.column_stack([ids, views]), axis=0, return_index=True)
        return np.delete(rows, first)


def hash_keys(ids: Ids, views: Seeds) -> Seeds:
    """A hash of each key, uint64 ``[n]``, mixed from its three words of 64 bits."""
    return mix(mix(mix(views) ^ ids[:, 1]) ^ ids[:, 0])


def find_ids(among: Ids, wanted: Ids) -> Rows:
    """The first row of each ``wanted`` id in ``among``, int64 ``[n]``; -1 for an id that is not there.

    >>> among = np.array([[1, 2], [3, 4]], dtype=np.uint64)
    >>> find_ids(among, np.array([[3, 4], [1, 1]], dtype=np.uint64)).tolist()
    [1, -1]
    """
    itself = np.zeros(len(among), dtype=np.uint64)
    index = KeyIndex(among, itself, lambda rows: (among[rows], itself[rows]))
    return index.find(wanted, np.zeros(len(wanted), dtype=np.uint64))
