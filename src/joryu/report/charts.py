"""Coordinates of the page's charts, in SVG units; ``templates/charts.html.j2`` draws them as inline SVG.

The SVG is written by hand instead of by matplotlib: it takes its colours from the page (so dark mode and print work),
its text stays text, and a page is kilobytes in size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from joryu.evaluation import Comparison, Evaluation, ReliabilityBin, ScoreComparison
from joryu.report.scales import Scale, Tick, linear_ticks
from joryu.report.wording import count, errors, percent, quantity


class Dot(NamedTuple):
    """One bin of a reliability diagram: the dot of its accuracy, the height of perfect calibration, its histogram bar.

    All lengths are in SVG units; ``text`` is the tooltip.
    """

    x: float
    y: float
    calibrated_y: float
    radius: float
    bar_x: float
    bar_height: float
    text: str


class Cell(NamedTuple):
    """One cell of a confusion matrix; ``strength`` (0..100) is how dark it is, ``right`` marks the diagonal."""

    x: float
    y: float
    examples: int
    strength: int
    right: bool
    text: str


class Interval(NamedTuple):
    """A confidence interval and its estimate as positions on an axis that includes zero."""

    low: float
    high: float
    estimate: float
    zero: float
    ticks: list[Tick]
    text: str


def reliability_dots(table: Iterable[ReliabilityBin]) -> list[Dot]:
    """Dots and histogram of a reliability diagram: a 240 × 240 square above a histogram 40 high."""
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
                # Square roots, so that a bin of five examples stays visible beside a bin of a thousand.
                bar_height=round(40 * math.sqrt(b.count / most), 1),
                text=f"{count(b.count)} answers with mean confidence {percent(confidence)}: {percent(accuracy)} right",
            )
        )
    return dots


def confusion_cells(evaluation: Evaluation, classes: Sequence[str], *, side: float) -> list[Cell]:
    """The non-empty cells of a confusion matrix, drawn in a square of ``side`` SVG units.

    Right answers and errors are shaded on separate scales, so that a few errors stay visible beside hundreds of
    right answers.
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
    """The confidence interval of the errors removed, on an axis from x = 16 to 324 that always includes zero."""
    text = (
        f"{found.removed} errors removed, {percent(found.confidence, 0)} confidence interval"
        f" {errors(found.removed_low)} to {errors(found.removed_high)}"
    )
    return _interval((found.removed_low, found.removed, found.removed_high), text, whole=True)


def score_interval(found: ScoreComparison) -> Interval:
    """The confidence interval of a mean improvement, on an axis from x = 16 to 324 that always includes zero."""
    low, high = found.difference_low, found.difference_high
    text = (
        f"mean {found.score} better by {quantity(found.difference)}, {percent(found.confidence, 0)} confidence interval"
        f" {quantity(low)} to {quantity(high)}"
    )
    return _interval((low, found.difference, high), text)


def _interval(found: tuple[float, float, float], text: str, *, whole: bool = False) -> Interval:
    low, estimate, high = found
    reach = [0.0, low, high]
    margin = 0.12 * (max(reach) - min(reach)) or 1.0
    x = Scale(min(reach) - margin, max(reach) + margin, 16, 324)
    return Interval(
        low=x(low),
        high=x(high),
        estimate=x(estimate),
        zero=x(0),
        ticks=[
            Tick(x(t), f"{t:g}".replace("-", "−")) for t in linear_ticks(x.low, x.high) if t.is_integer() or not whole
        ],
        text=text,
    )
