"""The geometry of the page's charts; ``templates/charts.html.j2`` draws it as inline SVG.

Hand-made SVG rather than matplotlib: it takes its colours from the page (so dark mode and print work), its text stays
text, and a page weighs kilobytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from joryu.evaluation import Comparison, Evaluation, ReliabilityBin
from joryu.report.data import Role
from joryu.report.scales import Scale, Tick, linear_ticks, scale_for
from joryu.report.wording import count, errors, number, percent

WIDTH, HEIGHT = 420, 250
LEFT, TOP, RIGHT, BOTTOM = 44, 10, 410, 216


class Line(NamedTuple):
    """One model's curve: an SVG path, and the epoch whose weights were kept, with its place and its value as text."""

    role: Role
    path: str
    kept_at: tuple[float, float]
    kept_epoch: str
    kept: str


class LineChart(NamedTuple):
    """Lines over epochs."""

    title: str
    description: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    log: bool


class Dot(NamedTuple):
    """A bin of a reliability diagram: its dot, the accuracy a calibrated model would have, and the histogram's bar."""

    x: float
    y: float
    calibrated_y: float
    radius: float
    bar_x: float
    bar_height: float
    text: str


class Cell(NamedTuple):
    """A cell of a confusion matrix; ``strength`` (0..100) is how dark it is."""

    x: float
    y: float
    examples: int
    strength: int
    right: bool
    text: str


class Interval(NamedTuple):
    """The interval of errors removed, on a line with zero."""

    low: float
    high: float
    estimate: float
    zero: float
    ticks: list[Tick]
    text: str


Kept = Mapping[Role, int | None]
"""The epoch of each model whose weights were kept; ``None`` for its last."""


def learning_curves(
    histories: Mapping[Role, Sequence[Mapping[str, object]]], kept: Kept | None = None
) -> list[LineChart]:
    """Validation error and validation loss over epochs, each for every model that recorded it.

    The epoch that was kept is marked, and it is its value that is printed.
    """
    errors_seen = {
        role: [(epoch, 1 - value) for epoch, value in _series(history, "validation_accuracy")]
        for role, history in histories.items()
    }
    losses = {role: _series(history, "validation_loss") for role, history in histories.items()}
    charts = [
        _line_chart("Validation error", errors_seen, kept or {}, percents=True),
        _line_chart("Validation loss", losses, kept or {}),
    ]
    return [chart for chart in charts if chart is not None]


def _series(history: Sequence[Mapping[str, object]], name: str) -> list[tuple[float, float]]:
    """``(epoch, value)`` for every line that has a finite number under ``name``."""
    points = []
    for place, line in enumerate(history):
        value, epoch = line.get(name), line.get("epoch", place)
        if isinstance(value, int | float) and isinstance(epoch, int | float) and math.isfinite(value):
            points.append((float(epoch), float(value)))
    return points


def _line_chart(
    title: str, series: Mapping[Role, list[tuple[float, float]]], kept: Kept, *, percents: bool = False
) -> LineChart | None:
    series = {role: points for role, points in series.items() if len(points) > 1}
    if not series:
        return None
    positive = [value for points in series.values() for _, value in points if value > 0]
    # An error of exactly zero has no place on a logarithmic scale; it is drawn at half the smallest error seen.
    floor = min(positive, default=0.0) / 2
    shown = {role: [(epoch, max(value, floor)) for epoch, value in points] for role, points in series.items()}
    epochs = [epoch for points in shown.values() for epoch, _ in points]
    first, last = min(epochs), max(epochs)
    x = Scale(first, last if last > first else first + 1, LEFT, RIGHT)
    y, ticks = scale_for([value for points in shown.values() for _, value in points], BOTTOM, TOP)
    text = _percent_text if percents else _plain_text
    lines = []
    for role, points in shown.items():
        at = next((place for place, (epoch, _) in enumerate(points) if epoch == kept.get(role)), -1)
        epoch, value = series[role][at]
        lines.append(
            Line(
                role=role,
                path="M" + "L".join(f"{x(epoch):g} {y(value):g}" for epoch, value in points),
                kept_at=(x(points[at][0]), y(points[at][1])),
                kept_epoch=f"{epoch:g}",
                kept=percent(value, 2) if percents else number(value),
            )
        )
    ends = ", ".join(f"{line.role} {line.kept} in epoch {line.kept_epoch}, which was kept" for line in lines)
    return LineChart(
        title=title,
        description=f"{title} over {last - first + 1:.0f} epochs: {ends}.",
        lines=lines,
        x_ticks=[Tick(x(e), f"{e:g}") for e in linear_ticks(x.low, x.high) if e.is_integer()],
        y_ticks=[Tick(y(t), text(t)) for t in ticks],
        log=y.log,
    )


def _percent_text(value: float) -> str:
    return f"{100 * value:.3g} %"


def _plain_text(value: float) -> str:
    return f"{value:.3g}"


def reliability_dots(table: Iterable[ReliabilityBin]) -> list[Dot]:
    """Dots and histogram of a reliability diagram on a 240 × 240 square with a 40-high histogram below it."""
    filled = [b for b in table if b.count]
    most, total = max(b.count for b in filled), sum(b.count for b in filled)
    dots = []
    for b in filled:
        confidence, accuracy = b.confidence or 0.0, b.accuracy or 0.0
        dots.append(
            Dot(
                x=round(240 * confidence, 1),
                y=round(240 * (1 - accuracy), 1),
                calibrated_y=round(240 * (1 - confidence), 1),
                radius=round(2.5 + 6.5 * math.sqrt(b.count / total), 1),
                bar_x=round(240 * b.low, 1),
                # Square roots, so that a bin of five is still seen beside a bin of a thousand.
                bar_height=round(40 * math.sqrt(b.count / most), 1),
                text=f"{count(b.count)} answers with mean confidence {percent(confidence)}: {percent(accuracy)} right",
            )
        )
    return dots


def confusion_cells(evaluation: Evaluation, classes: Sequence[str], *, side: float) -> list[Cell]:
    """The cells of a full confusion matrix on a square of ``side``, empty cells left out.

    Right answers and errors have scales of their own: a handful of errors must be seen beside hundreds of answers.
    """
    matrix = evaluation.confusion or ()
    edge = side / max(len(matrix), 1)
    right_most = max((row[i] for i, row in enumerate(matrix)), default=0)
    wrong_most = max((n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j), default=0)
    return [
        Cell(
            x=round(j * edge, 2),
            y=round(i * edge, 2),
            examples=n,
            strength=round(18 + 62 * math.sqrt(n / (right_most if i == j else wrong_most))),
            right=i == j,
            text=f"{classes[i]} answered as {classes[j]}: {n}",
        )
        for i, row in enumerate(matrix)
        for j, n in enumerate(row)
        if n
    ]


def removed_interval(found: Comparison) -> Interval:
    """The interval of errors removed, with zero always in sight, on a line from 16 to 324."""
    reach = [0.0, found.removed_low, found.removed_high]
    margin = 0.12 * (max(reach) - min(reach))
    x = Scale(min(reach) - margin, max(reach) + margin, 16, 324)
    return Interval(
        low=x(found.removed_low),
        high=x(found.removed_high),
        estimate=x(found.removed),
        zero=x(0),
        ticks=[Tick(x(t), f"{t:g}".replace("-", "−")) for t in linear_ticks(x.low, x.high) if t.is_integer()],
        text=f"{found.removed} errors removed, {percent(found.confidence, 0)} confidence interval"
        f" {errors(found.removed_low)} to {errors(found.removed_high)}",
    )
