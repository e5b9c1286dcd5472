"""The figures of experiments, with every seed shown: dots by condition, lines over a quantity, value against cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from joryu.evaluation import summarise
from joryu.report.figures import PALETTE, house_style, new_figure
from joryu.report.scales import log_ticks


def dots(
    conditions: Mapping[str, Sequence[float]], *, published: Mapping[str, float], axis: str, log: bool = False
) -> Figure:
    """One row per condition: a dot for every seed, a bar at the mean, a cross at the published number.

    ``conditions`` maps a condition to its value for each seed; ``axis`` names the value. The axis begins at 0 unless
    all dots would then lie in its outer half, or one is negative. ``log`` makes it logarithmic.

    >>> figure = dots({"teacher": [70, 68], "student": [80, 84]}, published={"teacher": 67}, axis="test errors")
    """
    figure, (axes,) = new_figure(width=7.2, height=0.9 + 0.42 * len(conditions))
    with house_style():
        _draw_dots(axes, conditions, published)
        axes.set_xlabel(axis)
        if log:
            axes.set_xscale("log")
        elif _reach_down([*published.values(), *(value for values in conditions.values() for value in values)]):
            axes.set_xlim(left=0)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return figure


def _reach_down(values: Sequence[float]) -> bool:
    """Whether the axis should begin at 0: not where all dots would then lie in its outer half, or some below it."""
    return 0 <= min(values) < max(values) / 2


def _draw_dots(axes: Axes, conditions: Mapping[str, Sequence[float]], published: Mapping[str, float]) -> None:
    names = list(conditions)
    for row, name in enumerate(names):
        values = conditions[name]
        axes.plot(
            values, [row] * len(values), "o", color=PALETTE["student"], alpha=0.65, label=_once("ours, a seed", row)
        )
        axes.plot(
            [statistics.fmean(values)],
            [row],
            "|",
            markersize=16,
            color=PALETTE["student"],
            label=_once("ours, mean", row),
        )
    marked = [name for name in names if name in published]
    axes.plot(
        [published[name] for name in marked],
        [names.index(name) for name in marked],
        "X",
        color=PALETTE["twin"],
        label="published" if marked else None,
    )
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()


def lines(
    series: Mapping[str, Mapping[float, Sequence[float]]],
    *,
    levels: Mapping[str, Sequence[float]],
    axes_labels: tuple[str, str],
    log_x: bool = False,
    log_y: bool = False,
    intervals: bool = False,
) -> Figure:
    """One line per series through the means over seeds, with a bar for the range over seeds.

    With ``intervals`` the bar is the 95 % t interval of the mean, and the lines stand a little beside one another, so
    that bars can be told apart.

    ``series`` maps a name to ``{x: values of all seeds}``. ``levels`` maps the name of a series to the values of a
    dashed horizontal line in its colour. ``axes_labels`` are those of x and y.

    >>> figure = lines({"30 units": {1: [9, 8], 4: [5, 6]}}, levels={"30 units": [9, 9]}, axes_labels=("T", "errors"))
    """
    figure, (axes,) = new_figure()
    with house_style():
        _draw_lines(axes, series, levels, intervals=intervals)
        axes.set_xlabel(axes_labels[0])
        axes.set_ylabel(axes_labels[1])
        if log_x:
            axes.set_xscale("log")
            measured = sorted({x for points in series.values() for x in points})
            axes.set_xticks(measured, [f"{x:g}" for x in measured])
            axes.minorticks_off()
        if log_y:
            axes.set_yscale("log")
        if len(series) > 1:
            axes.legend()
    return figure


def _draw_lines(
    axes: Axes,
    series: Mapping[str, Mapping[float, Sequence[float]]],
    levels: Mapping[str, Sequence[float]],
    *,
    intervals: bool,
) -> None:
    for place, (colour, (name, points)) in enumerate(zip(_colours(len(series)), series.items(), strict=True)):
        at = sorted(points)
        found = [summarise(points[x]) for x in at]
        means = [one.mean for one in found]
        # The mean of equal numbers is rounded, and may lie a hair outside of them.
        low = [one.low if intervals and one.low is not None else min(one.values) for one in found]
        high = [one.high if intervals and one.high is not None else max(one.values) for one in found]
        below = [max(0.0, mean - least) for mean, least in zip(means, low, strict=True)]
        above = [max(0.0, most - mean) for mean, most in zip(means, high, strict=True)]
        beside = [x * _BESIDE ** (place - (len(series) - 1) / 2) for x in at] if intervals else at
        axes.errorbar(beside, means, yerr=[below, above], marker="o", color=colour, label=name)
        if name in levels:
            axes.axhline(statistics.fmean(levels[name]), color=colour, linestyle="--", linewidth=1)
            _note(axes, f"{name}, twin", statistics.fmean(levels[name]), at[-1])


_BESIDE = 1.03  #: how far one line stands beside the next, as a factor of x


def points(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float]]]], *, axis: str, log_x: bool = False
) -> Figure:
    """Value against cost: one panel for each kind of cost, one point for every seed of every series.

    ``panels`` maps the name of a cost (the panel's x axis) to its series, and a series to ``(cost, value)`` of each
    seed; ``axis`` names the value. A large open mark is the mean. The series ``teacher``, ``student`` and ``twin``
    have colours of their own.

    >>> figure = points({"bytes": {"teacher": [(9e6, 98), (9e6, 97)], "student": [(1e6, 96), (1e6, 95)]}}, axis="%")
    """
    figure, drawn_on = new_figure(width=7.2, height=3.6, columns=len(panels))
    with house_style():
        for axes, (cost, series) in zip(drawn_on, panels.items(), strict=True):
            _draw_points(axes, series)
            axes.set_xlabel(cost)
            if log_x:
                axes.set_xscale("log")
                left, right = axes.get_xlim()
                axes.set_xlim(left / 1.2, right * 1.2)
                ticks = log_ticks(*axes.get_xlim())
                axes.set_xticks(ticks, [f"{x:g}" for x in ticks])
                axes.minorticks_off()
        drawn_on[0].set_ylabel(axis)
        figure.legend(*drawn_on[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


_MARKERS = "osD^vP"


def _draw_points(axes: Axes, series: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    spare = [colour for name, colour in PALETTE.items() if name not in series]
    for index, (name, pairs) in enumerate(series.items()):
        colour = PALETTE.get(name) or spare[index % len(spare)]
        marker = _MARKERS[index % len(_MARKERS)]
        costs, values = zip(*pairs, strict=True)
        axes.plot(costs, values, marker, color=colour, alpha=0.65, label=name)
        mean = [statistics.fmean(costs)], [statistics.fmean(values)]
        axes.plot(
            *mean,
            marker,
            markersize=13,
            color=colour,
            fillstyle="none",
            markeredgewidth=1.2,
            label="open: mean" if index == len(series) - 1 else None,
        )


def _once(label: str, row: int) -> str | None:
    return label if row == 0 else None


def _colours(n: int) -> list[str]:
    palette = list(PALETTE.values())
    return [palette[index % len(palette)] for index in range(n)]


def _note(axes: Axes, text: str, height: float, right: float) -> None:
    axes.annotate(text, (right, height), ha="right", va="bottom", fontsize=8, color="#555555")
