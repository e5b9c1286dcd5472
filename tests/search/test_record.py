"""``sweep.json``: written and read again, damaged in every way, and made of what a storage knows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from joryu.errors import InputError
from joryu.search import SearchSpace, read_sweep
from joryu.search.record import DIVERGED, FILE, SAME_AS, SCHEMA, ScoreRule, TrialRecord, trial_record

SPACE = SearchSpace.parse(["temperature=1..20:log", "hard-weight=0..1"])


@pytest.mark.parametrize("again", [{}, made_up.AGAIN], ids=["one seed", "confirmed"])
def test_a_record_comes_back_as_it_was_written(again: dict[int, tuple[float, ...]], tmp_path: Path) -> None:
    notes = {"examples": "folder:写真 & more", "targets": "a b", "split": None, "size": 64}
    written = made_up.record(again=again, notes=notes, importance={"temperature": 0.75, "hard_weight": 0.25})
    written.write(tmp_path)
    assert read_sweep(tmp_path) == read_sweep(str(tmp_path)) == written


def test_what_is_no_sweep_is_said_to_be_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match=rf"is not a sweep .expected a folder with {FILE}"):
            read_sweep(folder)
    (tmp_path / FILE).mkdir()
    with pytest.raises(InputError, match="is not a sweep"):
        read_sweep(tmp_path)


def spoilt(*path: str | int, value: Any = None) -> Callable[[Any], bytes]:
    """Puts another value into one place of a record, or takes the entry away."""

    def spoil(content: Any) -> bytes:
        place = content
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        if value is None:
            del place[path[-1]]
        return json.dumps(content).encode()

    return spoil


DAMAGE: dict[str, Callable[[Any], bytes]] = {
    "empty": lambda _: b"",
    "cut short": lambda content: json.dumps(content).encode()[:-200],
    "not text": lambda _: b"\xff\xfe\x00{",
    "a list": lambda _: b"[]",
    "no record": lambda _: b"{}",
    "an unknown entry": spoilt("colour", value="red"),
    "words for numbers": spoilt("budget", value="six"),
    "no score rule": spoilt("score"),
    "an unknown state": spoilt("trials", 0, "state", value="done"),
    "no space": spoilt("request", "space"),
    "a space that is a list": spoilt("request", "space", value=["temperature"]),
    "an unknown setting": spoilt("request", "space", "colour", value={"low": 1, "high": 2, "log": False}),
    "half a range": spoilt("request", "space", "temperature", "high"),
    "a range of words": spoilt("request", "space", "temperature", value="1..20"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_record_is_one_line_with_its_place_and_what_to_do(how: str, tmp_path: Path) -> None:
    made_up.record().write(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(DAMAGE[how](json.loads(path.read_text())))
    with pytest.raises(InputError, match="run the same joryu sweep again") as refused:
        read_sweep(tmp_path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_record_of_a_newer_joryu_is_not_guessed_at(tmp_path: Path) -> None:
    made_up.record().write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({"schema_version": SCHEMA + 1, "trials": "of another form"}))
    with pytest.raises(InputError, match=rf"newer Joryu .expected schema {SCHEMA}; received {SCHEMA + 1}"):
        read_sweep(tmp_path)
    (tmp_path / FILE).write_text(json.dumps(content))
    assert read_sweep(tmp_path).schema_version == SCHEMA


def attempt(state: TrialState, **more: Any) -> FrozenTrial:
    given: dict[str, Any] = {
        "params": {"temperature": 3.14159265, "hard_weight": 0.1}, "distributions": SPACE.distributions(),
        "value": 0.25 if state is TrialState.COMPLETE else None,
    }  # fmt: skip
    return create_trial(state=state, **{**given, **more})


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (TrialState.COMPLETE, "finished"), (TrialState.PRUNED, "pruned"), (TrialState.RUNNING, "running"),
        (TrialState.WAITING, "waiting"), (TrialState.FAIL, "waiting"),
    ],
)  # fmt: skip
def test_every_state_of_a_storage_has_a_word_and_a_score_only_where_it_finished(state: TrialState, told: str) -> None:
    found = trial_record(7, [attempt(TrialState.FAIL), attempt(state)], SPACE, 4)
    assert (found.trial, found.state, found.attempts) == (7, told, 2)
    assert found.values == {"temperature": 3.142, "hard_weight": 0.1}
    assert found.score == (0.25 if told == "finished" else None)


def test_what_diverged_says_why_and_has_no_score() -> None:
    why = "the loss is not finite in epoch 1"
    found = trial_record(1, [attempt(TrialState.PRUNED, user_attrs={DIVERGED: why})], SPACE, 4)
    assert (found.state, found.why, found.score) == ("diverged", why, None)


def test_what_was_stopped_says_after_which_of_how_many_epochs() -> None:
    reported = {3: 0.5, 1: 0.9, 2: 0.7, 4: math.nan, 5: math.inf}
    found = trial_record(1, [attempt(TrialState.PRUNED, intermediate_values=reported)], SPACE, 8)
    assert found.history == ((1, 0.9), (2, 0.7), (3, 0.5))
    assert (found.epochs, found.why) == (3, "worse than the median after epoch 3 of 8")


def test_what_waits_shows_the_point_that_it_will_try_once_all_of_it_is_known() -> None:
    waiting = {"params": {}, "distributions": {}}
    whole = {"fixed_params": {"temperature": 2.0, "hard_weight": 0.5}}
    found = trial_record(1, [attempt(TrialState.WAITING, system_attrs=whole, **waiting)], SPACE, 4)
    assert found.values == {"temperature": 2.0, "hard_weight": 0.5}
    half = {"fixed_params": {"temperature": 2.0}}
    assert trial_record(1, [attempt(TrialState.WAITING, system_attrs=half, **waiting)], SPACE, 4).values == {}


def test_what_was_kept_of_a_trial_is_in_its_record() -> None:
    kept = {"epoch": 2, "epochs": 4, "measures": {"validation_accuracy": 0.5}, "seconds": 1.5, SAME_AS: 3}
    found = trial_record(5, [attempt(TrialState.COMPLETE, user_attrs=kept)], SPACE, 4)
    assert (found.epoch, found.epochs, found.seconds, found.same_as) == (2, 4, 1.5, 3)
    assert found.measures == {"validation_accuracy": 0.5}


@pytest.mark.parametrize(("lower", "order"), [(True, [2, 4, 1]), (False, [1, 2, 4])])
def test_the_best_comes_first_the_earlier_of_equals_and_no_point_twice(lower: bool, order: list[int]) -> None:
    scores = [(1, 0.5, None), (2, 0.25, None), (3, 0.25, 2), (4, 0.25, None)]
    trials = [
        TrialRecord(trial=trial, state="finished", values={"temperature": float(trial)}, score=score, same_as=same)
        for trial, score, same in scores
    ]
    trials.append(TrialRecord(trial=5, state="pruned", values={}))
    rule = ScoreRule(key="x", name="x", lower=lower)
    found = made_up.record(again={}).model_copy(update={"trials": tuple(trials), "score": rule}).finished()
    assert [one.trial for one in found] == order
    assert rule.better(found[0].score or 0.0, found[-1].score or 0.0)
    assert not rule.better(0.25, 0.25)
