"""A device's clock beside ours."""

from __future__ import annotations

import math

BUCKET_S = 10.0  #: the estimate stands on the last one to two buckets


class ClockOffset:
    """By how much our monotonic clock is ahead of a device's, from when its readings arrive.

    ``offset = min(arrival − device time)`` over the last 10 to 20 seconds: a delay on the way only ever adds, so the
    smallest difference is the truest (the clock filter of NTP, RFC 5905 §10). A clock that runs fast or slow by 100
    parts in a million is followed to within 2 ms, for ever; without the window it would be 0.36 s after an hour.

    >>> clock = ClockOffset()
    >>> for device_time, arrival in ((0.0, 100.030), (1.0, 101.002), (2.0, 102.060)):
    ...     _ = clock.observe(device_time, arrival)
    >>> round(clock.offset, 3)
    100.002
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as after a reconnection: the device may have started its clock again."""
        self._began = -math.inf
        self._current = self._previous = math.inf

    @property
    def offset(self) -> float | None:
        """Seconds to add to the device's time; ``None`` before the first reading."""
        smallest = min(self._current, self._previous)
        return None if math.isinf(smallest) else smallest

    def observe(self, device_time: float, arrival: float) -> bool:
        """A reading arrived; whether this begins a new stretch of the estimate."""
        fresh = arrival - self._began >= BUCKET_S
        if fresh:
            self._began = arrival
            self._previous, self._current = self._current, math.inf
        self._current = min(self._current, arrival - device_time)
        return fresh
