"""Close idle connections, so that nobody can block the page for others by holding connections open."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256  #: the most connections at once; a page needs six
WHOLE_REQUEST_S = 10.0  #: seconds for a request's headers, from the connection's start or last response


class Patience:
    """Closes idle connections after `WHOLE_REQUEST_S`, and the oldest beyond `MOST`; stands before a uvicorn protocol.

    Uvicorn itself waits forever for the first request of a connection. 1,300 silent connections used up all files that
    a process may open, and the page did not answer any more.
    """

    transport: asyncio.Transport
    connections: set[Any]
    cycle: Any
    loop: asyncio.AbstractEventLoop
    idle_since: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Close the oldest idle connections if there are too many, and wait for a request on the new one."""
        super().connection_made(transport)  # type: ignore[misc]
        self._wait()
        if len(self.connections) > most_connections():
            others = [cast("Patience", one) for one in self.connections if one is not self]
            idle = [one for one in others if one.is_idle]
            if idle:
                min(idle, key=lambda one: one.idle_since).drop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a request."""
        self._stop_waiting()
        super().connection_lost(exc)  # type: ignore[misc]

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()  # type: ignore[misc]

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def drop(self) -> None:
        """Close the connection, unless a request is being answered."""
        if self.is_idle:
            self.transport.abort()
            self.connections.discard(self)  # at once, not in the loop's next turn, because others are waiting

    def _wait(self) -> None:
        self._stop_waiting()
        self.idle_since = self.loop.time()
        self._deadline = self.loop.call_later(WHOLE_REQUEST_S, self.drop)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()


class Patient(Patience, H11Protocol):  # type: ignore[misc]
    """The protocol of the labelling page; it reads in Python what comes."""


def most_connections() -> int:
    """The number of connections that may be open: a quarter of the files that this process may open, at most 256.

    It is also the server's backlog, the number accepted at once before any is closed: with more, the process would run
    out of files, and asyncio would then log thousands of errors and accept nobody for a second.
    """
    try:
        import resource  # noqa: PLC0415 - POSIX alone
    except ImportError:
        return MOST
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST, limit // 4)) if limit > 0 else MOST
