"""The page in a real browser: nothing lost, nothing doubled, times exact; skipped where there is no Chromium."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from browsing import IN_A_BROWSER, Server, answered, enter, painted, settle, until

from joryu.labelling.devices import read_recording

pytestmark = IN_A_BROWSER


def test_keys_undo_skip_reload_and_a_held_key(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    for done, key in enumerate(("1", "2", "3", "s"), start=1):
        page.keyboard.press(key)
        settle(page, done)
    page.keyboard.press("Backspace")
    settle(page, 3)
    page.keyboard.press("Backspace")
    settle(page, 2)
    page.reload()
    settle(page, 2)
    page.keyboard.down("1")
    settle(page, 3)
    page.keyboard.down("1")  # the system repeats a key that is held
    page.keyboard.down("1")
    time.sleep(0.3)
    settle(page, 3)
    page.keyboard.up("1")
    page.keyboard.press("?")
    page.keyboard.press("2")  # not while the help is open
    page.keyboard.press("Escape")
    settle(page, 3)
    page.keyboard.press("2")
    settle(page, 4)
    assert [one.choice for one in server.answers()] == ["healthy", "scab", "healthy", "scab"]
    assert page.complaints == []


def test_the_time_is_from_paint_to_key_to_the_millisecond(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link, clock=True)
    onset = 0.0
    for done in range(3):
        onset = painted(page, after=onset)
        now = page.evaluate("performance.now()")
        page.clock.run_for(742 - round(now - onset))
        page.keyboard.press("1")
        answered(page, done + 1)
    times = [one.timing.rt_ms for one in server.answers()]
    assert times == [pytest.approx(742, abs=0.001)] * 3


def test_what_comes_sooner_than_a_picture_can_be_seen_is_told_and_does_not_count(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link, clock=True)

    def wait_until(moment: float) -> None:
        page.clock.run_for(round(moment - page.evaluate("performance.now()")))

    first = painted(page, after=0)
    wait_until(first + 500)
    page.keyboard.press("1")
    second = painted(page, after=first)
    page.keyboard.press("1")  # of a key that was tapped twice
    assert "Too soon" in page.inner_text("#prompt")
    wait_until(second + 111)
    for key in ("1", "s", "Backspace"):
        page.keyboard.press(key)
    page.click("#classes button >> nth=1")
    wait_until(second + 198)
    page.keyboard.press("3")
    assert page.inner_text("#count") == "1 / 30"
    assert len(server.answers()) == 1
    wait_until(second + 210)
    page.keyboard.press("2")
    third = painted(page, after=second)
    page.clock.run_for(2_000)
    assert page.inner_text("#prompt") == ""
    page.keyboard.down("3")
    painted(page, after=third)
    page.clock.run_for(1_000)
    page.keyboard.down("3")
    assert "held" in page.inner_text("#prompt")
    found = [(one.choice, one.timing.first_key_ms == one.timing.rt_ms) for one in server.answers()]
    assert found == [("healthy", True), ("scab", True), ("black rot", True)]
    assert page.complaints == []


def test_time_behind_a_dialog_is_told_apart(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    page.keyboard.press("?")
    time.sleep(0.5)
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    settle(page, 1)
    page.keyboard.press("?")
    time.sleep(0.5)
    # A key that comes before the page is told that its dialog was closed.
    page.evaluate("""() => {
        document.getElementById("help").close();
        document.querySelector("main").dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true }));
    }""")
    settle(page, 2)
    for answer in server.answers():
        assert answer.timing.hidden_ms is not None
        assert answer.timing.rt_ms is not None
        assert 450 < answer.timing.hidden_ms <= answer.timing.rt_ms


def test_labels_at_the_speed_of_the_keys_none_lost_none_doubled(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, n=60)
    page = enter(chromium, server.link)
    for done in range(60):
        settle(page, done)
        page.keyboard.press(str(done % 3 + 1))
    page.wait_for_selector("#finished:not([hidden])")
    found = server.answers()
    server.kill()
    assert len(found) == len({one.picture for one in found}) == 60
    assert [one.choice for one in found] == ["healthy", "scab", "black rot"] * 20
    assert [one.timing.trial for one in found] == list(range(60))


def test_kill_9_in_the_middle_loses_nothing_and_the_page_goes_on(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    for done in range(5):
        settle(page, done)
        page.keyboard.press("1")
    settle(page, 5)
    server.kill()
    page.keyboard.press("2")  # nobody is there to take it
    page.wait_for_selector("#notice:not([hidden])")
    assert len(server.answers()) == 5
    again = server.start(server.port)
    other = page.context.new_page()  # the new link gives this browser its new cookie
    other.goto(again)
    settle(page, 6)
    assert [one.choice for one in server.answers()] == ["healthy"] * 5 + ["scab"]


def test_while_the_file_is_in_use_the_page_says_that_it_waits(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    held = sqlite3.connect(server.folder / "project" / "annotations.sqlite", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    page.keyboard.press("1")
    until(page, "document.getElementById('notice').textContent.startsWith('The server has not kept it yet')")
    assert page.inner_text("#count") == "0 / 30"
    held.execute("ROLLBACK")
    held.close()
    settle(page, 1)
    assert not page.is_visible("#notice")
    full = '{"detail": "roses/annotations.sqlite cannot be written"}'
    page.route("**/api/answers", lambda route: route.fulfill(status=503, content_type="application/json", body=full))
    page.keyboard.press("1")
    until(page, "document.getElementById('notice').textContent.startsWith('roses/annotations.sqlite cannot be')")
    page.unroute("**/api/answers")
    settle(page, 2)


def test_an_answer_is_kept_where_something_else_listens_and_let_go_where_it_is_refused(
    chromium: Any, server: Server
) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    waiting = "Object.keys(localStorage).filter((name) => name.startsWith('joryu-waiting')).length"

    def answer_with(status: int, detail: str) -> None:
        body = json.dumps({"detail": detail})
        page.route(
            "**/api/answers", lambda route: route.fulfill(status=status, content_type="application/json", body=body)
        )

    for done, status in enumerate((404, 405, 400)):
        answer_with(status, "Not Found")
        page.keyboard.press("1")
        until(page, "document.getElementById('notice').textContent.startsWith('The server does not answer')")
        assert page.evaluate(waiting) == 1
        page.unroute("**/api/answers")
        settle(page, done + 1)
        assert page.evaluate(waiting) == 0
    answer_with(422, "there is no such picture")
    page.keyboard.press("2")
    until(page, "document.getElementById('notice').textContent === 'there is no such picture'")
    assert page.evaluate(waiting) == 0
    assert [one.choice for one in server.answers()] == ["healthy"] * 3


def test_severity_confidence_and_a_second_choice(chromium: Any, tmp_path: Path) -> None:
    server = Server(
        tmp_path, "--severity", "mild,severe", "--confidence", "--second-choice", "--nearest", "scab=healthy", n=4
    )
    page = enter(chromium, server.link)
    settle(page, 0)
    for keys in (
        ("1", "c", "Enter"),
        ("2", "w", "x", " ", "3"),
        ("w", "z", "2", "2", "Enter"),
        ("3", "Escape", "1", " ", "2", "z"),
    ):
        done = page.evaluate("Number(document.getElementById('progress').value)")
        for key in keys:
            page.keyboard.press(key)
        until(page, f"Number(document.getElementById('progress').value) === {done + 1}")
        if done < 3:
            settle(page, done + 1)
    found = [(one.choice, one.severity, one.confidence, one.second, one.timing.n_changes) for one in server.answers()]
    server.kill()
    assert found == [
        ("healthy", None, "sure", None, 0),
        ("scab", "severe", "fairly sure", "black rot", 0),
        ("scab", "severe", "unsure", None, 0),
        ("healthy", None, "unsure", "scab", 1),
    ]


def test_the_answer_is_about_the_picture_on_the_screen(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, n=3)
    page = enter(chromium, server.link)
    for done in range(3):
        settle(page, done)
        page.keyboard.press("1")
    settle(page, 3)
    page.route("**/pictures/*", lambda route: (time.sleep(0.3), route.continue_()))
    page.reload()
    settle(page, 3)
    for _ in range(2):  # the second one before the first one's picture is there
        page.keyboard.press("Backspace")
    settle(page, 2)
    shown = page.get_attribute("#stage img", "src")
    page.keyboard.press("2")
    settle(page, 3)
    (changed,) = [one for one in server.answers() if one.choice == "scab"]
    server.kill()
    assert shown.partition("?")[0] == f"/pictures/{changed.picture[:32]}"


def until_measured(recordings: Path, signal: str, *, after: float) -> None:
    """Wait until the device has said something, by the system's monotonic clock, which the server has too."""
    deadline = time.monotonic() + 20
    while not any(
        sample.signal == signal and sample.at > after
        for path in recordings.iterdir()
        for sample in read_recording(path).samples
    ):
        assert time.monotonic() < deadline, signal
        time.sleep(0.05)


def test_what_is_measured_survives_a_reload_and_a_guest_is_asked_for_a_name(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, "--annotator", "ann", "--device", "simulator", n=12)
    page = chromium.new_context().new_page()
    page.goto(server.link)
    page.wait_for_selector('#device[data-status="connected"]')
    for done in range(4):
        if done == 2:  # the page's clock begins again at 0
            page.reload()
        settle(page, done)
        until_measured(tmp_path / "project" / "signals", "heart_rate", after=time.monotonic())
        page.keyboard.press("1")
        settle(page, done + 1)
    page.goto(f"http://127.0.0.1:{server.port}/summary")
    page.click("#invite button")
    guest = chromium.new_context().new_page()
    guest.goto(page.get_attribute("#invitations a", "href"))
    guest.fill("#pseudonym", "bob")
    guest.keyboard.press("Enter")
    settle(guest, 0)
    guest.keyboard.press("2")
    settle(guest, 1)
    assert guest.is_hidden("#device")
    found = [(one.annotator, "heart_rate" in one.signals) for one in server.answers()]
    server.kill()
    assert found == [*[("ann", True)] * 4, ("bob", False)]


def test_what_a_closed_page_left_is_there_before_the_next_one_asks(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    refusals = iter([True] * 30)
    page.route("**/api/answers", lambda route: route.abort() if next(refusals, False) else route.continue_())
    page.keyboard.press("1")
    page.wait_for_selector("#notice:not([hidden])")
    refusals = iter([True])  # the first attempt of the next page fails too
    page.reload()
    settle(page, 1)
    page.keyboard.press("2")
    settle(page, 2)
    found = server.answers()
    assert [one.choice for one in found] == ["healthy", "scab"]
    assert len({one.picture for one in found}) == 2
