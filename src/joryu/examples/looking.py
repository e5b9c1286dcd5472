"""A first look at pictures that are too many to be held: whether each can be used, its hashes and its size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError
from joryu.examples.ahead import decoding_threads, in_order
from joryu.examples.decoders import DECODERS, Request
from joryu.examples.decoding import strict_pillow
from joryu.examples.examples import Ids, Rejected
from joryu.examples.inputs import Rows
from joryu.examples.original_bytes import Stretch
from joryu.examples.picture import (
    Picture,
    Pictures,
    Progress,
    Reach,
    Seen,
    SizeNeededError,
    Unusable,
    advised_size,
)
from joryu.examples.picture_entry import ENTRY, Entries, look_at
from joryu.examples.picture_index import Known, PictureIndex

_TASK: Final = 8  # pictures a thread takes at once
_TASKS: Final = 64  #: of these are begun and not yet taken
_WORD: Final = 256  #: pictures between two words about how far it is


def look_through(
    pictures: Sequence[Picture], place: Path, *, size: int | None, channels: int | None, progress: Progress | None
) -> Pictures:
    """As `joryu.examples.pictures.read_pictures`, without holding what is decoded.

    What an earlier look has found is taken from the cache, where neither size nor times of a file have changed. What
    this one finds is written there every 15 seconds, so that an interrupted look goes on where it was; but not that a
    disk failed, which says nothing about a picture.

    Raises:
        InputError: none is usable, or their files are gone before all were looked at.
        SizeNeededError: their sizes differ and no ``size`` was given.
    """
    index = PictureIndex(place, f"size {size}, channels {channels}")
    names, stamps = [picture.name for picture in pictures], _stamps(pictures)
    rows = index.match(names, stamps)
    found = Known(np.zeros(len(pictures), ENTRY), [""] * len(pictures))
    known = np.flatnonzero(rows >= 0)
    found.entries[known], earlier = index.known(rows[known])
    for at, reason in zip(known.tolist(), earlier, strict=True):
        found.reasons[at] = reason
    looked, look = rows >= 0, partial(_look, size=size, channels=channels)
    try:
        for at, one in _looks(pictures, np.flatnonzero(rows < 0), look, progress):
            if isinstance(one, Unusable):
                found.reasons[at], looked[at] = one.reason, not one.passing
            else:
                found.entries[at], looked[at] = one, True
            # The stamp from before it was read: if it has changed since, it will be looked at again.
            found.entries["stamp"][at] = stamps[at]
            if index.is_due:
                index.save(names, found, looked)
    finally:
        if not (rows >= 0).all():
            index.save(names, found, looked)
    return _finished(names, found, size, channels)


def _looks(
    pictures: Sequence[Picture],
    rest: Rows,
    look: Callable[[list[Picture]], list[Entries | Unusable]],
    progress: Progress | None,
) -> Iterator[tuple[int, Entries | Unusable]]:
    """A look at each of the pictures of these numbers, in their order.

    Raises:
        InputError: their files are gone.
    """
    total, reach, done = len(pictures), Reach(len(pictures)), len(pictures) - len(rest)
    tasks = [rest[start : start + _TASK].tolist() for start in range(0, len(rest), _TASK)]
    with strict_pillow():
        looks = in_order(look, ([pictures[at] for at in task] for task in tasks), pool=decoding_threads(), most=_TASKS)
        for number, (task, seen) in enumerate(zip(tasks, looks, strict=True)):
            for at, one in zip(task, seen, strict=True):
                reach.heed(isinstance(one, Unusable) and one.gone)
                yield at, one
            done += len(task)
            if progress is not None and (number * _TASK % _WORD == 0 or done == total):
                progress(done, total)


def _stamps(pictures: Sequence[Picture]) -> npt.NDArray[np.int64]:
    """Size and times of each picture's file, int64 ``[n, 3]``; of one in a larger file, also where it begins."""
    large: dict[Path, tuple[int, int]] = {}
    return np.array([_stamp(picture.source, large) for picture in pictures], dtype=np.int64).reshape(-1, 3)


def _stamp(source: Path | str | bytes | Stretch, large: dict[Path, tuple[int, int]]) -> tuple[int, int, int]:
    try:
        match source:
            case str() | Path():
                found = os.stat(source)  # noqa: PTH116 - many are looked at
                return found.st_size, found.st_mtime_ns, found.st_ctime_ns
            case bytes():
                return len(source), 0, 0
        if source.path not in large:
            whole = source.path.stat()
            large[source.path] = whole.st_mtime_ns, whole.st_ctime_ns
    except OSError:
        return (-1, -1, -1)
    modified, changed = large[source.path]
    return source.length, modified ^ source.start, changed


def _look(pictures: list[Picture], *, size: int | None, channels: int | None) -> list[Entries | Unusable]:
    """As `look_at`, in another process or, what that cannot do, here."""

    def request() -> Request:
        return Request("entries", [picture.place for picture in pictures], {"size": size, "channels": channels})

    with DECODERS.asked(request) as records:
        if records is None:
            return look_at(pictures, size=size, channels=channels)
        found = iter(np.frombuffer(records.content, ENTRY).copy())
        again = iter(look_at([pictures[at] for at in records.failed], size=size, channels=channels))
        return [next(again if at in records.failed else found) for at in range(len(pictures))]


def _finished(names: Sequence[str], found: Known, size: int | None, channels: int | None) -> Pictures:
    usable = np.array([not reason for reason in found.reasons], dtype=bool)
    kept = np.flatnonzero(usable)
    rejected = [Rejected(names[at], found.reasons[at]) for at in np.flatnonzero(~usable).tolist()]
    if not len(kept):
        first = f"{rejected[0].name}: {rejected[0].reason}" if rejected else "no file at all"
        raise InputError(f"none of {len(names)} files is a usable picture", received=first)
    entries = found.entries[kept]
    height, width = (size, size) if size is not None else (int(entries["height"][0]), int(entries["width"][0]))
    if size is None:
        _require_one_size(entries, [names[at] for at in kept.tolist()])
    coloured = channels == 3 or (channels is None and bool(entries["coloured"].any()))
    sizes = np.stack([entries["width"], entries["height"]], axis=1).astype(np.int64)
    seen = Seen(_ids(entries["colour_key" if coloured else "grey_key"]), np.ascontiguousarray(entries["means"]))
    shape = (3 if coloured else 1, height, width)
    return Pictures(seen, shape, kept, rejected, sizes, _ids(entries["key"]))


def _ids(keys: Entries) -> Ids:
    return np.frombuffer(keys.tobytes(), dtype="<u8").reshape(-1, 2).astype(np.uint64)


def _require_one_size(entries: Entries, names: Sequence[str]) -> None:
    width, height = int(entries["width"][0]), int(entries["height"][0])
    odd = np.flatnonzero((entries["width"] != width) | (entries["height"] != height))
    if not len(odd):
        return
    at = int(odd[0])
    size = advised_size(np.minimum(entries["width"], entries["height"]).tolist())
    error = SizeNeededError(
        "pictures differ in size",
        expected=f"{width}×{height} as in {names[0]}",
        received=f"{entries['width'][at]}×{entries['height'][at]} in {names[at]}",
        hint=f"try --size {size}",
    )
    error.size = size
    raise error
