"""Answers as columns: what is missing stays missing, and practice is not hesitation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from joryu.annotations import Answer, Settings, Timing
from joryu.annotations.trials import NONE, Trials, shuffle_within
from joryu.errors import InputError

SETTINGS = Settings(
    classes=("a", "b", "c"), severities=("mild", "severe"), confidences=("low", "mid", "high"), second_choice=True
)


def answer(choice: str | None = "a", *, picture: str = "p", annotator: str = "x", **more: object) -> Answer:
    rt = more.pop("rt", None)
    timing = more.pop("timing", Timing(rt_ms=rt))  # type: ignore[arg-type]
    return Answer(picture=picture, annotator=annotator, session=f"s-{annotator}", choice=choice, timing=timing, **more)  # type: ignore[arg-type]


def test_columns_say_what_answers_said_and_nothing_else() -> None:
    answers = [
        answer("b", second="c", severity="mild", confidence="high", rt=1000.0, signals={"attention": 40.0}),
        answer(None, picture="q"),
        answer("a", picture="q", annotator="y", timing=Timing(rt_ms=1500.0, hidden_ms=500.0, n_changes=2)),
    ]
    trials = Trials.of(answers, SETTINGS)
    assert (trials.pictures, trials.annotators) == (("p", "q"), ("x", "y"))
    assert (trials.choice.tolist(), trials.second.tolist()) == ([1, 0], [2, NONE])
    np.testing.assert_allclose(trials.severity, [0.5, np.nan])
    np.testing.assert_allclose(trials.confidence, [1.0, np.nan])
    np.testing.assert_allclose(np.exp(trials.log_rt), [1000, 1000])  # the hidden half second does not count
    np.testing.assert_allclose(trials.n_changes, [np.nan, 2])
    np.testing.assert_allclose(trials.signals["attention"], [40, np.nan])


def test_hesitation_is_slowness_for_this_annotator_with_practice_removed() -> None:
    generator = np.random.default_rng(0)
    answers, doubt = [], []
    for who, (level, spread) in enumerate([(8.0, 0.2), (12.0, 1.0)]):
        for position in range(400):
            doubt.append(generator.standard_normal())
            log_rt = level - 0.3 * np.log1p(position) + spread * doubt[-1]
            answers.append(answer(picture=f"p{position}", annotator=f"a{who}", rt=float(np.exp(log_rt))))
    found = Trials.of(answers, SETTINGS).hesitation()
    assert np.corrcoef(found, doubt)[0, 1] > 0.99
    for part in (found[:400], found[400:]):
        assert (part.mean(), part.std()) == pytest.approx((0, 1), abs=0.02)


def hesitations(*times: float) -> list[float]:
    """Of one annotator whose answers were all the first, so that there is no practice to remove."""
    trials = Trials.of([answer(picture=f"p{at}", rt=rt) for at, rt in enumerate(times)], SETTINGS)
    found: list[float] = replace(trials, position=np.zeros(len(trials), dtype=np.int64)).hesitation().tolist()
    return found


def test_what_came_sooner_than_anybody_sees_was_not_measured() -> None:
    found = hesitations(40.0, 199.9, 200.0, 900.0, 1100.0)
    assert np.isnan(found[:2]).all()
    assert np.isfinite(found[2:]).all()
    assert found[2:] == pytest.approx(hesitations(200.0, 900.0, 1100.0))  # a slip moves nothing else either
    hidden = Timing(rt_ms=5000.0, hidden_ms=4900.0)
    assert np.isnan(Trials.of([answer(timing=hidden)], SETTINGS).log_rt).all()


def test_one_answer_after_hours_does_not_squeeze_the_others() -> None:
    times = np.exp(7 + 0.4 * np.random.default_rng(0).standard_normal(40))
    alone, beside = hesitations(*times), hesitations(*times, 3 * 3_600_000.0)
    np.testing.assert_allclose(beside[:-1], alone, atol=0.35)
    assert np.std(beside[:-1]) > 0.85
    assert max(beside[:-1]) <= beside[-1] < 4  # the most hesitant, and no further off than others can be
    slopes = [
        Trials.of([answer(rt=rt) for rt in rts], SETTINGS).hesitation() for rts in (times, [10_800_000.0, *times])
    ]
    assert np.corrcoef(slopes[0], slopes[1][1:])[0, 1] > 0.97  # nor is practice read from it


def test_noise_is_not_hesitation() -> None:
    assert np.abs(hesitations(800.0, 801.0, 800.5)).max() < 0.01
    assert np.std(hesitations(700.0, 1000.0, 1400.0)) == pytest.approx(1)  # what does vary is scaled as ever


def test_missing_times_are_no_hesitation_and_equal_times_are_none() -> None:
    answers = [answer(rt=500.0), answer(), answer(rt=500.0), answer(rt=0.0)]
    np.testing.assert_allclose(Trials.of(answers, SETTINGS).hesitation(), [0, np.nan, 0, np.nan])
    assert np.isnan(Trials.of([answer()], SETTINGS).hesitation()).all()


def test_signals_are_standardised_within_their_session() -> None:
    values = {"x": [40.0, 60.0, None], "y": [0.0, 10.0, 20.0]}
    answers = [
        answer(annotator=who, signals={} if value is None else {"attention": value})
        for who, column in values.items()
        for value in column
    ]
    trials = Trials.of(answers, SETTINGS)
    root = np.sqrt(1.5)
    np.testing.assert_allclose(trials.standardised("attention"), [-1, 1, np.nan, -root, 0, root])
    assert np.isnan(trials.standardised("heart_rate")).all()


@pytest.mark.parametrize(
    ("signal", "usual", "noise"), [("attention", 50.0, 0.5), ("heart_rate", 62.0, 0.05), ("x", -4.0, 2e-4)]
)
def test_a_signal_that_does_not_move_is_not_blown_up(signal: str, usual: float, noise: float) -> None:
    wild = [usual + noise * (-1) ** at for at in range(20)]
    moving = [usual * (1 + 0.4 * np.sin(at)) for at in range(20)]
    still, varied = (
        Trials.of([answer(signals={signal: value}) for value in column], SETTINGS).standardised(signal)
        for column in (wild, moving)
    )
    assert np.abs(still).max() < 0.11
    assert varied.std() == pytest.approx(1)
    jump = Trials.of([answer(signals={signal: value}) for value in (*moving, 1e6 * usual)], SETTINGS)
    assert jump.standardised(signal)[:-1].std() > 0.7


def test_some_rows_keep_their_meaning() -> None:
    trials = Trials.of([answer("a"), answer("b", picture="q", signals={"x": 1.0}), answer("c")], SETTINGS)
    part = trials.select(np.array([2, 1]))
    assert (part.choice.tolist(), part.position.tolist(), part.pictures) == ([2, 1], [2, 1], ("p", "q"))
    np.testing.assert_allclose(part.signals["x"], [np.nan, 1.0])
    assert len(part) == 2


def test_shuffling_keeps_groups_whatever_their_order() -> None:
    groups = np.array([2, 0, 1, 0, 2, 2, 1])
    generator = np.random.default_rng(0)
    orders = {tuple(shuffle_within(groups, generator).tolist()) for _ in range(400)}
    assert len(orders) == 2 * 2 * 6
    assert all((groups[list(order)] == groups).all() for order in orders)


def test_nobody_answered() -> None:
    with pytest.raises(InputError, match="received 1 skips"):
        Trials.of([answer(None)], SETTINGS)
