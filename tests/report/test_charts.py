from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.evaluation import ReliabilityBin, compare_correct
from joryu.report import ReportData, Role, find
from joryu.report.charts import confusion_cells, reliability_dots, removed_interval
from joryu.report.curves import learning_curves
from joryu.report.scales import Scale, linear_ticks, log_ticks, scale_for
from joryu.report.sections.class_tables import metrics_of


def test_scales_by_hand() -> None:
    linear = Scale(0, 10, 100, 0)
    assert (linear(0), linear(5), linear(10), linear(99)) == (100, 50, 0, 0)
    log = Scale(0.01, 1, 0, 200, log=True)
    assert (log(0.01), log(0.1), log(1)) == (0, 100, 200)


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6))
def test_linear_ticks_are_few_round_and_inside(low: float, span: float) -> None:
    ticks = linear_ticks(low, low + span)
    assert 2 <= len(ticks) <= 6
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in ticks)
    assert ticks == sorted(ticks)


@given(low=st.floats(1e-6, 1.0), factor=st.floats(5, 1e6))
def test_log_ticks_are_few_and_inside(low: float, factor: float) -> None:
    ticks = log_ticks(low, low * factor)
    assert 1 <= len(ticks) <= 8
    assert all(low * 0.99 <= tick <= low * factor * 1.01 for tick in ticks)


@pytest.mark.parametrize(("low", "high"), [(3e-15, 1e-9), (2e-14, 4e-14), (1e-20, 1.0)])
def test_the_ticks_of_tiny_numbers_are_different_numbers(low: float, high: float) -> None:
    """The squared error of a student that fits to the last bit once had several ticks called 0."""
    scale, ticks = scale_for([low, high], 200, 0)
    assert len(set(ticks)) == len(ticks) >= 2
    places = [scale(tick) for tick in ticks]
    assert places == sorted(places, reverse=True) and len(set(places)) == len(places)
    assert all(scale.low * 0.99 <= tick <= scale.high * 1.01 for tick in ticks)


def test_a_wide_range_is_logarithmic_and_a_narrow_one_is_not() -> None:
    assert scale_for([0.01, 0.5], 0, 100)[0].log
    assert not scale_for([0.4, 0.5], 0, 100)[0].log
    assert not scale_for([0.0, 5.0], 0, 100)[0].log
    flat, ticks = scale_for([0.3, 0.3], 0, 100)
    assert flat.low < 0.3 < flat.high
    assert ticks


def test_learning_curves_show_error_and_loss() -> None:
    history = [{"epoch": e, "validation_accuracy": 1 - 0.5**e, "validation_loss": 0.5**e} for e in range(1, 6)]
    error, loss = learning_curves({Role.STUDENT: history, Role.TWIN: history[:2]})
    assert (error.title, loss.title) == ("Validation error", "Validation loss")
    assert [line.role for line in error.lines] == [Role.STUDENT, Role.TWIN]
    assert error.lines[0].kept.replace("\u00a0", " ") == "3.12 %"
    assert error.log
    # halving every epoch is a straight line on a logarithmic scale
    heights = [float(point.split()[1]) for point in error.lines[0].path[1:].split("L")]
    steps = [b - a for a, b in pairwise(heights)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.02)


def test_learning_curves_survive_gaps_and_zero_errors() -> None:
    history: list[dict[str, object]] = [
        {"epoch": 0, "validation_accuracy": 0.5, "validation_loss": math.nan},
        {"epoch": 1, "validation_accuracy": None},
        {"epoch": 2, "validation_accuracy": 1.0},
    ]
    (chart,) = learning_curves({Role.STUDENT: history})
    assert chart.title == "Validation error"
    assert chart.lines[0].path.count("L") == 1
    assert chart.lines[0].kept.replace("\u00a0", " ") == "0.00 %"


@pytest.mark.parametrize("losses", [[0.8, 0.2, -0.4, -1.0], [-0.2, -0.5, -0.8, -1.4], [0.0, -1.0, -1.5, -2.5]])
def test_a_loss_below_zero_is_drawn_where_it_is(losses: list[float]) -> None:
    """A Gaussian NLL once was a flat line, at half its smallest value above zero."""
    history: list[dict[str, object]] = [{"epoch": at, "validation_loss": loss} for at, loss in enumerate(losses, 1)]
    (chart,) = learning_curves({Role.STUDENT: history})
    assert not chart.log
    heights = [float(point.split()[1]) for point in chart.lines[0].path[1:].split("L")]
    share = [(height - heights[0]) / (heights[-1] - heights[0]) for height in heights]
    expected = [(loss - losses[0]) / (losses[-1] - losses[0]) for loss in losses]
    assert share == pytest.approx(expected, abs=1e-3)
    assert heights[-1] > heights[0]  # SVG counts downwards
    by_height = {tick.text.replace("−", "-"): tick.at for tick in chart.y_ticks}
    zero = heights[0] + (0 - losses[0]) / (losses[-1] - losses[0]) * (heights[-1] - heights[0])
    if "0" in by_height:
        assert by_height["0"] == pytest.approx(zero, abs=0.1)


def test_the_epoch_whose_weights_were_kept_is_marked_and_its_value_printed() -> None:
    """Not the last one's: a run that overshoots keeps an earlier epoch."""
    history: list[dict[str, object]] = [
        {"epoch": epoch, "validation_accuracy": accuracy, "validation_loss": 1 - accuracy}
        for epoch, accuracy in ((1, 0.8), (2, 0.9), (3, 0.85))
    ]
    error, _ = learning_curves({Role.STUDENT: history, Role.TWIN: history}, {Role.STUDENT: 2, Role.TWIN: None})
    student, twin = error.lines
    assert (student.kept_epoch, student.kept.replace("\u00a0", " ")) == ("2", "10.00 %")
    assert (twin.kept_epoch, twin.kept.replace("\u00a0", " ")) == ("3", "15.00 %")
    places = [tuple(map(float, point.split())) for point in student.path[1:].split("L")]
    assert student.kept_at == pytest.approx(places[1])
    assert twin.kept_at == pytest.approx(places[2])
    assert "student 10.00 % in epoch 2, which was kept" in error.description.replace("\u00a0", " ")


def test_no_history_no_chart() -> None:
    assert learning_curves({}) == []
    assert learning_curves({Role.STUDENT: [{"epoch": 0, "validation_accuracy": 0.5}]}) == []


def test_a_calibrated_bin_lies_on_the_diagonal() -> None:
    table = (
        ReliabilityBin(0.0, 0.5, 0, None, None),
        ReliabilityBin(0.5, 0.75, 4, 0.6, 0.6),
        ReliabilityBin(0.75, 1.0, 16, 0.9, 0.5),
    )
    calibrated, sure = reliability_dots(table)
    assert calibrated.y == calibrated.calibrated_y == pytest.approx(96)
    assert sure.y > sure.calibrated_y  # below the diagonal: SVG counts downwards
    assert (calibrated.bar_height, sure.bar_height) == (20, 40)


def test_confusion_cells_hold_every_example(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    found = metrics_of(find(run))[Role.TWIN]
    cells = confusion_cells(found, run.examples.classes, side=300)
    assert sum(cell.examples for cell in cells) == 200
    assert sum(cell.examples for cell in cells if not cell.right) == 40
    assert all(cell.right == (cell.x == cell.y) for cell in cells)
    assert any(cell.text.startswith("cat answered as dog") for cell in cells)


def test_zero_is_always_in_sight() -> None:
    student, twin = torch.ones(100, dtype=torch.bool), torch.ones(100, dtype=torch.bool)
    twin[:30] = False
    shown = removed_interval(compare_correct(student, twin))
    assert 16 <= shown.zero < shown.low < shown.estimate < shown.high <= 324
    assert {tick.text for tick in shown.ticks} >= {"0", "20"}
    mirrored = removed_interval(compare_correct(twin, student))
    assert mirrored.high < mirrored.zero
    assert "−20" in {tick.text for tick in mirrored.ticks}


def test_a_curve_is_called_what_validated_it() -> None:
    """Not what evaluates the run now: an older run of several numbers was validated by their RMSE as it was."""
    history = [{"epoch": at, "validation_rmse": 9.0 / at} for at in (1, 2, 3)]
    for measure, title in (("standardised RMSE", "Validation rmse"), ("RMSE", "Validation RMSE")):
        assert learning_curves({Role.STUDENT: history}, measure=measure)[0].title == title
