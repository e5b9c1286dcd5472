"""The page in a real browser: nothing lost, nothing doubled, times exact; skipped where there is no Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scene import paint

from joryu.annotations import Answer, Project

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


class Server:
    """``joryu annotate`` in a process of its own."""

    def __init__(self, folder: Path, *options: str, n: int = 30) -> None:
        self.folder, self.options, self.port = folder, options, "0"
        if not (folder / "pictures").exists():
            paint(folder / "pictures", n)
        self.link = self.start()

    def start(self, port: str | None = None) -> str:
        words = [
            "annotate",
            "pictures",
            "--classes",
            "healthy,scab,black rot",
            "--repeats",
            "0",
            "--project",
            "project",
        ]
        command = [sys.executable, "-m", "joryu", *words, "--no-browser", *self.options]
        command += [] if port is None else ["--port", port]
        self.process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/\S+", line):
                self.port = found[1]
                return found[0]
        raise AssertionError("the server did not say where it is")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def answers(self) -> list[Answer]:
        project = Project.open(self.folder / "project")
        try:
            return project.answers()
        finally:
            project.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.kill()


def enter(chromium: Any, link: str, *, clock: bool = False) -> Any:
    """The page after the greeting; complaints of the browser fail the test."""
    page = chromium.new_context().new_page()
    page.set_default_timeout(20_000)
    if clock:
        page.clock.install(time=datetime(2026, 1, 1, 12, tzinfo=UTC))
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    page.goto(link)
    assert "token" not in page.url
    page.fill("#pseudonym", "ann")
    page.keyboard.press("Enter")
    if clock:
        page.clock.pause_at(datetime(2026, 1, 1, 13, tzinfo=UTC))
    page.complaints = complaints
    return page


def until(page: Any, expression: str) -> None:
    """Wait for an expression to be true; the page's own policy forbids Playwright's evaluating helper.

    What it asks about may not be there yet: a page is loaded as a door, which then fetches what is behind it.
    """
    deadline = time.monotonic() + 20
    while not page.evaluate(f"() => {{ try {{ return {expression}; }} catch {{ return false; }} }}"):
        assert time.monotonic() < deadline, expression
        time.sleep(0.01)


def answered(page: Any, done: int) -> None:
    until(page, f"document.getElementById('count').textContent.startsWith('{done} /')")


def settle(page: Any, done: int) -> None:
    """Wait until so many are answered and the next picture takes keys."""
    answered(page, done)
    until(page, "document.body.dataset.ready === 'yes'")


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
    for done in range(3):
        for _ in range(60):  # let the frames of the controlled clock go by until the picture is painted
            page.clock.run_for(20)
            if page.evaluate("document.body.dataset.ready === 'yes'"):
                break
            time.sleep(0.05)
        settle(page, done)
        onset = float(page.evaluate("document.body.dataset.onset"))
        now = page.evaluate("performance.now()")
        page.clock.run_for(742 - round(now - onset))
        page.keyboard.press("1")
        answered(page, done + 1)
    times = [one.timing.rt_ms for one in server.answers()]
    assert times == [pytest.approx(742, abs=0.001)] * 3


def test_time_behind_a_dialog_is_told_apart(chromium: Any, server: Server) -> None:
    page = enter(chromium, server.link)
    settle(page, 0)
    page.keyboard.press("?")
    time.sleep(0.5)
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    settle(page, 1)
    (answer,) = server.answers()
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


def test_severity_confidence_and_a_second_choice(chromium: Any, tmp_path: Path) -> None:
    server = Server(
        tmp_path, "--severity", "mild,severe", "--confidence", "--second-choice", "--nearest", "scab=healthy", n=4
    )
    page = enter(chromium, server.link)
    settle(page, 0)
    for keys in (
        ("1", "c", "Enter"),
        ("2", "w", "x", "3"),
        ("w", "z", "2", "2", "Enter"),
        ("3", "Escape", "1", "z", "2"),
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


def test_the_first_screen_is_for_the_keyboard_too(chromium: Any, server: Server) -> None:
    page = chromium.new_context().new_page()
    page.goto(server.link)
    page.wait_for_selector("#hello:not([hidden])")
    page.keyboard.type("ann")
    page.keyboard.press("Enter")
    settle(page, 0)
    assert page.inner_text("#who") == "ann"


MANY = ["--classes", ",".join(f"class {at}" for at in range(36)), "--severity", "mild,moderate,severe"]


@pytest.mark.parametrize("options", [["--severity", "mild,moderate,severe", "--confidence", "--second-choice"], MANY])
def test_the_picture_keeps_its_share_of_any_screen(chromium: Any, tmp_path: Path, options: list[str]) -> None:
    server = Server(tmp_path, *options, n=2)
    page = enter(chromium, server.link)
    settle(page, 0)
    for width, height in ((320, 568), (360, 640), (390, 844), (640, 360), (844, 390), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        seen = page.evaluate(
            "[document.documentElement.scrollWidth, document.querySelector('#answers').scrollWidth"
            " - document.querySelector('#answers').clientWidth, document.querySelector('#stage img').clientHeight]"
        )
        assert seen[0] <= width
        assert seen[1] <= 0
        assert seen[2] >= 0.28 * height, (width, height, seen)
        for name in ("#undo", "#skip"):
            box = page.query_selector(name).bounding_box()
            assert box["y"] + box["height"] <= height
    server.kill()


@pytest.mark.parametrize("width", [390, 1280])
def test_everything_fits_the_screen_and_has_a_name(chromium: Any, server: Server, width: int) -> None:
    page = enter(chromium, server.link)
    page.set_viewport_size({"width": width, "height": 800})
    settle(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for button in page.query_selector_all("button"):
        if button.is_visible():
            box = button.bounding_box()
            assert box["height"] >= 32
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert button.inner_text().strip()
    assert page.get_by_role("button", name="black rot").is_visible()
    assert page.get_by_role("img", name="the picture to label").is_visible()


def test_what_is_measured_survives_a_reload_and_a_guest_is_asked_for_a_name(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, "--annotator", "ann", "--device", "simulator", n=12)
    page = chromium.new_context().new_page()
    page.goto(server.link)
    page.wait_for_selector('#device[data-status="connected"]')
    for done in range(4):
        if done == 2:  # the page's clock begins again at 0
            page.reload()
        settle(page, done)
        time.sleep(1.2)  # until the headset has said something
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
