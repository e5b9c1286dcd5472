"""Coordinates of the learning curves, in SVG units; ``templates/charts.html.j2`` draws them as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from joryu.evaluation.evaluator import slug
from joryu.report.data import Role
from joryu.report.scales import Scale, Tick, linear_ticks, scale_for
from joryu.report.sooner import LOSS, PREFIX, Sooner, sooner_in_words
from joryu.report.wording import number, percent, quantity, tick_texts

LEFT, TOP, RIGHT, BOTTOM = 44, 10, 410, 216
LETTER, BESIDE = 6.5, 12  #: the width of one letter of a tick's text, and the margin on both sides of the text
ACCURACY, AGREEMENT = f"{PREFIX}accuracy", f"{PREFIX}agreement"


class Curve(NamedTuple):
    """One model's curve: its SVG path, and the kept epoch's position, number and value as text."""

    role: Role
    path: str
    kept_at: tuple[float, float]
    kept_epoch: str
    kept: str


class Reach(NamedTuple):
    """Where the student first reached its twin's lowest loss, and where the twin did (SVG units)."""

    student_x: float
    twin_x: float
    y: float
    text: str


class LineChart(NamedTuple):
    """One chart: a line per model over the epochs, with ticks; ``log`` says that the y axis is logarithmic."""

    title: str
    description: str
    lines: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    log: bool
    reach: Reach | None = None
    left: float = LEFT


Kept = Mapping[Role, int | None]
"""The epoch of each model whose weights were kept; ``None`` for its last."""


def learning_curves(
    histories: Mapping[Role, Sequence[Mapping[str, object]]],
    kept: Kept | None = None,
    *,
    measure: str | None = None,
    sooner: Sooner | None = None,
) -> list[LineChart]:
    """One chart of the validation measure (accuracy is drawn as error), and one of the validation loss.

    ``histories`` are the lines of each model's ``metrics.jsonl``; a model without the measure has no line. ``kept``
    is each model's epoch whose weights were kept: it is marked, with its value. The chart of the loss also marks
    where the student first reached its twin's lowest loss (``sooner``). ``measure`` is the name of the measure.
    """
    charts = [_measure_chart(histories, kept or {}, measure)]
    losses = {role: _series(history, LOSS) for role, history in histories.items()}
    charts.append(_line_chart("Validation loss", losses, kept or {}, sooner=sooner))
    return [chart for chart in charts if chart is not None]


def _measure_chart(
    histories: Mapping[Role, Sequence[Mapping[str, object]]], kept: Kept, measure: str | None
) -> LineChart | None:
    names = [name for history in histories.values() for line in history for name in line]
    measures = [name for name in dict.fromkeys(names) if name.startswith(PREFIX) and name != LOSS]
    if not measures:
        return None
    name = ACCURACY if ACCURACY in measures else measures[0]
    series = {role: _series(history, name) for role, history in histories.items()}
    if name != ACCURACY:
        said = name.removeprefix(PREFIX).replace("_", " ")
        # An older run may have been validated by another measure than the one that evaluates it now.
        same = measure is not None and slug(measure) == name.removeprefix(PREFIX)
        return _line_chart(f"Validation {measure if same else said}", series, kept)
    wrong = {role: [(epoch, 1 - value) for epoch, value in points] for role, points in series.items()}
    return _line_chart("Validation error", wrong, kept, percents=True)


def _series(history: Sequence[Mapping[str, object]], name: str) -> list[tuple[float, float]]:
    """``(epoch, value)`` of every line of the history that has a finite number under ``name``."""
    points = []
    for place, line in enumerate(history):
        value, epoch = line.get(name), line.get("epoch", place)
        if isinstance(value, int | float) and isinstance(epoch, int | float) and math.isfinite(value):
            points.append((float(epoch), float(value)))
    return points


def _line_chart(
    title: str,
    series: Mapping[Role, list[tuple[float, float]]],
    kept: Kept,
    *,
    percents: bool = False,
    sooner: Sooner | None = None,
) -> LineChart | None:
    series = {role: points for role, points in series.items() if len(points) > 1}
    if not series:
        return None
    values = [value for points in series.values() for _, value in points]
    # An error of exactly zero cannot be drawn on a logarithmic scale: it is drawn at half the smallest error seen.
    # On a linear one, as for a Gaussian NLL and an R² that go below zero, every value is drawn where it is.
    floor = min((value for value in values if value > 0), default=0.0) / 2 if min(values) >= 0 else -math.inf
    y, ticks = scale_for([max(value, floor) for value in values], BOTTOM, TOP)
    if not y.log:
        floor = -math.inf
        y, ticks = scale_for(values, BOTTOM, TOP)
    shown = {role: [(epoch, max(value, floor)) for epoch, value in points] for role, points in series.items()}
    epochs = [epoch for points in shown.values() for epoch, _ in points]
    first, last = min(epochs), max(epochs)
    texts = [_percent_text(tick) for tick in ticks] if percents else tick_texts(ticks)
    left = max(LEFT, BESIDE + LETTER * max(map(len, texts), default=0))
    x = Scale(first, last if last > first else first + 1, left, RIGHT)
    lines = []
    for role, points in shown.items():
        at = next((place for place, (epoch, _) in enumerate(points) if epoch == kept.get(role)), -1)
        epoch, value = series[role][at]
        lines.append(
            Curve(
                role=role,
                path="M" + "L".join(f"{x(epoch):g} {y(value):g}" for epoch, value in points),
                kept_at=(x(points[at][0]), y(points[at][1])),
                kept_epoch=f"{epoch:g}",
                kept=percent(value, 2) if percents else _kept_text(value),
            )
        )
    ends = ", ".join(f"{line.role} {line.kept} in epoch {line.kept_epoch}, which was kept" for line in lines)
    return LineChart(
        title=title,
        description=f"{title} over {last - first + 1:.0f} epochs: {ends}.",
        lines=lines,
        x_ticks=[Tick(x(e), f"{e:g}") for e in linear_ticks(x.low, x.high) if e.is_integer()],
        y_ticks=[Tick(y(tick), text) for tick, text in zip(ticks, texts, strict=True)],
        log=y.log,
        reach=None if sooner is None else _reach(sooner, x, y),
        left=left,
    )


def _reach(sooner: Sooner, x: Scale, y: Scale) -> Reach | None:
    if sooner.student is None:
        return None
    return Reach(x(sooner.student.epoch), x(sooner.twin.epoch), y(sooner.loss), sooner_in_words(sooner))


def _percent_text(value: float) -> str:
    return f"{100 * value:.3g} %"


def _kept_text(value: float) -> str:
    return number(value) if abs(value) < 100 else quantity(value)
