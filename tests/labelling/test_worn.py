"""The device at the desk: a disk that takes no recording does not stop the labelling."""

from __future__ import annotations

from pathlib import Path

from scene import make_project

from joryu.labelling.worn import Worn


def test_a_recording_that_cannot_be_written_is_told_and_nothing_else_stops(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    folder = project.signal_file("ab12cd34-first").parent
    with Worn("simulator", project) as worn:
        worn.begin("ab12cd34-first")
        assert worn.state()["trouble"] is None
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        folder.write_text("in the way")
        worn.begin("ab12cd34-second")
        assert "nothing is recorded" in worn.state()["trouble"]
        assert worn.window(0.0, 1.0) == {}
    assert folder.read_text() == "in the way"
