"""How much sooner a student was as good as its twin ever became."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from joryu.report import ReportData, Role, find, render_report, report_numbers
from joryu.report.curves import learning_curves
from joryu.report.facts import facts
from joryu.report.sooner import find_sooner, sooner_in_words


def lines(losses: Sequence[float], *, name: str = "validation_accuracy") -> list[dict[str, object]]:
    return [{"epoch": at, "seconds": 2.0 * at, "validation_loss": loss, name: 0.5} for at, loss in enumerate(losses, 1)]


def with_histories(
    run: ReportData, student: list[dict[str, object]], twin: list[dict[str, object]], steps: int | None = 20
) -> ReportData:
    of = {Role.STUDENT: student, Role.TWIN: twin}
    cards = [
        replace(card, history=of[card.role], steps_per_epoch=steps) if card.role in of else card for card in run.models
    ]
    return replace(run, models=cards)


def test_by_hand(make_run: Callable[..., ReportData]) -> None:
    run = with_histories(make_run(), lines([0.9, 0.4, 0.2, 0.1]), lines([0.9, 0.6, 0.5, 0.4]))
    found = find_sooner(run)
    assert found is not None
    assert found.student is not None
    assert (found.loss, found.student_best) == (0.4, 0.1)
    assert (found.student.epoch, found.student.steps, found.student.seconds) == (2, 40, 4.0)
    assert (found.twin.epoch, found.twin.steps, found.twin.seconds) == (4, 80, 8.0)
    assert found.time_share == 0.5
    assert sooner_in_words(found) == (
        "The student reached its twin’s best validation loss after 2 epochs instead of 4"
        " (40 steps instead of 80; 0.5 of the time)."
    )
    fact = next(fact for fact in facts(run, find(run)) if "validation loss" in fact.caption)
    assert fact.value == "2 epochs"
    assert fact.caption == "instead of 4 to reach its twin’s best validation loss (0.5 of the time)"
    assert report_numbers(run)["student_sooner_than_twin"] == {
        "loss": 0.4, "student_best": 0.1,
        "student": {"epoch": 2, "steps": 40, "seconds": 4.0}, "twin": {"epoch": 4, "steps": 80, "seconds": 8.0},
    }  # fmt: skip


def test_the_twin_s_best_need_not_be_its_last(make_run: Callable[..., ReportData]) -> None:
    found = find_sooner(with_histories(make_run(), lines([0.9, 0.35]), lines([0.9, 0.4, 0.8])))
    assert found is not None
    assert found.student is not None
    assert (found.twin.epoch, found.student.epoch) == (2, 2)
    assert "after 2 epochs, as the twin itself did" in sooner_in_words(found)


def test_never_is_said(make_run: Callable[..., ReportData]) -> None:
    run = with_histories(make_run(), lines([0.9, 0.5]), lines([0.9, 0.4]))
    found = find_sooner(run)
    assert found is not None
    assert found.student is None
    assert "never reached its twin’s best validation loss: 0.5 at best, its twin 0.4" in sooner_in_words(found)
    assert any(fact.value == "never" for fact in facts(run, find(run)))
    page = render_report(run)
    assert "never reached" in page
    assert 'class="reached' not in page


def test_what_was_not_recorded_is_not_said(make_run: Callable[..., ReportData]) -> None:
    bare: list[dict[str, object]] = [{"epoch": 1, "validation_loss": 0.5}, {"epoch": 2, "validation_loss": 0.4}]
    found = find_sooner(with_histories(make_run(), list(bare), list(bare), None))
    assert found is not None
    assert found.time_share is None
    assert "(" not in sooner_in_words(found)
    nothing = with_histories(make_run(), [{"epoch": 1, "train_loss": 1.0}], list(bare))
    assert find_sooner(nothing) is None
    assert find_sooner(make_run(twin=None)) is None


def test_losses_of_two_kinds_are_not_compared(make_run: Callable[..., ReportData]) -> None:
    """One by the teacher's answers, the other by labels."""
    student = lines([0.9, 0.1], name="validation_agreement")
    assert find_sooner(with_histories(make_run(), student, lines([0.9, 0.4]))) is None


@pytest.mark.parametrize("place", [2, 3])
def test_the_curve_is_marked_where_it_was_reached(make_run: Callable[..., ReportData], place: int) -> None:
    losses = [0.9, *[0.5] * (place - 2), 0.3, 0.2]
    run = with_histories(make_run(), lines(losses), lines([0.9, 0.6, 0.5, 0.4]))
    histories = {role: card.history for role, card in run.cards.items() if card.history}
    loss = learning_curves(histories, sooner=find_sooner(run))[-1]
    assert loss.title == "Validation loss"
    assert loss.reach is not None
    ticks = {tick.text: tick.at for tick in loss.x_ticks}
    assert loss.reach.student_x == ticks[str(place)]
    assert loss.reach.twin_x == ticks["4"]
    assert 'class="reached student"' in render_report(run)


def test_curves_of_another_measure_are_named_by_it(make_run: Callable[..., ReportData]) -> None:
    history = lines([0.9, 0.5], name="validation_mean_iou")
    first, _ = learning_curves({Role.STUDENT: history}, measure="mean IoU")
    assert first.title == "Validation mean IoU"
    agreeing = lines([0.9, 0.5], name="validation_agreement")
    assert learning_curves({Role.STUDENT: agreeing}, measure="mean IoU")[0].title == "Validation agreement"
