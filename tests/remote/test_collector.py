"""Asking a moody API: each picture answered once, within the budget, whatever happens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from asked import QUICK, api_at, ask, id_of, pictures, to_ask
from benchmarks.black_box import FAULTS, BlackBox, labels_of

from joryu.errors import InputError, Stop
from joryu.remote import Ledger, Options, Pictures, collect
from joryu.remote.credentials import Anonymous


def test_every_picture_is_answered_once_or_listed_whatever_the_api_does(tmp_path: Path) -> None:
    contents = pictures(400)
    with BlackBox(faults=0.4, hang=0.02, wait=0.005).running() as box:
        found = ask(box, tmp_path, contents, together=4)
        counts = box.counts()
    assert set(FAULTS) <= set(counts["statuses"]), "a fault that never happened is not tested"
    assert found.answered + found.failed == 400 and found.stop is None
    with Ledger.read(tmp_path) as ledger:
        raw, spent, failures = ledger.raw([*map(id_of, contents)]), ledger.spent(), ledger.failures()
    assert len(raw) == found.answered and len(failures) == found.failed <= 4
    assert all(failure.reason and not failure.final for failure in failures)
    assert counts["more_than_once"] == 0
    assert counts["units"] <= spent.units, "what the server counts, the ledger has counted too"
    for picture in contents[:50]:
        if id_of(picture) in raw:
            assert raw[id_of(picture)] == json.dumps(labels_of(picture)).encode(), "byte for byte"


def test_what_failed_is_asked_again_and_what_was_answered_is_not(tmp_path: Path) -> None:
    contents = pictures(64)
    once = replace(QUICK, attempts=1, canaries=0)
    with BlackBox(faults=0.5, kinds=["503"]).running() as box:
        first = ask(box, tmp_path, contents, limits=once)
        box.faults = 0.0
        before = box.units
        second = ask(box, tmp_path, contents, limits=once)
    assert 0 < first.failed < 64
    assert (second.answered, second.before) == (first.failed, first.answered)
    assert box.units - before == first.failed
    with Ledger.read(tmp_path) as ledger:
        assert ledger.failures() == [] and ledger.n_answers() == 64


@pytest.mark.parametrize("faults", [0.0, 0.3])
def test_the_budget_is_kept_to_the_unit_and_a_larger_one_goes_on(tmp_path: Path, faults: float) -> None:
    contents = pictures(120)
    moods = ["429", "500", "drop", "cut-json", "short"]
    with BlackBox(faults=faults, kinds=moods).running() as box:
        first = ask(box, tmp_path, contents, budget=50)
        assert first.stop is not None and "the budget is spent" in str(first.stop)
        assert box.units <= 50
        with Ledger.read(tmp_path) as ledger:
            assert ledger.spent().units == 50
        if not faults:
            assert (box.units, first.answered) == (50, 50)
        second = ask(box, tmp_path, contents, budget=1000)
    assert second.stop is None and second.answered == 120 - first.answered
    assert box.counts()["more_than_once"] <= 2, "canaries alone"


def test_the_same_picture_is_asked_about_once(tmp_path: Path) -> None:
    contents = pictures(20) * 3
    with BlackBox().running() as box:
        found = ask(box, tmp_path, contents)
    assert found.answered == box.units == 20


def test_nothing_is_asked_where_nothing_is_missing(tmp_path: Path) -> None:
    with BlackBox().running() as box:
        ask(box, tmp_path, pictures(20))
        box.requests = 0
        again = ask(box, tmp_path, pictures(20))
    assert (box.requests, again.before, again.answered) == (0, 20, 0)


def test_an_api_that_has_changed_is_not_mixed_with_what_it_said(tmp_path: Path) -> None:
    def changed(picture: bytes) -> dict[str, object]:
        first, *rest = labels_of(picture)["labelAnnotations"]
        return {"labelAnnotations": [first | {"score": first["score"] - 0.1}, *rest]}

    with BlackBox().running() as box:
        ask(box, tmp_path, pictures(20))
        box.answer = changed
        found = ask(box, tmp_path, pictures(40))
        assert found.stop is not None and "the API has changed" in str(found.stop)
        assert found.answered == 0
        without = ask(box, tmp_path, pictures(40), limits=replace(QUICK, canaries=0))
    assert without.answered == 20


def test_one_picture_that_the_api_cannot_read_costs_the_others_nothing(tmp_path: Path) -> None:
    def refuses(picture: bytes) -> dict[str, object]:
        bad = picture == b"picture 7"
        return {"error": {"code": 3, "message": "Bad image data."}} if bad else labels_of(picture)

    with BlackBox(answer=refuses).running() as box:
        found = ask(box, tmp_path, pictures(32))
        assert (found.answered, found.failed) == (31, 1)
        again = ask(box, tmp_path, pictures(32))
    assert (again.answered, again.failed, again.before) == (0, 0, 32), "refused for good: never paid for again"
    with Ledger.read(tmp_path) as ledger:
        (failure,) = ledger.failures()
    assert failure == (id_of(b"picture 7"), "Bad image data. (code 3)", True)


def test_a_lost_permission_stops_and_is_no_failure_of_an_example(tmp_path: Path) -> None:
    with BlackBox(key="wanted").running() as box:
        found = ask(box, tmp_path, pictures(20))
    assert isinstance(found.stop, Stop) and "HTTP 403: no such key" in str(found.stop)
    with Ledger.read(tmp_path) as ledger:
        assert ledger.failures() == [] and ledger.spent().units == 0


def test_an_api_that_is_down_is_given_up_and_everything_can_go_on(tmp_path: Path) -> None:
    with BlackBox(faults=1.0, kinds=["503"]).running() as box:
        found = ask(box, tmp_path, pictures(200), limits=replace(QUICK, cool_down=0.001, failures=5, attempts=99))
        assert found.stop is not None and "fails again and again" in str(found.stop)
        assert "HTTP 503: something broke" in str(found.stop)
        box.faults = 0.0
        assert ask(box, tmp_path, pictures(200)).answered == 200


def test_it_waits_as_long_as_the_api_says_but_not_for_ever(tmp_path: Path) -> None:
    with BlackBox(faults=1.0, kinds=["429-wait"], wait=3600).running() as box:
        found = ask(box, tmp_path, pictures(40))
    assert found.stop is not None and "asks to wait long (received 3,600 s)" in str(found.stop)
    assert box.units == 0


def test_a_picture_that_is_gone_ends_the_session_with_everything_kept(tmp_path: Path) -> None:
    contents = pictures(64)

    def read(at: int) -> bytes:
        if at == 40:
            until = time.monotonic() + 60
            while not box.units and time.monotonic() < until:
                time.sleep(0.002)
            raise InputError("40.jpg cannot be read any more")
        return contents[at]

    with BlackBox().running() as box, Ledger.write(tmp_path, api_at(box).settings) as ledger:
        with pytest.raises(InputError, match=r"40.jpg cannot be read"):
            collect(
                api_at(box), ledger, Anonymous(), Pictures(to_ask(contents).ids, read), options=Options(limits=QUICK)
            )
        assert ledger.n_answers() == box.units > 0
        assert ledger.spent().in_flight == 0


def test_a_notebook_can_ask_too(tmp_path: Path) -> None:
    async def cell(box: BlackBox) -> int:
        return ask(box, tmp_path, pictures(20)).answered

    with BlackBox().running() as box:
        assert asyncio.run(cell(box)) == 20


def test_no_more_requests_are_in_flight_than_allowed(tmp_path: Path) -> None:
    with BlackBox(delay=0.1).running() as box:
        ask(box, tmp_path, pictures(120), limits=replace(QUICK, concurrency=3))
    assert 1 < box.most_in_flight <= 3


KILLED = """
import sys
from pathlib import Path
from asked import QUICK, pictures, to_ask
from joryu.remote import Ledger, Options, collect, google_vision
from joryu.remote.credentials import Anonymous
api = google_vision(sys.argv[1], longest_side=None)
with Ledger.write(sys.argv[2], api.settings) as ledger:
    collect(api, ledger, Anonymous(), to_ask(pictures(4000)), options=Options(limits=QUICK))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_after_a_kill_only_what_was_in_flight_is_asked_again(tmp_path: Path) -> None:
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([paths, *filter(None, sys.path)])}
    with BlackBox(delay=0.01).running() as box:
        with subprocess.Popen([sys.executable, "-c", KILLED, box.url, str(tmp_path)], env=environment) as asking:
            until = time.monotonic() + 60
            while box.units < 300 and time.monotonic() < until:
                time.sleep(0.005)
            asking.send_signal(signal.SIGKILL)
        with Ledger.read(tmp_path) as ledger:
            in_flight, kept = ledger.spent().in_flight, ledger.n_answers()
        assert kept >= 200 and in_flight <= QUICK.concurrency + 2, "requests, not answers"
        found = ask(box, tmp_path, pictures(1000), limits=replace(QUICK, canaries=0))
        counts = box.counts()
    assert found.answered + found.before == 1000
    assert counts["more_than_once"] <= 16 * in_flight
    with Ledger.read(tmp_path) as ledger:
        assert counts["units"] <= ledger.spent().units
