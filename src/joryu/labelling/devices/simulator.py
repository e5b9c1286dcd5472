"""``simulator[:seed=…]``: a simulated headset and chest strap, for trying things out and for tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from joryu.labelling.devices.device import Counts, DeviceLostError, Reading
from joryu.labelling.devices.signals import BANDS, ESENSE, Floats
from joryu.labelling.devices.thinkgear import RAW_HZ

_BEHIND_S = 5  #: readings older than this many seconds are skipped, as a real headset's are if the machine slept
_TICK_S = 0.05
#: mean and standard deviation of the logarithm of each band's power, like a real headset's (delta 10⁵ … gamma 10³)
_LOG_POWER = np.array([12.5, 10.8, 9.7, 9.6, 9.4, 9.3, 8.6, 8.0])
_LOG_SPREAD = 0.7


class Simulator:
    """Plausible random numbers: the same seed gives the same numbers, however they are read.

    512 raw values per second (1/f noise, a 10 Hz rhythm that is stronger in meditation, blinks). Once a second: signal
    quality, attention, meditation, bands and heart rate. Attention and meditation vary around 55 with a correlation
    time of some seconds. Sometimes the electrodes slip for a few seconds: then old values are repeated, and after
    three seconds zeros, as by a real headset.

    Args:
        seed: of all random numbers.
        clock: a monotonic clock in seconds.
        wait: a function that sleeps for the given seconds.

    >>> simulator = Simulator(seed=3)
    >>> [reading.signal for reading in simulator.second()][-12:][:4]
    ['poor_signal', 'attention', 'meditation', 'delta']
    """

    def __init__(
        self, seed: int = 0, *, clock: Callable[[], float] = time.monotonic, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.name = f"simulator:seed={seed}"
        self._generator = np.random.default_rng(seed)
        self._clock, self._wait = clock, wait
        self._origin: float | None = None
        self._seconds = self._sent = 0
        self._ready: deque[Reading] = deque()
        self._latent = np.zeros(3)  # attention, meditation, heart rate: deviations from their means
        self._slow = 0.0  # the 1/f part of raw
        self._slipping, self._slipped = 0, 0  # seconds of bad contact to come, and so far
        self._stale = np.array([55.0, 55.0])

    @property
    def counts(self) -> Counts:
        """One packet per raw value, and one per second for the rest."""
        return Counts(self._sent)

    def open(self) -> None:
        """Start now; readings that were not delivered before are lost."""
        self._ready.clear()
        self._origin = self._clock() - self._seconds

    def close(self) -> None:
        """Stop."""
        self._origin = None

    def read(self, timeout: float) -> list[Reading]:
        """The readings that are due now.

        Raises:
            DeviceLostError: it is not open.
        """
        if self._origin is None:
            raise DeviceLostError("the simulator is not open")
        found = self._due(self._origin)
        if not found:
            self._wait(min(timeout, _TICK_S))
            found = self._due(self._origin)
        return found

    def _due(self, origin: float) -> list[Reading]:
        elapsed = self._clock() - origin
        if elapsed - self._seconds > _BEHIND_S:
            self._origin = origin + elapsed - self._seconds
            elapsed = float(self._seconds)
        while self._seconds <= elapsed:
            self._ready.extend(self.second())
        found: list[Reading] = []
        ready = self._ready
        while ready and (ready[0].device_time or 0.0) <= elapsed:
            found.append(ready.popleft())
        self._sent += sum(reading.signal in ("raw", "poor_signal") for reading in found)
        return found

    def second(self) -> list[Reading]:
        """The readings of the next second, in order of time."""
        began, self._seconds = self._seconds, self._seconds + 1
        poor, esense, heart_rate = self._once_a_second()
        log_powers = self._generator.normal(_LOG_POWER, _LOG_SPREAD)
        times = began + np.arange(1, RAW_HZ + 1) / RAW_HZ
        raw = self._raw(times, meditation=float(esense[1]), off=poor >= 200)
        readings = [Reading("raw", *pair) for pair in zip(raw.tolist(), times.tolist(), strict=True)]
        last = float(times[-1])
        readings.append(Reading("poor_signal", float(poor), last))
        readings += [Reading(name, float(value), last) for name, value in zip(ESENSE, esense, strict=True)]
        powers = np.exp(log_powers).round().clip(1, 2**24 - 1)
        readings += [Reading(name, float(power), last) for name, power in zip(BANDS, powers, strict=True)]
        readings.append(Reading("heart_rate", heart_rate, last))
        return readings

    def _once_a_second(self) -> tuple[int, Floats, float]:
        draw = self._generator.standard_normal(3)
        self._latent = 0.9 * self._latent + np.sqrt(1 - 0.9**2) * draw
        values = (np.array([55.0, 55.0]) + 15 * self._latent[:2]).round().clip(1, 100)
        heart_rate = float(np.round(70 + 5 * self._latent[2]))
        slips = self._generator.random() < 1 / 120
        length, depth = int(self._generator.integers(3, 7)), int(self._generator.integers(25, 201))
        if self._slipping == 0 and slips and self._seconds > 10:
            self._slipping, self._slipped = length, 0
        if self._slipping == 0:
            self._stale = values
            return 0, values, heart_rate
        self._slipping, self._slipped = self._slipping - 1, self._slipped + 1
        return depth, self._stale if self._slipped <= 3 else np.zeros(2), heart_rate

    def _raw(self, times: Floats, *, meditation: float, off: bool) -> Floats:
        steps = self._generator.normal(0, 6, len(times))
        blink = self._generator.random() < 0.2
        at = times[0] + self._generator.random() * 0.7
        slow = np.empty(len(times))
        level = self._slow
        for row, step in enumerate(steps.tolist()):
            level = 0.99 * level + step
            slow[row] = level
        self._slow = level
        wave = slow + (0.3 + meditation / 100) * 20 * np.sin(2 * np.pi * 10 * times)
        if blink:
            wave += 400 * np.exp(-(((times - at - 0.15) / 0.06) ** 2))
        if off:
            wave *= 20
        found: Floats = wave.round().clip(-2048, 2047)
        return found
