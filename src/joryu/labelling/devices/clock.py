"""Estimate the offset between a device's clock and this machine's."""

from __future__ import annotations

import math

BUCKET_S = 10.0  #: the estimate uses the last one to two buckets of this length


class ClockOffset:
    """The offset of this machine's monotonic clock to a device's, estimated from arrival times.

    ``offset = min(arrival − device time)`` over the last 10 to 20 seconds. Transmission only adds delay, so the
    smallest difference is the best estimate (the clock filter of NTP, RFC 5905 §10). A clock that is fast or slow by
    100 parts per million is followed to within 2 ms; without the window the error would be 0.36 s after an hour.

    >>> clock = ClockOffset()
    >>> for device_time, arrival in ((0.0, 100.030), (1.0, 101.002), (2.0, 102.060)):
    ...     _ = clock.observe(device_time, arrival)
    >>> round(clock.offset, 3)
    100.002
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start the estimate anew, for example after a reconnection, when the device may have restarted its clock."""
        self._began = -math.inf
        self._current = self._previous = math.inf

    @property
    def offset(self) -> float | None:
        """Seconds to add to the device's time; ``None`` before the first reading."""
        smallest = min(self._current, self._previous)
        return None if math.isinf(smallest) else smallest

    def observe(self, device_time: float, arrival: float) -> bool:
        """Use a reading that arrived; returns whether it begins a new bucket of the estimate."""
        fresh = arrival - self._began >= BUCKET_S
        if fresh:
            self._began = arrival
            self._previous, self._current = self._current, math.inf
        self._current = min(self._current, arrival - device_time)
        return fresh
