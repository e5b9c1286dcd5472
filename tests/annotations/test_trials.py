"""Answers as columns: what is missing stays missing, and practice is not hesitation."""

from __future__ import annotations

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
    for who, (level, spread) in enumerate([(6.0, 0.2), (9.0, 1.0)]):
        for position in range(400):
            doubt.append(generator.standard_normal())
            log_rt = level - 0.3 * np.log1p(position) + spread * doubt[-1]
            answers.append(answer(picture=f"p{position}", annotator=f"a{who}", rt=float(np.exp(log_rt))))
    found = Trials.of(answers, SETTINGS).hesitation()
    assert np.corrcoef(found, doubt)[0, 1] > 0.99
    for part in (found[:400], found[400:]):
        assert (part.mean(), part.std()) == pytest.approx((0, 1), abs=0.02)


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
