"""Scatter charts for numbers: predicted against true, and residuals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from joryu.report.scales import Scale, Tick, linear_ticks
from joryu.report.wording import tick_texts

LEFT, TOP, RIGHT, BOTTOM = 58, 10, 308, 260


class Scatter(NamedTuple):
    """A chart: its dots as one SVG path, and the line on which all of them would ideally lie.

    ``across`` and ``up`` name the x and the y axis.
    """

    title: str
    description: str
    dots: str
    ideal: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    across: str
    up: str


class PlotRange(NamedTuple):
    """The range of the axes, the same for all models' charts of one output so that they can be compared."""

    low: float  #: of true and predicted values
    high: float
    most: float  #: the largest absolute residual


def frame_of(true: Sequence[float], predictions: Iterable[Sequence[float]]) -> PlotRange:
    """A frame large enough for every model's dots.

    >>> frame_of([0.0, 10.0], [[0.0, 10.0], [4.0, 5.0]])
    PlotRange(low=-0.5, high=10.5, most=5.45)
    """
    series = list(predictions)
    low, high = _reach([*true, *(value for values in series for value in values)])
    left = [p - t for values in series for p, t in zip(values, true, strict=True)]
    return PlotRange(low, high, max(map(abs, _reach([0.0, *left]))))


def predicted_chart(true: Sequence[float], predicted: Sequence[float], name: str, frame: PlotRange) -> Scatter:
    """Predicted against true values, both axes on the same scale."""
    x, y = Scale(frame.low, frame.high, LEFT, RIGHT), Scale(frame.low, frame.high, BOTTOM, TOP)
    return Scatter(
        title="predicted against true",
        description=f"Predicted against true {name}, {len(true)} dots.",
        dots=_path(x, y, true, predicted),
        ideal=f"M{LEFT} {BOTTOM}L{RIGHT} {TOP}",
        x_ticks=_ticks(x),
        y_ticks=_ticks(y),
        across="true",
        up="predicted",
    )


def residual_chart(true: Sequence[float], predicted: Sequence[float], name: str, frame: PlotRange) -> Scatter:
    """Residuals (predicted minus true) against predicted values."""
    left = [p - t for p, t in zip(predicted, true, strict=True)]
    x, y = Scale(frame.low, frame.high, LEFT, RIGHT), Scale(-frame.most, frame.most, BOTTOM, TOP)
    return Scatter(
        title="residuals",
        description=f"Predicted less true {name} against predicted, {len(true)} dots.",
        dots=_path(x, y, predicted, left),
        ideal=f"M{LEFT} {y(0):g}H{RIGHT}",
        x_ticks=_ticks(x),
        y_ticks=_ticks(y),
        across="predicted",
        up="predicted − true",
    )


def _reach(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _ticks(scale: Scale) -> list[Tick]:
    values = linear_ticks(scale.low, scale.high, about=4)
    return [Tick(scale(value), text) for value, text in zip(values, tick_texts(values), strict=True)]


def _path(x: Scale, y: Scale, across: Sequence[float], up: Sequence[float]) -> str:
    """A path of strokes without length, whose round caps are the dots: one SVG element for all dots."""
    return "".join(f"M{x(a):.1f} {y(b):.1f}h0" for a, b in zip(across, up, strict=True))
