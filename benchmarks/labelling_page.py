"""Many labels through the real page: ``python -m benchmarks.labelling_page --labels 1000 --per-second 3``.

Starts ``joryu annotate`` on made-up pictures, drives it by keyboard in headless Chromium at the given speed, and counts
what arrived: every label once, in order, with the key that was pressed. Exit code 1 if one is lost, doubled or another.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from joryu.annotations import Project

CLASSES = ("healthy", "scab", "black rot")


def paint(root: Path, n: int) -> None:
    """Pictures of noise, all different."""
    root.mkdir()
    generator = np.random.default_rng(0)
    for at in range(n):
        Image.fromarray(generator.integers(0, 256, (96, 96, 3), dtype=np.uint8)).save(root / f"{at:05d}.png")


def drive(link: str, labels: int, per_second: float) -> list[float]:
    """Press a key for every picture; milliseconds by which each came later than the pace."""
    from playwright.sync_api import sync_playwright

    late = []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        page.fill("#pseudonym", "bench")
        page.keyboard.press("Enter")
        start = time.monotonic() + 1
        for at in range(labels):
            due = start + at / per_second
            time.sleep(max(0.0, due - time.monotonic()))
            while not _ready(page, at):
                time.sleep(0.002)
            late.append(max(0.0, time.monotonic() - due) * 1000)
            page.keyboard.press(str(at % len(CLASSES) + 1))
        page.wait_for_selector("#finished:not([hidden])", timeout=60_000)
        browser.close()
    return late


def _ready(page: Any, at: int) -> bool:
    expression = "[document.body.dataset.ready, document.getElementById('count').textContent]"
    ready, count = page.evaluate(expression)
    return ready == "yes" and count.startswith(f"{at} /")


def main() -> int:
    """Run it; 0 when every label arrived once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--per-second", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        paint(folder / "pictures", options.labels)
        words = ["annotate", "pictures", "--classes", ",".join(CLASSES), "--repeats", "0", "--project", "project"]
        command = [sys.executable, "-m", "joryu", *words, "--no-browser"]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as server:
            said = server.stderr or ()
            link = next(found[0] for line in said if (found := re.search(r"http://\S+", line)))
            late = drive(link, options.labels, options.per_second)
            server.terminate()
        project = Project.open(folder / "project")
        answers = project.answers()
        events = project.events.n_events()
        project.close()
    expected = [CLASSES[at % len(CLASSES)] for at in range(options.labels)]
    right = [one.choice for one in answers] == expected and len({one.picture for one in answers}) == options.labels
    print(
        f"{options.labels} labels at {options.per_second:g} a second: {len(answers)} arrived, "
        f"{events - len(answers)} doubled, {'all' if right else 'NOT all'} as pressed; "
        f"late by {np.median(late):.0f} ms (median), {np.max(late):.0f} ms (most)"
    )
    return 0 if right and events == options.labels else 1


if __name__ == "__main__":
    sys.exit(main())
