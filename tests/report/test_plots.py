"""The experiments' figures show every seed, every mean, every published number, and diff cleanly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from joryu.report.figures import PALETTE, save_figure
from joryu.report.plots import dots, lines, points


def test_dots_show_every_seed_the_mean_and_the_published_number(tmp_path: Path) -> None:
    figure = dots({"teacher": [70, 68], "student": [80, 84]}, published={"student": 74}, axis="test errors")
    (axes,) = figure.axes
    drawn = [(line.get_marker(), list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines]
    assert ("o", [70, 68], [0, 0]) in drawn
    assert ("|", [82], [1]) in drawn
    assert ("X", [74], [1]) in drawn
    assert axes.get_xlabel() == "test errors"
    first = save_figure(figure, tmp_path / "a.svg").read_bytes()
    again = dots({"teacher": [70, 68], "student": [80, 84]}, published={"student": 74}, axis="test errors")
    assert save_figure(again, tmp_path / "b.svg").read_bytes() == first


def test_dots_that_lie_far_from_nothing_are_not_crowded() -> None:
    (axes,) = dots({"one": [1.63, 1.60], "all": [1.59]}, published={}, axis="KL").figure.axes
    assert axes.get_xlim()[0] > 1.5
    (axes,) = dots({"one": [1.63, 1.60]}, published={"one": 0.5}, axis="KL").figure.axes
    assert axes.get_xlim()[0] == 0


def test_dots_below_zero_are_not_cut_off() -> None:
    (axes,) = dots({"gain": [-0.4, 0.9], "loss": [-1.5]}, published={}, axis="accuracy gained").figure.axes
    assert axes.get_xlim()[0] < -1.5


def test_seeds_that_agree_have_a_range_of_nothing() -> None:
    """The mean of three times 0.003 is rounded to less than 0.003, which once was a negative error bar."""
    (axes,) = lines({"a": {1: [0.003] * 3, 2: [0.7] * 3}}, levels={}, axes_labels=("T", "error")).axes
    ends = np.array(axes.containers[0].lines[2][0].get_segments())
    assert np.ptp(ends[:, :, 1], axis=1) == pytest.approx([0, 0], abs=1e-12)


def test_lines_go_through_the_means_in_order_and_show_the_range() -> None:
    figure = lines(
        {"30": {4: [5, 7], 1: [9, 11]}, "300": {1: [2, 2], 4: [1, 1]}},
        levels={"30": [8, 10]},
        axes_labels=("temperature", "errors"),
        log_x=True,
    )
    (axes,) = figure.axes
    first = axes.containers[0]
    assert list(first.lines[0].get_xdata()) == [1, 4]
    assert list(first.lines[0].get_ydata()) == [10, 6]
    ends = np.array(first.lines[2][0].get_segments())
    assert ends[:, :, 1].tolist() == [[9, 11], [5, 7]]
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [9]
    assert axes.get_xscale() == "log"
    assert axes.get_yscale() == "linear"


def test_points_show_every_seed_and_the_mean_of_each_series_in_every_panel() -> None:
    figure = points(
        {
            "MB": {"teacher": [(40, 98), (40, 96)], "student": [(2, 95), (2, 91)]},
            "ms": {"teacher": [(9, 98), (7, 96)], "student": [(1, 95), (3, 91)]},
        },
        axis="accuracy, %",
        log_x=True,
    )
    size, time = figure.axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata()), line.get_color()) for line in time.lines]
    assert drawn == [
        ([9, 7], [98, 96], PALETTE["teacher"]),
        ([8], [97], PALETTE["teacher"]),
        ([1, 3], [95, 91], PALETTE["student"]),
        ([2], [93], PALETTE["student"]),
    ]
    assert (size.get_xlabel(), time.get_xlabel(), size.get_ylabel()) == ("MB", "ms", "accuracy, %")
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["teacher", "student", "open: mean"]
    assert [tick.get_text() for tick in size.get_xticklabels()] == ["2", "5", "10", "20", "50"]


def test_no_two_series_of_points_share_a_colour() -> None:
    names = ["twin", "all labels", "teacher", "self-taught", "student"]
    figure = points({"MB": {name: [(1, 2)] for name in names}}, axis="accuracy")
    colours = {line.get_color() for line in figure.axes[0].lines}
    assert len(colours) == len(names)
