"""The page in a real browser: nothing lost, nothing doubled, times exact; skipped where there is no Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
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


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def enter(chromium: Any, link: str, *, clock: bool = False, **screen: Any) -> Any:
    """The page after the greeting; complaints of the browser fail the test."""
    page = chromium.new_context(**screen).new_page()
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
    onset = 0.0
    for done in range(3):
        onset = painted(page, after=onset)
        now = page.evaluate("performance.now()")
        page.clock.run_for(742 - round(now - onset))
        page.keyboard.press("1")
        answered(page, done + 1)
    times = [one.timing.rt_ms for one in server.answers()]
    assert times == [pytest.approx(742, abs=0.001)] * 3


def painted(page: Any, *, after: float) -> float:
    """Let the frames of the controlled clock go by until a picture is painted; when that was."""
    for _ in range(100):
        onset = float(page.evaluate("document.body.dataset.onset ?? 0"))
        if onset > after:
            time.sleep(0.25)  # the server has a clock of its own, by which nobody can have seen it yet either
            return onset
        page.clock.run_for(10)
        time.sleep(0.05)
    raise AssertionError("no picture was painted")


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


def test_changing_ones_mind_is_no_second_choice_and_a_phone_can_clear(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, "--severity", "mild,severe", "--second-choice", n=4)
    page = enter(chromium, server.link, **PHONE)
    settle(page, 0)
    before = page.evaluate("document.querySelector('#stage img').clientHeight")
    for key in ("2", "3", "q", "1", "2"):  # a slip, put right; and again when a second choice is asked for
        page.keyboard.press(key)
        assert page.evaluate("document.querySelector('#stage img').clientHeight") == before
    assert page.inner_text("#prompt") == "Could it be something else?"
    page.tap("#enter")
    settle(page, 1)
    page.tap("text=scab")
    page.tap("text=severe")
    page.tap("#clear")
    assert page.query_selector_all('#answers [data-field][aria-pressed="true"]') == []
    for place in ("text=black rot", "text=mild", "#also"):
        page.tap(place)
    page.tap("text=black rot")  # is no second choice of itself
    assert page.inner_text("#prompt") == "black rot is your first choice."
    page.tap("text=healthy")
    settle(page, 2)
    found = [(one.choice, one.severity, one.second, one.timing.n_changes) for one in server.answers()]
    server.kill()
    assert found == [("scab", "mild", None, 3), ("black rot", "mild", "healthy", 1)]
    assert page.complaints == []


def test_a_hint_gives_way_to_the_next_question(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, "--severity", "mild,severe", "--second-choice")
    page = enter(chromium, server.link, clock=True)
    page.clock.run_for(round(painted(page, after=0) + 300 - page.evaluate("performance.now()")))
    page.keyboard.press(" ")
    assert page.inner_text("#prompt") == "First choose what it is."
    page.keyboard.press("2")
    assert page.inner_text("#prompt") == "How severe?"
    page.clock.run_for(2_000)
    assert page.inner_text("#prompt") == "How severe?"
    server.kill()


def test_after_a_dialog_every_key_is_heard_by_the_page(chromium: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.txt").write_text("Look twice.\n" * 200, encoding="utf-8")
    server = Server(tmp_path, "--guidelines", "rules.txt", n=4)
    page = enter(chromium, server.link)
    for done, (opener, key, dialog) in enumerate(
        [("#open-guidelines", "1", "guidelines"), ("#open-help", "2", "help"), ("#open-guidelines", "3", "guidelines")]
    ):
        settle(page, done)
        page.click(opener)
        assert page.evaluate(f"document.getElementById('{dialog}').scrollTop") == 0
        assert page.evaluate("document.activeElement.id") == f"{dialog}-title"
        if done == 1:
            page.keyboard.press("Escape")
        else:
            page.click(f"#{dialog} form button")
        for again in ("Enter", " "):
            page.keyboard.press(again)
            assert page.query_selector("dialog[open]") is None
        page.keyboard.press(key)
        settle(page, done + 1)
    found = [one.choice for one in server.answers()]
    server.kill()
    assert found == ["healthy", "scab", "black rot"]


def test_all_is_done_and_the_last_answer_can_be_taken_back_without_a_keyboard(chromium: Any, tmp_path: Path) -> None:
    server = Server(tmp_path, n=1)
    page = enter(chromium, server.link, **PHONE)
    settle(page, 0)
    page.tap("text=scab")
    page.wait_for_selector("#finished:not([hidden])")
    page.tap("text=Undo my last answer")
    settle(page, 0)
    page.tap("text=healthy")
    page.wait_for_selector("#finished:not([hidden])")
    found = [one.choice for one in server.answers()]
    server.kill()
    assert found == ["healthy"]


KINDS = ("alba", "glabra", "minor", "montana", "nigra", "robur", "rubra", "saccharum", "tartarica", "vulgaris")
TREES = [f"{genus} {kind}" for genus in ("Acer", "Betula", "Quercus", "Älnus") for kind in KINDS]


def test_of_many_classes_one_is_found_by_typing(chromium: Any, tmp_path: Path) -> None:
    options = ["--classes", ",".join(TREES), "--severity", "mild,severe", "--second-choice"]
    server = Server(tmp_path, *options, n=6)
    page = enter(chromium, server.link)
    before = None
    for done, keys in enumerate(
        [
            ["qu", "Enter", "w", "Enter"],
            ["rubra", "3", "q", " ", "aln rob", "Enter"],  # the third of those found; accents need not be typed
            ["tar", "ArrowDown", "Enter", "q", "Enter"],
            ["xyz", "Enter", "Escape", "2", "q", "Enter"],
            ["-"],
        ]
    ):
        settle(page, done)
        for key in keys:
            if len(key) > 1 and key[0].islower():
                page.keyboard.type(key)
            else:
                page.keyboard.press(key)
            height = page.evaluate("document.querySelector('#stage img').clientHeight")
            assert before in (None, height)  # the picture stays where it is while the list changes
            before = height
    settle(page, 5)
    found = [(one.choice, one.severity, one.second) for one in server.answers()]
    server.kill()
    assert found == [
        ("Quercus alba", "severe", None),
        ("Quercus rubra", "mild", "Älnus robur"),
        ("Betula tartarica", "mild", None),
        ("Acer glabra", "mild", None),
        (None, None, None),
    ]
    assert page.complaints == []


CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const own = getComputedStyle(element).backgroundColor;
    return own === "rgba(0, 0, 0, 0)" ? behind(element.parentElement) : own;
  };
  return [...document.querySelectorAll("button, .button, input")].filter((one) => one.offsetParent).map((one) => {
    const pair = [light(getComputedStyle(one).borderTopColor), light(behind(one.parentElement))].sort();
    return [one.textContent.trim(), (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_controls_are_seen_named_and_in_reach_on_a_phone_and_on_a_desk(
    chromium: Any, tmp_path: Path, scheme: Any
) -> None:
    server = Server(tmp_path, *MANY, "--confidence", n=2)
    page = enter(chromium, server.link, color_scheme=scheme, **PHONE)
    settle(page, 0)
    assert page.is_visible("text=ann")
    assert page.is_visible("#severity-caption")
    assert page.is_visible("#confidence-caption")
    assert not any(one.is_visible() for one in page.query_selector_all("kbd"))  # no keyboard to press them on
    for width, height in ((390, 844), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        found = page.evaluate(CONTRASTS)
        assert len(found) > 10
        assert {name: ratio for name, ratio in found if ratio < 3} == {}
        for button in page.query_selector_all("#severities button, #confidences button"):
            box = button.bounding_box()
            assert box["y"] + box["height"] <= height
    page.goto(f"http://127.0.0.1:{server.port}/summary")
    page.wait_for_selector("table")
    assert {name: ratio for name, ratio in page.evaluate(CONTRASTS) if ratio < 3} == {}
    server.kill()


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


@pytest.mark.parametrize("count", [5, 9])
def test_what_is_asked_beside_several_classes_is_in_sight_on_a_phone(chromium: Any, tmp_path: Path, count: int) -> None:
    names = ",".join(f"a disease with a long name {at}" for at in range(count))
    server = Server(tmp_path, "--classes", names, "--severity", "mild,severe", "--confidence", n=2)
    page = enter(chromium, server.link, **PHONE)
    settle(page, 0)
    for width, height in ((390, 844), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        top = page.query_selector(".actions").bounding_box()["y"]
        for group in ("#severities", "#confidences"):
            box = page.query_selector(group).bounding_box()
            assert box["y"] + box["height"] <= top, (width, height, group)
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
            assert box["height"] >= 44
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
