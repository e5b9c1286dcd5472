"""`Host`: when one host may be asked next, what its robots.txt says, and when it is left alone for this run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from joryu.collecting.limits import FetchLimits
from joryu.collecting.robots import Robots
from joryu.remote.pace import Pause, TokenBucket

Learn = Callable[[], Awaitable[Robots]]
"""Fetches the rules of a host.

Raises:
    Unreachable: they cannot be had now, so that nothing of the host may be fetched.
    RefusedAddress: the host is no public one.
"""


class Unreachable(Exception):  # noqa: N818 - as `Stop`, it tells of an end
    """A host is asked nothing more in this run; why."""


class Host:
    """One host and port, asked politely: at its rate, never during a pause that it asked for.

    After so many failures in a row it is left alone, and whoever waits for its turn is told.
    """

    def __init__(self, name: str, limits: FetchLimits) -> None:
        self.name = name
        self._limits = limits
        self._bucket, self._pause = TokenBucket(limits.rate), Pause()
        self._in_a_row = 0
        self._robots: Robots | None = None
        self._learning = asyncio.Lock()
        self.left: str = ""  #: why it is left alone

    async def robots(self, learn: Learn) -> Robots:
        """Its rules, fetched once.

        Raises:
            Unreachable: they cannot be had now.
        """
        async with self._learning:
            self._require_not_left()
            if self._robots is None:
                try:
                    self._robots = await learn()
                except Unreachable as why:
                    self.leave(str(why))
                    raise
                if self._robots.delay * self._limits.rate > 1:
                    self._bucket = TokenBucket(1 / self._robots.delay)
                    self._bucket.wait_s()  # robots.txt was the first request
        return self._robots

    async def turn(self) -> None:
        """Wait until it may be asked.

        Raises:
            Unreachable: it is left alone.
        """
        self._require_not_left()
        await asyncio.sleep(self._bucket.wait_s())
        while (left := self._pause.wait_s()) > 0:
            self._require_not_left()
            await asyncio.sleep(left)
        self._require_not_left()

    def pause(self, seconds: float) -> None:
        """Ask nothing for so long; a host that wants a longer pause than a run may wait is left alone."""
        if seconds > self._limits.longest_wait:
            self.leave(f"it asks for a pause of {seconds:,.0f} s")
        else:
            self._pause.ask_for(seconds)

    def note(self, succeeded: bool, reason: str = "") -> None:
        """Count a request: a host that fails again and again is left alone."""
        self._in_a_row = 0 if succeeded else self._in_a_row + 1
        if self._in_a_row >= self._limits.failures:
            self.leave(f"{self._in_a_row} failures in a row, the last: {reason}")

    def leave(self, reason: str) -> None:
        """Ask nothing more in this run."""
        self.left = self.left or reason

    def _require_not_left(self) -> None:
        if self.left:
            raise Unreachable(self.left)


class Hosts:
    """All hosts that are asked, by scheme, name and port."""

    def __init__(self, limits: FetchLimits) -> None:
        self._limits = limits
        self._known: dict[str, Host] = {}

    def of(self, origin: str) -> Host:
        """The host of an origin, such as ``https://example.com:443``."""
        if origin not in self._known:
            self._known[origin] = Host(origin, self._limits)
        return self._known[origin]

    @property
    def left(self) -> dict[str, str]:
        """The hosts that were left alone, and why."""
        return {name: host.left for name, host in self._known.items() if host.left}
