"""From a person's choice to soft targets, whatever was answered: always a distribution, and never another answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.annotations import Answer, Settings
from joryu.annotations.trials import Floats, Trials
from joryu.errors import InputError
from joryu.teachers.confidence import (
    LEAST,
    agreement_among,
    attention,
    constant,
    response_time,
    severity,
    severity_and_attention,
    stated,
)
from joryu.teachers.left_over import (
    confusion,
    disagreements,
    distribute,
    graph,
    least_sureness,
    second_choice,
    smoothed,
    uniform,
)

SETTINGS = Settings(
    classes=("healthy", "scab", "rust", "rot"), severities=("mild", "severe"), confidences=("unsure", "sure"),
    second_choice=True, nearest={"scab": "healthy", "rust": "scab"},
)  # fmt: skip
NAMES = st.sampled_from(SETTINGS.classes)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    choice = draw(NAMES)
    return Answer(
        picture=draw(st.sampled_from(["p", "q", "r"])), annotator=draw(st.sampled_from(["ann", "ben"])), session="s",
        choice=choice, second=draw(st.none() | NAMES.filter(lambda name: name != choice)),
        severity=draw(st.none() | st.sampled_from(SETTINGS.severities)),
        confidence=draw(st.none() | st.sampled_from(SETTINGS.confidences)), showing=draw(st.integers(0, 3)),
        signals=draw(st.just({}) | st.fixed_dictionaries({"attention": st.floats(0, 100)})),
    )  # fmt: skip


TRIALS = st.lists(answers(), min_size=1, max_size=12).map(lambda found: Trials.of(found, SETTINGS))


@settings(max_examples=30)
@given(TRIALS, st.floats(0.5, 1), st.floats(0, 1))
def test_a_soft_target_is_a_distribution_and_the_choice_has_its_sureness(
    trials: Trials, sure: float, second_share: float
) -> None:
    rest = uniform(trials, SETTINGS)[trials.choice]
    q = distribute(trials, np.full(len(trials), sure), rest, second_share=second_share)
    assert q.shape == (len(trials), 4)
    assert np.allclose(q.sum(axis=1), 1)
    assert (q >= 0).all()
    assert np.allclose(q[np.arange(len(trials)), trials.choice], sure)


@settings(max_examples=30)
@given(TRIALS, st.floats(0, 1))
def test_at_the_least_sureness_another_class_is_as_likely_and_above_it_none_is(
    trials: Trials, second_share: float
) -> None:
    rest = uniform(trials, SETTINGS)[trials.choice]
    least = least_sureness(trials, rest, second_share=second_share)
    rows = np.arange(len(trials))
    at = distribute(trials, least, rest, second_share=second_share)
    assert np.allclose(at.max(axis=1), at[rows, trials.choice])
    above = distribute(trials, least + 0.01 * (1 - least), rest, second_share=second_share)
    assert (above.argmax(axis=1) == trials.choice).all()


@settings(max_examples=30)
@given(TRIALS)
def test_a_second_choice_is_the_second_likeliest(trials: Trials) -> None:
    rest = uniform(trials, SETTINGS)[trials.choice]
    q = distribute(trials, np.full(len(trials), 0.6), rest)
    for row, second in zip(q, trials.second, strict=True):
        order = np.argsort(-row, kind="stable")
        if second >= 0:
            assert order[1] == second
        else:
            assert np.allclose(row[order[1:]], row[order[1]])


@pytest.mark.parametrize("rule", [uniform, graph])
@settings(max_examples=30)
@given(TRIALS)
def test_what_is_left_over_goes_to_the_other_classes_alone(
    rule: Callable[[Trials, Settings], Floats], trials: Trials
) -> None:
    rows = rule(trials, SETTINGS)
    assert np.allclose(rows.sum(axis=1), 1)
    assert np.allclose(rows.diagonal(), 0)
    assert (rows[~np.eye(4, dtype=bool)] > 0).all()  # no class becomes impossible


@settings(max_examples=30)
@given(TRIALS)
def test_confusions_are_symmetric_counts_or_are_refused(trials: Trials) -> None:
    counts = disagreements(trials)
    assert np.array_equal(counts, counts.T)
    assert not counts.diagonal().any()
    by_hand = np.zeros((4, 4))
    for one in range(len(trials)):
        for other in range(len(trials)):
            if trials.picture[one] == trials.picture[other] and trials.choice[one] != trials.choice[other]:
                by_hand[trials.choice[one], trials.choice[other]] += 1
    assert np.array_equal(counts, by_hand)
    if counts.sum():
        rows = confusion(trials, SETTINGS)
        assert np.allclose(rows.sum(axis=1), 1)
        assert np.allclose(rows.diagonal(), 0)
        assert (rows[~np.eye(4, dtype=bool)] > 0).all()
    else:
        with pytest.raises(InputError, match="nothing is known of confusions"):
            confusion(trials, SETTINGS)


@settings(max_examples=30)
@given(TRIALS)
def test_second_choices_are_spread_evenly_where_there_are_some_and_refused_where_there_are_none(trials: Trials) -> None:
    if (trials.second >= 0).any():
        assert np.array_equal(second_choice(trials, SETTINGS), uniform(trials, SETTINGS))
    else:
        with pytest.raises(InputError, match="nobody gave a second choice"):
            second_choice(trials, SETTINGS)


@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=3, max_size=3), st.floats(0, 1))
def test_counts_become_shares_and_what_was_never_seen_becomes_even(rows: list[list[int]], share: float) -> None:
    found = smoothed(np.array(rows, dtype=float), uniform_share=share)
    assert np.allclose(found.sum(axis=1), 1)
    assert np.allclose(found.diagonal(), 0)
    for at, row in enumerate(rows):
        others = [k for k in range(3) if k != at]
        total = sum(row[k] for k in others)
        wanted = [(1 - share) * row[k] / total + share / 2 if total else 0.5 for k in others]
        assert np.allclose(found[at, others], wanted)


@settings(max_examples=30)
@given(TRIALS)
def test_agreement_is_the_share_of_the_others_who_said_the_same(trials: Trials) -> None:
    for row, found in enumerate(agreement_among(trials)):
        others = [k for k in range(len(trials)) if k != row and trials.picture[k] == trials.picture[row]]
        if not others:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(np.mean([trials.choice[k] == trials.choice[row] for k in others]))


RULES = {
    "severity": severity, "attention": attention, "severity and attention": severity_and_attention, "stated": stated,
    "response time": response_time,
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=30)
@given(TRIALS)
def test_a_rule_never_makes_another_class_likelier_and_says_what_was_never_measured(name: str, trials: Trials) -> None:
    columns = {
        "severity": [trials.severity], "stated": [trials.confidence], "response time": [trials.hesitation()],
        "attention": [trials.signals.get("attention", np.full(len(trials), np.nan))],
    }  # fmt: skip
    columns["severity and attention"] = [*columns["severity"], *columns["attention"]]
    if any(np.isnan(column).all() for column in columns[name]):
        with pytest.raises(InputError, match=r"was never measured .*try another confidence model"):
            RULES[name](trials)
        return
    sure = RULES[name](trials)
    assert sure.shape == (len(trials),)
    assert ((sure >= LEAST) & (sure <= 1)).all()


@settings(max_examples=30)
@given(TRIALS, st.floats(0, 0.74))
def test_a_constant_is_the_same_for_everybody(trials: Trials, smoothing: float) -> None:
    assert np.allclose(constant(smoothing)(trials), 1 - smoothing)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2.0, float("nan")])
def test_a_smoothing_that_is_no_share_is_refused(smoothing: float) -> None:
    with pytest.raises(InputError, match="smoothing is not usable"):
        constant(smoothing)


@settings(max_examples=30)
@given(TRIALS, st.floats(0.75, 0.99))
def test_a_smoothing_that_leaves_less_than_chance_is_refused(trials: Trials, smoothing: float) -> None:
    with pytest.raises(InputError, match=r"no likelier than chance .*expected E below 0\.75"):
        constant(smoothing)(trials)
