"""The page in a real browser: what is seen, and what keys and touches do; skipped where there is no Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browsing import IN_A_BROWSER, PHONE, Server, enter, painted, settle

pytestmark = IN_A_BROWSER


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
