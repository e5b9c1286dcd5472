"""Merge many small shards into few large ones, safely even if killed at any point (see `joryu.targets.shards`)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from joryu.targets.encoding import Columns, row_bytes
from joryu.targets.shards import Shard, Span, join_columns, write_shard
from joryu.targets.store import Store

SHARD_BYTES = 256 * 2**20
"""The largest size of a merged shard. A merge holds this much in memory; with smaller shards a gather is slower."""


def merge_shards(store: Store, *, shard_bytes: int = SHARD_BYTES) -> bool:
    """Merge neighbouring shards into shards of up to ``shard_bytes``, without the rows that repeat an earlier key.

    It returns whether anything was changed. The caller must be the folder's only writer.

    Raises:
        InputError: a shard is damaged; nothing was changed. A merge would write a new checksum over the damage, and a
            damaged key could make a sound row look like a repeat.
    """
    if len(store.shards) > 1 or store.duplicates:
        store.require_sound()
    redundant = np.zeros(store.n_rows, dtype=bool)
    redundant[store.index.redundant] = True
    start, changed = 0, False
    for group in _groups(store.shards, shard_bytes):
        rows = sum(len(shard) for shard in group)
        drop = redundant[start : start + rows]
        start += rows
        if drop.all():
            _delete(group)
            changed = True
        elif len(group) > 1 or drop.any():
            _merge(store, group, ~drop)
            changed = True
    return changed


def _delete(shards: Iterable[Shard]) -> None:
    for shard in shards:
        shard.path.unlink()


def _merge(store: Store, group: list[Shard], keep: npt.NDArray[np.bool_]) -> None:
    parts: list[Columns] = []
    start = 0
    for shard in group:
        chosen = keep[start : start + len(shard)]
        start += len(shard)
        whole = bool(chosen.all())
        parts.append(shard.columns if whole else {name: column[chosen] for name, column in shard.columns.items()})
    merged = Span(group[0].span.first, group[-1].span.last)
    write_shard(store.path, merged, join_columns(parts))
    _delete(shard for shard in group if shard.span != merged)  # a lone shard has just been replaced by its own name


def _groups(shards: Iterable[Shard], shard_bytes: int) -> Iterable[list[Shard]]:
    group: list[Shard] = []
    size = 0
    for shard in shards:
        added = len(shard) * row_bytes(shard.columns)
        if group and size + added > shard_bytes:
            yield group
            group, size = [], 0
        group.append(shard)
        size += added
    if group:
        yield group
