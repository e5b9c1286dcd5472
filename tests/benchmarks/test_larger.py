"""The page of a walk through more pictures than memory holds, and the time that a known set takes to load."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.larger import loading
from benchmarks.larger_page import markdown
from picture_files import noise, save


def test_a_known_set_is_timed_without_the_imports(tmp_path: Path) -> None:
    for at in range(4):
        place = tmp_path / "set" / "ab"[at % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{at}.png").write_bytes(save(noise(12, 12, seed=at), "PNG"))
    assert 0 < loading(f"folder:{tmp_path / 'set'}", 8, dict(os.environ), starts=1) < 10


def test_what_was_not_measured_of_a_step_is_a_dash() -> None:
    machine = {"cpu": "c", "cores": "2", "system": "s", "python": "3", "torch": "2"}
    steps = {"index": {"killed_after": 4.5, "seconds": 9.0, "peak_mib": 1234}, "loaded again": {"seconds": 1.25}}
    page = markdown({"machine": machine, "command": "x", "pictures": "p", "folder": {**steps, "made": {"a": "b"}}})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    assert rows[2:] == [["index", "4.5", "9", "1,234"], ["loaded again", "–", "1.25", "–"]]
