"""The labelling page in a real browser, for the tests that walk it: a server of its own, and Chromium."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scene import paint

from joryu.annotations import Answer, Project

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_A_BROWSER = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]


class Server:
    """``joryu annotate`` in a process of its own."""

    def __init__(self, folder: Path, *options: str, n: int = 30) -> None:
        self.folder, self.options = folder, options
        if not (folder / "pictures").exists():
            paint(folder / "pictures", n)
        self.link = self.start()

    def start(self, port: str = "0") -> str:
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
        # One of its own: the usual one may be taken by the tests of another process, just when this server was killed.
        command += ["--port", port]
        deadline = time.monotonic() + 60
        while True:
            self.process = subprocess.Popen(command, cwd=self.folder, stderr=subprocess.PIPE, text=True)
            assert self.process.stderr is not None
            said = ""
            for line in self.process.stderr:
                if found := re.search(r"http://127\.0\.0\.1:(\d+)/\S+", line):
                    self.port = found[1]
                    return found[0]
                said += line
            self.kill()
            # Where a killed server was, a connection of somebody else may begin; it does not last.
            assert "cannot listen" in said and time.monotonic() < deadline, said

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
    if clock:  # before there is a picture: the clock leaps to this hour, and one already painted would be an hour old
        page.clock.pause_at(datetime(2026, 1, 1, 13, tzinfo=UTC))
    page.keyboard.press("Enter")
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


def painted(page: Any, *, after: float) -> float:
    """Let the frames of the controlled clock go by until a picture is painted; when that was."""
    deadline = time.monotonic() + 20
    while (onset := float(page.evaluate("document.body.dataset.onset ?? 0"))) <= after:
        assert time.monotonic() < deadline, "no picture was painted"
        page.clock.run_for(10)
        time.sleep(0.05)
    time.sleep(0.25)  # the server has a clock of its own, by which nobody can have seen it yet either
    return onset
