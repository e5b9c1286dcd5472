"""`gather`: everything of a listing into a collection, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from joryu.collecting.addresses import Resolve, look_up
from joryu.collecting.checking import Checked, check_picture
from joryu.collecting.collection import Collection, Found, kept
from joryu.collecting.downloading import Done, Download
from joryu.collecting.limits import MIB, FetchLimits
from joryu.collecting.listing import Listing, Read
from joryu.errors import InputError, JoryuError
from joryu.examples.ahead import decoding_threads, in_order
from joryu.examples.collected import COPY, FAILED, KEPT, LATER, Collected, OriginCounts
from joryu.examples.decoding import strict_pillow
from joryu.examples.origin import LicenceRule

Progress = Callable[[int, int, str], None]
"""Called with (entries done, entries to do, a word)."""

_BATCH: Final = 64  #: pictures that are written together …
_BATCH_BYTES: Final = 64 * MIB  #: … or so many bytes of them …
_BATCH_S: Final = 2.0  #: … or what has come in so many seconds
_DECODING: Final = 8  #: threads that decode and write, beside those that look up hosts
_TASKS: Final = 64  #: pictures of a folder that are begun and not yet kept


@dataclass(frozen=True, kw_only=True)
class GatherOptions:
    """How to collect.

    Args:
        rule: the licences that are taken; entries of others are left out.
        limits: how hosts are asked.
        agent: how Joryu introduces itself; name a way to reach you.
        again: entries that were refused for good are tried again.
        resolve: looks up hosts.
        progress: called now and then.
    """

    rule: LicenceRule = field(default_factory=lambda: LicenceRule(()))
    limits: FetchLimits = field(default_factory=FetchLimits)
    agent: str = "joryu"
    again: bool = False
    resolve: Resolve = look_up
    progress: Progress = lambda done, total, note: None


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What came of the entries of a listing, by the last word on each, and what the collection holds.

    ``new``: pictures that this run added. ``reasons``: why entries have none, most frequent first. ``hosts_left``:
    hosts that were left alone, and why. ``strangers``: pictures that the collection says nothing of.
    """

    folder: Path
    entries: int
    kept: int
    copies: int
    failed: int
    later: int
    new: int
    repeated: int
    other_licence: int
    reasons: dict[str, int]
    hosts_left: dict[str, str]
    pictures: int
    strangers: int
    origins: OriginCounts

    def to_json(self) -> dict[str, Any]:
        """For scripts."""
        counts = {name: value for name, value in vars(self).items() if name not in ("folder", "origins")}
        return {"folder": str(self.folder), **counts, **self.origins.as_notes()}


def gather(listing: Listing, out: Path, options: GatherOptions | None = None) -> Gathered:
    """Collect every entry that the collection ``out`` does not know yet; make it, or go on with it.

    Whatever happens, what was collected is kept, and the same call goes on.

    Raises:
        InputError: ``out`` is something else, or another process is writing it.
        MismatchError: it holds pictures of licences that the rule does not accept.
        MissingExtraError: httpx2 is not installed, and addresses are to be fetched.
        JoryuError: there is nothing in it at the end, or the disk does not take it.
    """
    options = options or GatherOptions()
    with Collection.writing(out) as collection, strict_pillow():
        options.rule.require(
            collection.counts().licences, str(out), hint="collect into another folder, or name these licences too"
        )
        taken = [at for at in range(len(listing)) if options.rule.accepts(listing.licences[at])]
        _say_otherwise(collection, listing, taken)
        numbers = [at for at in taken if collection.known(listing.places[at], again=options.again) is None]
        keeper = _Keeper(collection, listing, len(numbers), options.progress)
        left: dict[str, str] = {}
        if listing.contents is not None:
            _take(listing, numbers, keeper)
        elif numbers:
            left = asyncio.run(_fetch(listing, numbers, keeper, options))
        found = _summary(collection, listing, taken, keeper.new)
    done = Gathered(folder=out, other_licence=len(listing) - len(taken), hosts_left=left, **found)
    if not done.pictures:
        why = next(iter(done.reasons), None) or next(iter(left.values()), None)
        raise JoryuError(
            f"no picture was collected of {listing.name}", expected="at least one", received=why,
            hint="--licence names none of its licences" if not taken else None,
        )  # fmt: skip
    return done


class _Keeper:
    """Puts what was found into the collection, in batches."""

    def __init__(self, collection: Collection, listing: Listing, total: int, progress: Progress) -> None:
        self._collection, self._listing, self._total, self._progress = collection, listing, total, progress
        self._batch: list[Found] = []
        self._begun = time.monotonic()
        self.done = self.new = 0

    def take(self, number: int, came: Collected, content: bytes = b"") -> None:
        """One entry that came to an end."""
        self._batch.append(Found(self._named(number, came), content))

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        waited = time.monotonic() - self._begun > _BATCH_S
        heavy = sum(len(found.content) for found in self._batch) > _BATCH_BYTES
        return bool(self._batch) and (waited or heavy or len(self._batch) >= _BATCH)

    def write(self) -> None:
        """Write what is waiting.

        Raises:
            JoryuError: the disk does not take it.
        """
        batch, self._batch = self._batch, []
        records = self._collection.add(batch)
        self.new += sum(record.status == KEPT for record in records)
        self.done += len(batch)
        self._begun = time.monotonic()
        self._progress(self.done, self._total, f"{self.new:,} new")

    def _named(self, number: int, came: Collected) -> Collected:
        place = self._listing.places[number]
        return came._replace(
            place=place, licence=self._listing.licences[number],
            source=self._listing.sources[number] or _host(place) or self._listing.name,
            fetched=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip


def _take(listing: Listing, numbers: Sequence[int], keeper: _Keeper) -> None:
    """Pictures that are here already."""
    contents = listing.contents(numbers) if listing.contents is not None else iter(())
    try:
        for number, came, content in in_order(_looked_at, contents, pool=decoding_threads(), most=_TASKS):
            address = "" if listing.addresses is None else listing.addresses[number]
            keeper.take(number, came._replace(address=address), content)
            if keeper.is_due:
                keeper.write()
    finally:
        keeper.write()


def _looked_at(entry: tuple[int, Read]) -> tuple[int, Collected, bytes]:
    number, read = entry
    try:
        content = read()
        return number, _good(check_picture(content), content), content
    except InputError as error:
        return number, Collected("", FAILED, reason=str(error)), b""


async def _fetch(listing: Listing, numbers: Sequence[int], keeper: _Keeper, options: GatherOptions) -> dict[str, str]:
    """Pictures that lie at addresses; the hosts that were left alone."""
    threads = ThreadPoolExecutor(options.limits.concurrency + _DECODING, thread_name_prefix="joryu-collect")
    asyncio.get_running_loop().set_default_executor(threads)  # names that nobody knows would else hold up the decoding
    download = Download(listing.places, numbers, options.limits, agent=options.agent, resolve=options.resolve)
    try:
        async with aclosing(download.results()) as results:
            async for done in results:
                if done is not None:
                    keeper.take(done.number, *_came(done))
                if keeper.is_due:
                    await asyncio.to_thread(keeper.write)
    finally:
        keeper.write()
    return download.left


def _came(done: Done) -> tuple[Collected, bytes]:
    if done.fetched is None or done.checked is None:
        status = FAILED if done.missed is None or done.missed.for_good else LATER
        address = "" if done.fetched is None else done.fetched.address
        return Collected("", status, address=address, reason="" if done.missed is None else done.missed.reason), b""
    record = _good(done.checked, done.fetched.content)
    return record._replace(address=done.fetched.address), done.fetched.content


def _good(checked: Checked, content: bytes) -> Collected:
    record = Collected(
        "", KEPT, picture=checked.picture, type=checked.type, n_bytes=len(content), width=checked.width,
        height=checked.height,
    )  # fmt: skip
    return kept(record, checked.file)


def _say_otherwise(collection: Collection, listing: Listing, taken: Sequence[int]) -> None:
    """Write down what the list says now of the licences and sources of pictures that are here."""
    changed: dict[str, tuple[str, str]] = {}
    for at in taken:
        known = collection.latest.get(listing.places[at])
        if known is not None and known.is_here:
            says = listing.licences[at] or known.licence, listing.sources[at] or known.source
            if says != (known.licence, known.source):
                changed[listing.places[at]] = says
    collection.amend(changed)


def _summary(collection: Collection, listing: Listing, taken: Sequence[int], new: int) -> dict[str, Any]:
    statuses, reasons = Counter[str](), Counter[str]()
    for at in taken:
        known = collection.latest.get(listing.places[at])
        here = known is not None and (not known.is_here or collection.holds(known.picture))
        statuses[known.status if known is not None and here else LATER] += 1
        if known is not None and not known.is_here:
            reasons[known.reason] += 1
    return {
        "entries": len(listing) + listing.repeated, "kept": statuses[KEPT], "copies": statuses[COPY],
        "failed": statuses[FAILED], "later": statuses[LATER], "new": new, "repeated": listing.repeated,
        "reasons": dict(reasons.most_common(20)), "pictures": len(collection), "strangers": collection.strangers,
        "origins": collection.counts(),
    }  # fmt: skip


def _host(place: str) -> str:
    try:
        return urlsplit(place).hostname or "" if "://" in place else ""
    except ValueError:
        return ""
