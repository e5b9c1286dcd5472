"""Trials are taken once, by one process or by many, and those whose process died are taken again."""

from __future__ import annotations

from pathlib import Path

import made_up
import pytest
from optuna.trial import TrialState

from joryu.errors import InputError, JoryuError
from joryu.search.queue import Queue
from joryu.search.sampling import SAMPLERS
from joryu.search.storage import embedded, open_storage, require_url, scrubbed, without_secrets


def opened(folder: Path, *, shared: bool = False, sampler: str = "tpe"):  # type: ignore[no-untyped-def]
    return Queue.opened(embedded(folder), "study", made_up.setup(sampler=sampler), lower=True, shared=shared)


def test_what_was_running_is_taken_again_under_its_number(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        first, second = queue.take(3), queue.take(3)
        assert first is not None and second is not None
        assert (first.number, second.number) == (1, 2)
        queue.finish(first, TrialState.COMPLETE, 0.5)
    with opened(tmp_path) as queue:  # the process that ran the second died
        again, third, none = queue.take(3), queue.take(3), queue.take(3)
        assert again is not None and third is not None and none is None
        assert (again.number, again.values) == (second.number, second.values)
        assert third.number == 3
        assert [len(tried) for tried in queue.trials().values()] == [1, 2, 1]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_drawn_does_not_depend_on_who_died(tmp_path: Path, sampler: str) -> None:
    def points(folder: Path, dying: set[int]) -> list[dict[str, float]]:
        folder.mkdir()
        found: dict[int, dict[str, float]] = {}
        while True:
            with opened(folder, sampler=sampler) as queue:
                while (taken := queue.take(12)) is not None:
                    found[taken.number] = dict(taken.values)
                    if taken.number in dying:
                        dying.remove(taken.number)
                        break
                    queue.finish(taken, TrialState.COMPLETE, taken.values["temperature"])
                else:
                    return [found[number] for number in sorted(found)]

    unhurt = points(tmp_path / "one", set())
    assert points(tmp_path / "two", {1, 11}) == unhurt
    assert len({tuple(point.values()) for point in unhurt}) == 12


def test_the_last_trial_goes_to_one_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, shared=True) as one, opened(tmp_path, shared=True) as other:
        assert one.take(1) is not None
        monkeypatch.setattr(Queue, "trials", lambda _: {})  # what the other knew just before
        assert other.take(1) is None
        monkeypatch.undo()
        assert list(other.trials()) == [1]
        assert other.others_run(1) == 1


def test_a_trial_without_a_sign_of_life_is_given_up_and_taken_by_another(tmp_path: Path) -> None:
    with opened(tmp_path, shared=True) as one, opened(tmp_path, shared=True) as other:
        mine = one.take(2)
        theirs = other.take(2)
        assert mine is not None and theirs is not None and other.take(2) is None
        ages = "update trial_heartbeats set heartbeat = datetime('now', '-1 hour') where trial_id = 1"
        with open_storage(embedded(tmp_path)).engine.begin() as connection:
            connection.exec_driver_sql(ages)
        again = other.take(2)
        assert again is not None and (again.number, again.values) == (mine.number, mine.values)
        other.finish(again, TrialState.COMPLETE, 0.1)
        one.finish(mine, TrialState.COMPLETE, 0.9)  # it lived after all: what the other found stands
        assert other.trials()[mine.number][-1].value == 0.1


def test_a_trial_that_is_given_back_comes_next(tmp_path: Path) -> None:
    with opened(tmp_path, shared=True) as one, opened(tmp_path, shared=True) as other:
        taken = one.take(5)
        assert taken is not None
        one.give_back(taken)
        again = other.take(5)
        assert again is not None and (again.number, again.values) == (taken.number, taken.values)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////data/a.db", "sqlite:////data/a.db"),
        ("mysql+pymysql://me:p@ss@host:3306/db?ssl_key=k", "mysql+pymysql://host:3306/db"),
        ("postgresql://me@host/db", "postgresql://host/db"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_what_a_database_says_is_told_without_secrets() -> None:
    url = "postgresql://me:p%40ss@host/db?sslpassword=hush"
    said = scrubbed(f"cannot parse {url}: user me, password p@ss or p%40ss, hush", url)
    assert "p@ss" not in said and "hush" not in said and "p%40ss" not in said
    with pytest.raises(InputError, match="not a URL") as refused:
        require_url("me:hush@host")
    assert "hush" not in str(refused.value)


def test_a_storage_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(JoryuError, match=r"the storage sqlite:.* cannot be used .received unable to open"):
        open_storage(f"sqlite:///{tmp_path}/nowhere/sweep.db")
    (tmp_path / "text.db").write_text("not a database, and long enough to be looked at as one")
    with pytest.raises(JoryuError, match=r"cannot be used .received .*not a database"):
        open_storage(f"sqlite:///{tmp_path}/text.db")
