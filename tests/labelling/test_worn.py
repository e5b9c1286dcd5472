"""The device at the desk: a recording for every sitting, and no trouble with it that stops the labelling."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from scene import make_project

from joryu.labelling import worn as wearing
from joryu.labelling.devices import Recorder, Sample, read_recording
from joryu.labelling.worn import Worn


def until(worn: Worn, status: str) -> None:
    deadline = time.monotonic() + 20
    while worn.state()["status"] != status:
        assert time.monotonic() < deadline, worn.state()
        time.sleep(0.02)


def until_recorded(path: Path, more: int) -> None:
    """Wait until so many more samples have been written than there are now."""
    wanted, deadline = len(read_recording(path).samples) + more, time.monotonic() + 20
    while (found := len(read_recording(path).samples)) < wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_each_sitting_has_a_recording_of_its_own(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    started = time.monotonic()
    with Worn("simulator", project) as worn:
        for session in ("ab12cd34-first", "ab12cd34-second"):
            worn.begin(session)
            until(worn, "connected")
            until_recorded(project.signal_file(session), 51)
        found = worn.window(started, time.monotonic() + 2)
    assert set(found) <= {"attention", "meditation", "heart_rate"}
    first, second = (read_recording(project.signal_file(f"ab12cd34-{name}")) for name in ("first", "second"))
    assert len(first.samples) > 50
    assert len(second.samples) > 50
    assert max(sample.at for sample in first.samples) <= min(sample.at for sample in second.samples)
    assert (first.torn, second.torn) == (0, 0)


def test_going_back_to_a_sitting_goes_on_with_its_recording(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with Worn("simulator", project) as worn:
        for name in ("first", "first", "second", "first"):
            worn.begin(f"ab12cd34-{name}")
            until(worn, "connected")
            until_recorded(project.signal_file(f"ab12cd34-{name}"), 1)
    first, second = (read_recording(project.signal_file(f"ab12cd34-{name}")) for name in ("first", "second"))
    ats = [sample.at for sample in first.samples]
    assert min(ats) < min(sample.at for sample in second.samples) < max(ats)
    assert (first.torn, second.torn) == (0, 0)


def test_a_sitting_that_begins_after_the_device_has_ended_is_closed_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Recorder] = []

    class Kept(Recorder):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(wearing, "Recorder", Kept)
    source = Recorder(tmp_path / "short.bin", "simulator")
    source.take([Sample(1.0, "attention", 53.0)])
    source.close()
    with Worn(f"replay:{tmp_path / 'short.bin'}", make_project(tmp_path)) as worn:
        until(worn, "ended")
        worn.begin("ab12cd34-late")
    (late,) = made
    assert late._file.closed


def test_a_recording_that_cannot_be_written_is_told_and_nothing_else_stops(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    folder = project.signal_file("ab12cd34-first").parent
    with Worn("simulator", project) as worn:
        worn.begin("ab12cd34-first")
        assert worn.state()["trouble"] is None
        project.signal_file("ab12cd34-odd").write_text("a file of somebody else's")
        worn.begin("ab12cd34-odd")
        assert worn.state()["trouble"] == "nothing is recorded: the file of this session is something else"
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        folder.write_text("in the way")
        worn.begin("ab12cd34-second")
        trouble = worn.state()["trouble"]
        assert "nothing is recorded" in trouble
        assert str(tmp_path) not in trouble  # it is shown on the page
        assert worn.window(0.0, 1.0) == {}
    assert folder.read_text() == "in the way"
