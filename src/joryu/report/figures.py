"""The style of Joryu's figures, and SVG files that change only when the figure changes.

Only matplotlib's object interface is used (no pyplot, no window, no global figure). Import this module only where a
figure is made, because it imports matplotlib.

>>> figure, (axes,) = new_figure()
>>> line = axes.plot([1, 2, 4, 8, 20], [90, 84, 78, 75, 74])
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from joryu.errors import InputError

#: Okabe & Ito's palette, which colour-blind readers can tell apart, reordered: student, twin, teacher first.
PALETTE = {
    "student": "#0072B2",
    "twin": "#D55E00",
    "teacher": "#4D4D4D",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "orange": "#E69F00",
}

HOUSE: dict[Any, Any] = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # ships with matplotlib, so a figure looks the same everywhere
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8a8a",
    "axes.labelcolor": "#333333",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "errorbar.capsize": 3,
    "svg.fonttype": "path",
    "svg.hashsalt": "joryu",
}


@contextmanager
def house_style() -> Iterator[None]:
    """A context in which matplotlib draws in this style; afterwards its settings are as they were."""
    with mpl.rc_context({**HOUSE, "axes.prop_cycle": cycler(color=list(PALETTE.values()))}):
        yield


def new_figure(*, width: float = 6.4, height: float = 4.0, columns: int = 1) -> tuple[Figure, tuple[Axes, ...]]:
    """An empty figure in this style, ``width`` × ``height`` inches, with ``columns`` axes side by side.

    Raises:
        InputError: ``columns`` is less than one.
    """
    if columns < 1:
        raise InputError("a figure needs axes", expected="columns >= 1", received=columns)
    with house_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = tuple(figure.add_subplot(1, columns, column + 1) for column in range(columns))
    return figure, axes


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as SVG and return ``path``. There is no date and ids are stable: equal figures give equal bytes.

    Raises:
        InputError: the path does not end in ``.svg``.
    """
    if path.suffix != ".svg":
        raise InputError("figures are kept as SVG", expected="a path ending in .svg", received=path.name)
    buffer = io.StringIO()
    with house_style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    # matplotlib leaves blanks at line ends, which fail the whitespace checks on committed figures.
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    path.write_text(text + "\n", encoding="utf-8")
    return path
