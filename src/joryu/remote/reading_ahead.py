"""Pictures to ask about, read and made small ahead of the requests that carry them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from joryu.errors import InputError
from joryu.remote.api import Api
from joryu.remote.ledger import Ledger, LedgerFailure
from joryu.remote.picture_size import fitted

_BLOCK: Final = 512  #: examples looked up in the ledger at a time

Item = TypeVar("Item")


class Pictures(NamedTuple):
    """Examples to ask about: their ids of 16 bytes, and a function that reads the original bytes of one by its number.

    It is called from several threads. Ids may come twice; each is asked about once.
    """

    ids: Sequence[bytes]
    read: Callable[[int], bytes]


class Shown(NamedTuple):
    """One example as it is sent: its id, and the bytes of its picture."""

    example: bytes
    picture: bytes


class Ready(NamedTuple):
    """What one request is to carry, and the examples whose pictures cannot be made smaller, each with the reason."""

    shown: list[Shown]
    failed: list[LedgerFailure]


class ReadingAhead:
    """A queue of requests' worth of pictures, of which a few are read ahead, by threads."""

    def __init__(self, api: Api, ledger: Ledger, pictures: Pictures, *, ahead: int) -> None:
        self._api, self._ledger, self._pictures = api, ledger, pictures
        self._queue: asyncio.Queue[asyncio.Task[Ready] | None] = asyncio.Queue(ahead)
        self.known = 0  #: how many examples needed no asking, so far
        self.repeated = 0  #: how many ids had come before

    async def fill(self) -> None:
        """Put everything that the ledger knows nothing of into the queue, in requests of as many as the API takes."""
        waiting: dict[bytes, int] = {}
        begun: set[bytes] = set()  # what comes again may still be in flight, and the ledger knows nothing of it then
        most = self._api.request.pictures
        for block in blocks(range(len(self._pictures.ids)), _BLOCK):
            ids = self._pictures.ids[block[0] : block[-1] + 1]
            numbers = {one: at for at, one in zip(block, ids, strict=True) if one not in begun}
            self.repeated += len(ids) - len(numbers)
            missing = await asyncio.to_thread(self._ledger.missing, list(numbers))
            self.known += len(numbers) - len(missing)
            begun.update(missing)
            waiting |= {one: numbers[one] for one in missing}
            while len(waiting) >= most:
                await self._put(waiting, most)
        while waiting:
            await self._put(waiting, most)
        await self.end()

    async def _put(self, waiting: dict[bytes, int], most: int) -> None:
        numbers = {one: waiting.pop(one) for one in list(waiting)[:most]}
        reading = asyncio.create_task(self.ready(numbers))
        reading.add_done_callback(retrieved)
        await self._queue.put(reading)

    async def end(self) -> None:
        """Say that nothing more will come."""
        await self._queue.put(None)

    async def take(self) -> Ready | None:
        """The next request's worth; ``None`` at the end.

        Raises:
            InputError: a picture cannot be read any more.
        """
        reading = await self._queue.get()
        if reading is None:
            self._queue.put_nowait(None)  # for whoever asks next
            return None
        return await reading

    def drop(self) -> None:
        """Give up what was read ahead."""
        while not self._queue.empty():
            if (reading := self._queue.get_nowait()) is not None:
                reading.cancel()

    async def ready(self, numbers: dict[bytes, int]) -> Ready:
        """Some examples, by their ids and numbers, as they are sent."""
        return await asyncio.to_thread(self._read, numbers)

    def _read(self, numbers: dict[bytes, int]) -> Ready:
        ready = Ready([], [])
        for example, number in numbers.items():
            content = self._pictures.read(number)
            try:
                small = fitted(content, longest_side=self._api.longest_side, quality=self._api.quality)
            except InputError as error:
                ready.failed.append(LedgerFailure(example, str(error), True))
                continue
            ready.shown.append(Shown(example, small))
        return ready

    def canaries(self, count: int) -> dict[bytes, int]:
        """The first examples that have an answer, with their numbers; none where nothing is left to ask."""
        found: dict[bytes, int] = {}
        missing = False
        for block in blocks(range(len(self._pictures.ids)), _BLOCK):
            ids = self._pictures.ids[block[0] : block[-1] + 1]
            known = self._ledger.answered(ids) if len(found) < count else set()
            for at, one in zip(block, ids, strict=True):
                if one in known and len(found) < count:
                    found[one] = at
            missing = missing or bool(self._ledger.missing(ids))
            if missing and len(found) == count:
                break
        return found if missing else {}


def blocks(values: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The values, so many at a time."""
    return (values[start : start + size] for start in range(0, len(values), size))


def retrieved(done: asyncio.Future[Any]) -> None:
    """Take the error of what nobody may wait for any more, so that it is not reported as forgotten."""
    if not done.cancelled():
        done.exception()
