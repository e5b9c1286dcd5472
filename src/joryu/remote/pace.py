"""When the next request may be sent: rate, pauses that the API asks for, back-off, and a circuit breaker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from joryu.errors import Stop

Clock = Callable[[], float]


class TokenBucket:
    """At most ``rate`` requests a second in the long run, and ``burst`` at once; it only computes, and never sleeps.

    The generic cell rate algorithm (ITU-T I.371, 2004): one number, the time at which the bucket would be full again.

    >>> seconds = iter([0.0, 0.0, 0.0, 0.5])
    >>> bucket = TokenBucket(2, burst=2, clock=lambda: next(seconds))
    >>> [bucket.wait_s() for _ in range(4)]
    [0.0, 0.0, 0.5, 0.5]
    """

    def __init__(self, rate: float, *, burst: int = 1, clock: Clock = time.monotonic) -> None:
        self._gap, self._burst, self._clock = 1 / rate, burst, clock
        self._full_at = float("-inf")

    def wait_s(self) -> float:
        """Take one token; the seconds to wait before it may be used."""
        now = self._clock()
        self._full_at = max(self._full_at, now) + self._gap
        return max(0.0, self._full_at - self._burst * self._gap - now)


def back_off_s(attempt: int, *, first: float, longest: float, random_: random.Random) -> float:
    """Seconds to wait before the next attempt: even in ``[0, min(longest, first · 2^attempt)]``.

    Full jitter, after Brooker 2015, "Exponential Backoff And Jitter" (AWS Architecture Blog): tasks that failed
    together do not come back together.
    """
    return random_.uniform(0, min(longest, first * 2 ** min(attempt, 32)))


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110 §10.2.3): a number, or a date; ``None`` for neither.

    >>> retry_after_s("120"), retry_after_s("soon"), retry_after_s(None)
    (120.0, None, None)
    >>> retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT", datetime(1999, 12, 31, 23, 59, 29, tzinfo=UTC))
    30.0
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except (ValueError, OverflowError):  # a year that no date has
            return None
        until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
        seconds = (until - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else None


class Pause:
    """Holds every request back until a time that the API named; it only computes, and never sleeps."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._until = clock, float("-inf")

    def ask_for(self, seconds: float) -> None:
        """Wait at least so long from now."""
        self._until = max(self._until, self._clock() + seconds)

    def wait_s(self) -> float:
        """Seconds until it is over; 0 where there is none."""
        return max(0.0, self._until - self._clock())


_TRIALS: Final = 5
_LOOK_AGAIN_S: Final = 0.05


class Breaker:
    """Stops asking an API that fails again and again, tries it once in a while, and gives up in the end.

    Closed, it lets everything through. After ``failures`` failures in a row, with no success between them, it opens for
    ``cool_down`` seconds. Then one request goes through as a trial: a success closes it, a failure opens it for twice
    as long, and after five trials it raises `Stop`. (Nygard 2007, "Release It!", §5.2.) It only computes.
    """

    def __init__(self, failures: int, cool_down: float, clock: Clock = time.monotonic) -> None:
        self._most, self._cool_down, self._clock = failures, cool_down, clock
        self._in_a_row, self._trials = 0, 0
        self._open_until: float | None = None
        self._trying = False

    def wait_s(self) -> float:
        """Seconds until it is worth asking whether a request may go through; 0: it may go now."""
        if self._open_until is None:
            return 0.0
        left = self._open_until - self._clock()
        if left <= 0 and not self._trying:
            self._trying = True
            return 0.0
        return max(left, _LOOK_AGAIN_S)

    def note(self, succeeded: bool, reason: str = "") -> None:
        """Count one request that went through; ``reason`` says why it failed.

        Raises:
            Stop: the last trial has failed.
        """
        self._trying = False
        if succeeded:
            self._in_a_row = self._trials = 0
            self._open_until = None
            return
        self._in_a_row += 1
        if self._in_a_row < self._most or (self._open_until is not None and self._clock() < self._open_until):
            return
        if self._trials >= _TRIALS:
            raise Stop(
                f"the API fails again and again, {self._in_a_row} times in a row", received=reason,
                hint="look whether it is up and whether the request is what it wants",
            )  # fmt: skip
        self._open_until = self._clock() + self._cool_down * 2**self._trials
        self._trials += 1
