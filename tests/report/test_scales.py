"""Axes of any range: ticks at different places inside it, and values drawn where they are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.report import Role
from joryu.report.curves import BOTTOM, TOP, LineChart, learning_curves
from joryu.report.scales import Scale, linear_ticks, log_ticks, scale_for
from joryu.report.sections.scatter import frame_of, predicted_chart, residual_chart
from joryu.report.wording import tick_texts

VALUES = st.lists(st.floats(-1e6, 1e6).filter(lambda one: one == 0 or abs(one) > 1e-9), min_size=1, max_size=8)
EIGHTHS = st.integers(-9000, 9000).map(lambda n: n / 8)


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e12))
def test_a_logarithmic_axis_has_two_ticks_at_least_whatever_its_range(low: float, factor: float) -> None:
    """From 2.1 to 4.9 there is no power of ten, and no 1, 2 or 5 times one."""
    high = low * factor
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 24
    assert all(one < other for one, other in itertools.pairwise(ticks))
    assert all(low * 0.998 <= tick <= high * 1.002 for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (2.1, 4.9, [3.0, 4.0]), (1, 10, [1, 2, 5, 10]), (1e-3, 1e3, [10.0**p for p in range(-3, 4)]),
        (6.0, 9.0, [6.0, 7.0, 8.0, 9.0]), (0.9, 1.1, [0.9, 0.95, 1.0, 1.05, 1.1]),
    ],
)  # fmt: skip
def test_logarithmic_ticks_by_hand(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks)


@given(VALUES)
def test_every_value_lies_on_its_scale_in_its_order(values: list[float]) -> None:
    scale, ticks = scale_for(values, 200, 0)
    places = [scale(value) for value in sorted(values)]
    assert all(0 <= place <= 200 for place in places)
    assert places == sorted(places, reverse=True)
    assert ticks == sorted(ticks)
    assert scale(scale.low) == 200 and scale(scale.high) == 0


@given(st.floats(-1e6, 1e6), st.floats(1.0, 1e6), st.integers(2, 9))
def test_ticks_of_any_wished_number_are_equally_far_apart(low: float, span: float, about: int) -> None:
    ticks = linear_ticks(low, low + span, about=about)
    steps = [other - one for one, other in itertools.pairwise(ticks)]
    assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)
    assert len(ticks) <= about + 1
    assert len(set(tick_texts(ticks))) == len(ticks) or max(map(abs, ticks)) > 300 * steps[0]


def heights(chart: LineChart) -> list[float]:
    return [float(point.split()[1]) for point in chart.lines[0].path[1:].split("L")]


def error_chart(errors: list[float]) -> LineChart:
    history = [{"epoch": at, "validation_accuracy": 1 - error} for at, error in enumerate(errors, 1)]
    (chart,) = learning_curves({Role.STUDENT: history})
    return chart


@pytest.mark.parametrize("errors", [[0.5, 0.25, 0.0], [0.5, 0.0], [0.5, 0.5, 0.0, 0.25]])
def test_an_error_of_zero_is_drawn_at_zero_where_the_scale_has_one(errors: list[float]) -> None:
    """On a linear scale it once was drawn at half of the smallest error, such as at 12.5 % for none at all."""
    chart = error_chart(errors)
    assert not chart.log
    drawn = heights(chart)
    zero = next(tick.at for tick in chart.y_ticks if tick.text == "0 %")
    assert drawn[errors.index(0.0)] == pytest.approx(zero, abs=0.05)
    assert drawn[0] - zero == pytest.approx(-(0.5 / 0.25) * (zero - _at(chart, 0.25)), abs=0.1)


def _at(chart: LineChart, error: float) -> float:
    """Where an error lies, by the chart's own ticks."""
    ticks = {float(tick.text.removesuffix(" %")) / 100: tick.at for tick in chart.y_ticks}
    (one, low), (other, high) = sorted(ticks.items())[:: len(ticks) - 1]
    return low + (error - one) / (other - one) * (high - low)


def test_an_error_of_zero_is_drawn_below_all_others_where_the_scale_has_none() -> None:
    chart = error_chart([0.8, 0.1, 0.01, 0.0])
    assert chart.log
    *others, last = heights(chart)
    assert max(others) < last <= BOTTOM
    assert chart.lines[0].kept.replace("\u00a0", " ") == "0.00 %"


@pytest.mark.parametrize("errors", [[0.0, 0.0], [1.0, 1.0, 1.0]])
def test_errors_that_never_move_are_a_level_line_inside(errors: list[float]) -> None:
    drawn = heights(error_chart(errors))
    assert len(set(drawn)) == 1
    assert TOP <= drawn[0] <= BOTTOM


@given(st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=6))
def test_dots_of_a_scatter_lie_inside_and_right_answers_on_the_line(pairs: list[tuple[float, float]]) -> None:
    true, said = (list(column) for column in zip(*pairs, strict=True))
    frame = frame_of(true, [said, true])
    assert frame.low < min(*true, *said) <= max(*true, *said) < frame.high
    assert frame.most > max(abs(one - other) for one, other in pairs)
    right = predicted_chart(true, true, "height", frame)
    for x, y in _dots(right.dots):
        assert x - 58 == pytest.approx(260 - y, abs=0.15)
    level = float(residual_chart(true, true, "height", frame).ideal.split()[1].split("H")[0])
    assert all(y == pytest.approx(level, abs=0.06) for _, y in _dots(residual_chart(true, true, "height", frame).dots))
    for chart in (predicted_chart(true, said, "height", frame), residual_chart(true, said, "height", frame)):
        assert all(58 <= x <= 308 and 10 <= y <= 260 for x, y in _dots(chart.dots))


def _dots(path: str) -> list[tuple[float, float]]:
    found = [dot.removesuffix("h0").split() for dot in path.split("M")[1:]]
    return [(float(x), float(y)) for x, y in found]


def test_a_value_outside_a_scale_is_put_on_its_edge() -> None:
    for scale in (Scale(1, 100, 0, 50), Scale(1, 100, 50, 0, log=True)):
        assert scale(-5) == scale(1) == scale.start
        assert scale(1e9) == scale(100) == scale.end
