"""Connections that wait for ever are closed, so that nobody can keep the page from others by holding its door open."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256  #: connections at once; a page needs six
WHOLE_REQUEST_S = 10.0  #: to send a request's headers, from when the connection was made or last answered


class Patient(H11Protocol):
    """Uvicorn's protocol with two limits: idle connections are closed after a while, the oldest when there are many.

    Uvicorn itself waits for ever for the first request of a connection. 1,300 that say nothing took all the files that
    a process may have open, and the page answered nobody.
    """

    idle_since: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for a new connection, and begin to wait for its request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > most_connections():
            others = [cast("Patient", one) for one in self.connections if one is not self]
            idle = [one for one in others if one.is_idle]
            if idle:
                min(idle, key=lambda one: one.idle_since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        """Close it, if no request is being answered."""
        if self.is_idle:
            self.transport.abort()
            self.connections.discard(self)  # now, and not when the loop comes to it: others are waiting

    def _wait(self) -> None:
        self._stop_waiting()
        self.idle_since = self.loop.time()
        self._deadline = self.loop.call_later(WHOLE_REQUEST_S, self.drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()


def most_connections() -> int:
    """How many connections may be open: a quarter of the files that this process may have, and 256 at most.

    As the server's backlog it is also how many are taken at once, before any is closed: more would use up the files,
    and asyncio then complains some thousand times and takes nobody for a second.
    """
    try:
        import resource  # noqa: PLC0415 - POSIX alone
    except ImportError:
        return MOST
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST, limit // 4)) if limit > 0 else MOST
