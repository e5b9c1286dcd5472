"""Trials keep their number and their place however many processes died at them or came too late."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import made_up
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from joryu.search.numbering import REPEATS, WITHDRAWN, attempts, died, number_of
from joryu.search.queue import Queue
from joryu.search.storage import embedded


def trials_of(story: list[int]) -> tuple[list[FrozenTrial], list[int]]:
    """Trials as Optuna numbers them, and whose attempt each is: 0 begins another, k repeats the k-th attempt so far."""
    trials: list[FrozenTrial] = []
    whose: list[int] = []
    for at, step in enumerate(story):
        repeated = (step - 1) % at if step and at else None
        attributes = {} if repeated is None else {REPEATS: repeated}
        trial = create_trial(state=TrialState.FAIL, user_attrs=attributes)
        trial.number = at
        trials.append(trial)
        whose.append(1 + max(whose, default=0) if repeated is None else whose[repeated])
    return trials, whose


@given(st.lists(st.integers(0, 6), max_size=12))
def test_a_repetition_has_the_number_of_what_it_repeats_and_others_count_on(story: list[int]) -> None:
    trials, whose = trials_of(story)
    assert [number_of(trials, trial) for trial in trials] == whose
    assert [number_of(trials[: at + 1], trial) for at, trial in enumerate(trials)] == whose  # whatever comes later
    found = attempts(list(reversed(trials)))
    assert list(found) == sorted(set(whose))
    assert [one.number for tried in found.values() for one in tried] == [
        at for number in found for at, of in enumerate(whose) if of == number
    ]


def test_only_what_nobody_repeats_yet_is_to_be_repeated() -> None:
    trials, _ = trials_of([0, 1, 0, 0])
    trials[2].state = TrialState.COMPLETE
    trials[2].value = 0.5
    assert [one.number for one in died(trials)] == [1, 3]
    trials[3].set_user_attr(WITHDRAWN, True)
    assert [one.number for one in died(trials)] == [1]
    assert list(attempts(trials)) == [1, 2]


def test_a_place_that_was_withdrawn_loses_no_trial_of_a_larger_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial behind one that came too late has a number above the budget, and was not taken again when it died."""

    def opened() -> AbstractContextManager[Queue]:
        return Queue.opened(embedded(tmp_path), "study", made_up.setup(), lower=True, shared=True)

    with opened() as one, opened() as other:
        first = one.take(1)
        assert first is not None
        monkeypatch.setattr(Queue, "trials", lambda _: {})  # what the other knew just before
        assert other.take(1) is None
        monkeypatch.undo()
        second = one.take(2)
        assert second is not None
        one.give_back(second)
        assert other.others_run(2) == 2
        again = other.take(2)
        assert again is not None
        assert (again.number, again.values) == (second.number, second.values)
        assert other.take(2) is None
        one.finish(first, TrialState.COMPLETE, 0.5)
        other.finish(again, TrialState.COMPLETE, 0.4)
        assert one.others_run(2) == 0
