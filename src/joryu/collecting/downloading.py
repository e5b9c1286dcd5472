"""Fetch the entries of a list: several hosts at a time, each at its own pace, what may pass tried again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from joryu.collecting.addresses import Resolve, look_up
from joryu.collecting.checking import Checked, check_picture
from joryu.collecting.fetching import Fetched, Fetcher, Missed
from joryu.collecting.hosts import Hosts, Unreachable
from joryu.collecting.limits import FetchLimits
from joryu.errors import InputError
from joryu.remote.pace import back_off_s

_HOSTS_EACH: Final = 4  #: hosts that are gone through at a time, for each request that may be in flight
_AHEAD: Final = 64  #: entries that are done and not yet kept
_PATIENCE_S: Final = 2.0


class Done(NamedTuple):
    """One entry, by its number: what was fetched and what it is, or why there is nothing."""

    number: int
    fetched: Fetched | None
    checked: Checked | None
    missed: Missed | None = None


_END: Final = Done(-1, None, None)


class Download:
    """One pass over some entries of a list.

    Entries of hosts that are left alone do not come; `left` says which hosts those are.
    """

    def __init__(
        self,
        places: Sequence[str],
        numbers: Sequence[int],
        limits: FetchLimits,
        *,
        agent: str,
        resolve: Resolve = look_up,
    ) -> None:
        self._places, self._limits, self._agent, self._resolve = places, limits, agent, resolve
        self._hosts = Hosts(limits)
        self._waiting = iter(_by_host(places, numbers))
        self._done: asyncio.Queue[Done] = asyncio.Queue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._random = random.Random()

    @property
    def left(self) -> dict[str, str]:
        """The hosts that were left alone, and why."""
        return self._hosts.left

    async def results(self) -> AsyncGenerator[Done | None]:
        """Every entry that came to an end, in no order; ``None`` where none has for a while."""
        async with Fetcher(self._limits, self._hosts, agent=self._agent, resolve=self._resolve) as fetcher:
            working = asyncio.create_task(self._work(fetcher))
            working.add_done_callback(lambda _: self._done.put_nowait(_END))
            try:
                while (done := await self._next()) is not _END:
                    if done is not None:
                        self._room.release()
                    yield done
                await working
            finally:
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working

    async def _next(self) -> Done | None:
        try:
            return await asyncio.wait_for(self._done.get(), _PATIENCE_S)
        except TimeoutError:
            return None

    async def _work(self, fetcher: Fetcher) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_HOSTS_EACH * self._limits.concurrency):
                group.create_task(self._go_through_hosts(fetcher))

    async def _go_through_hosts(self, fetcher: Fetcher) -> None:
        for numbers in self._waiting:  # an iterator that all share
            rest = iter(numbers)
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._limits.at_a_host, len(numbers))):
                    group.create_task(self._go_through(rest, fetcher))

    async def _go_through(self, numbers: Iterator[int], fetcher: Fetcher) -> None:
        for number in numbers:
            try:
                done = await self._see_through(number, fetcher)
            except Unreachable:
                return
            await self._room.acquire()  # where the disk is slower than the network, the network waits
            self._done.put_nowait(done)

    async def _see_through(self, number: int, fetcher: Fetcher) -> Done:
        """Fetch one entry, again where what is wrong may pass.

        Raises:
            Unreachable: its host is left alone.
        """
        place, limits = self._places[number], self._limits
        missed: Missed | None = None
        for attempt in range(limits.attempts):
            got = await fetcher.fetch(place)
            if isinstance(got, Fetched):
                return await self._checked(number, got)
            missed = got
            if got.for_good or attempt + 1 == limits.attempts:
                break
            if got.wait is None:
                longest = limits.first_wait * 2**attempt
                await asyncio.sleep(back_off_s(attempt, first=limits.first_wait, longest=longest, random_=self._random))
        return Done(number, None, None, missed)

    async def _checked(self, number: int, got: Fetched) -> Done:
        try:
            checked = await asyncio.to_thread(check_picture, got.content)
        except InputError as error:
            return Done(number, got, None, Missed(str(error), for_good=True))
        return Done(number, got, checked)


def _by_host(places: Sequence[str], numbers: Sequence[int]) -> list[list[int]]:
    """The entries of each host, those of the host with the most first, as it takes longest."""
    found: dict[str, list[int]] = {}
    for number in numbers:
        try:
            host = urlsplit(places[number]).netloc.lower()
        except ValueError:
            host = ""
        found.setdefault(host, []).append(number)
    return sorted(found.values(), key=len, reverse=True)
