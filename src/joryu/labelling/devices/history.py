"""`History`: the last minutes of every signal, in bounded memory, and means over intervals of time."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np

from joryu.labelling.devices.device import Sample
from joryu.labelling.devices.signals import HELD, HOLD_S, Floats, believable

MOST_SAMPLES = 2**17  #: kept per signal: 4 minutes at 512 Hz, a day and a half at 1 Hz; 2 MiB
MOST_SIGNALS = 64


class Past(NamedTuple):
    """Times and values of one signal, oldest first; ``cut``: older ones were dropped."""

    at: Floats
    value: Floats
    cut: bool = False


class Series:
    """The last ``most`` (time, value) pairs of one signal, in order of time."""

    __slots__ = ("_at", "_cut", "_most", "_next", "_value", "last")

    def __init__(self, most: int) -> None:
        self._at, self._value = array("d"), array("d")
        self._most, self._next, self._cut = most, 0, False
        self.last = (-np.inf, np.nan)

    def __len__(self) -> int:
        return len(self._at)

    def append(self, at: float, value: float) -> float:
        """Add a value; returns its time, which is never before the last one."""
        # A better estimate of a device's clock can move later values back in time, but the search needs them in order.
        at = max(at, self.last[0])
        self.last = (at, value)
        if len(self._at) < self._most:
            self._at.append(at)
            self._value.append(value)
            return at
        self._at[self._next], self._value[self._next] = at, value
        self._next = (self._next + 1) % self._most
        self._cut = True
        return at

    def past(self) -> Past:
        """A copy of the kept times and values."""
        return Past(np.roll(np.array(self._at), -self._next), np.roll(np.array(self._value), -self._next), self._cut)


class History:
    """The recent samples of every signal; one thread adds, any thread may read.

    >>> history = History()
    >>> _ = history.add([Sample(10.0, "attention", 40.0), Sample(11.0, "attention", 55.0)])
    >>> history.window(10.5, 12.0)  # 40 for half a second, 55 for one
    {'attention': 50.0}
    >>> history.window(11.0, 20.0), history.window(14.0, 20.0)  # a value holds for two seconds
    ({'attention': 55.0}, {'attention': None})
    """

    def __init__(self, most: int = MOST_SAMPLES) -> None:
        self._most = most
        self._series: dict[str, Series] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """The number of samples kept."""
        with self._lock:
            return sum(map(len, self._series.values()))

    def add(self, samples: Iterable[Sample]) -> list[Sample]:
        """Add samples; returns them with times in order for each signal. At most `MOST_SIGNALS` signals are kept."""
        with self._lock:
            return [self._add(sample) for sample in samples]

    def _add(self, sample: Sample) -> Sample:
        series = self._series.get(sample.signal)
        if series is None:
            if len(self._series) >= MOST_SIGNALS:
                return sample
            series = self._series[sample.signal] = Series(self._most)
        return sample._replace(at=series.append(sample.at, sample.value))

    def last(self, signal: str) -> float | None:
        """The latest value of a signal, whatever its age and quality; ``None`` if there is none."""
        with self._lock:
            series = self._series.get(signal)
            return None if series is None else series.last[1]

    def window(self, start: float, stop: float, signals: Collection[str] | None = None) -> dict[str, float | None]:
        """The mean of each signal over ``start <= t <= stop`` (seconds); ``None`` without a believable value.

        A signal that comes once a second (`HELD`) keeps its value until the next one, for at most `HOLD_S` seconds, and
        its mean is over time. Other signals are averaged over the samples in the window. Values that are not
        `believable` are left out. The mean is ``None`` too if the window begins before the oldest kept sample, because
        part of a mean is another number. With ``start == stop`` it is the value at that moment.
        """
        with self._lock:
            pasts = {
                name: series.past()
                for name, series in self._series.items()
                if signals is None or name in signals or name == "poor_signal"
            }
        poor = pasts.get("poor_signal", Past(np.empty(0), np.empty(0)))
        return {
            name: None if past.cut and past.at[0] > start else _mean(name, past, poor, (start, stop))
            for name, past in pasts.items()
            if signals is None or name in signals
        }


def _mean(name: str, past: Past, poor: Past, window: tuple[float, float]) -> float | None:
    start, stop = window
    if name not in HELD:
        inside = slice(*_between(past.at, start, stop))
        moments, values = past.at[inside], past.value[inside]
        weights = np.ones(len(moments))
    else:
        # Between two edges nothing changes: neither the value, nor its validity, nor the signal quality.
        edges = np.concatenate(([start], past.at, past.at + HOLD_S, poor.at))
        edges = np.unique(edges[(edges == start) | ((edges > start) & (edges < stop))])
        weights = np.diff(edges, append=stop) if stop > start else np.ones(1)
        moments = edges + np.diff(edges, append=stop) / 2
        values = _in_force(past, moments, np.nan, HOLD_S)
    usable = believable(name, values, _in_force(poor, moments, 0.0))
    if not usable.any():
        return None
    return float(np.average(values[usable], weights=weights[usable]))


def _between(at: Floats, start: float, stop: float) -> tuple[int, int]:
    return int(np.searchsorted(at, start, "left")), int(np.searchsorted(at, stop, "right"))


def _in_force(past: Past, moments: Floats, otherwise: float, hold: float = np.inf) -> Floats:
    """The latest value at each moment; ``otherwise`` if there is none, or it is older than ``hold`` seconds."""
    if not len(past.at):
        return np.full(len(moments), otherwise)
    latest = np.searchsorted(past.at, moments, "right") - 1
    fresh = (latest >= 0) & (moments - past.at[latest] <= hold)
    values: Floats = np.where(fresh, past.value[latest], otherwise)
    return values
