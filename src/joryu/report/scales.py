"""Linear and logarithmic scales that turn values into positions on a chart, with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Tick(NamedTuple):
    """A grid line at the position ``at`` (SVG units) with its text."""

    at: float
    text: str


class Scale(NamedTuple):
    """Maps values ``low .. high`` to positions ``start .. end`` (SVG units), logarithmically if ``log``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of ``value``; a value outside the scale is put on the nearer edge."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


def linear_ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """About ``about`` ticks inside ``low .. high``: multiples of 1, 2 or 5 times a power of ten.

    >>> linear_ticks(0, 300), linear_ticks(0.12, 0.31)
    ([0.0, 100.0, 200.0, 300.0], [0.15, 0.2, 0.25, 0.3])
    """
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [_round(i * step) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """1, 2 and 5 times powers of ten inside ``low .. high``; only the powers of ten if there are more than ``most``.

    A range so narrow that it holds fewer than two of these has the ticks of a linear scale.

    >>> log_ticks(0.018, 0.6), log_ticks(2.1, 4.2)
    ([0.02, 0.05, 0.1, 0.2, 0.5], [2.5, 3.0, 3.5, 4.0])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [m * 10.0**p for p in powers for m in (1, 2, 5) if low * 0.999 <= m * 10.0**p <= high * 1.001]
    found = [_round(t) for t in inside if len(inside) <= most or math.log10(t).is_integer()]
    return found if len(found) > 1 else linear_ticks(low, high)


def _round(value: float) -> float:
    """What binary fractions add is taken off; by digits, not decimals, so that a loss of 1e-14 is no 0."""
    return float(f"{value:.12g}")


def scale_for(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """A scale for all ``values``, and its ticks: logarithmic if they are positive and span at least a factor of five.

    A learning curve falls fast and then slowly; on a linear scale the part that matters, the end, is a flat line.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low >= 5:
        low, high = low / 1.08, high * 1.08
        return Scale(low, high, start, end, log=True), log_ticks(low, high)
    margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    low, high = max(low - margin, 0.0) if low >= 0 else low - margin, high + margin
    return Scale(low, high, start, end), linear_ticks(low, high, about=4)
