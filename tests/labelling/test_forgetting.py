"""Forgetting somebody: beside a page that is served, on a full disk, killed half-way; all of it or nothing."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from scene import Page, make_project

from joryu.annotations import Answer, Project
from joryu.labelling.devices import read_recording
from joryu.labelling.worn import Worn

SESSION = "session-0123456789"


def forget_elsewhere(project: Project, name: str = "ann") -> None:
    other = Project.open(project.folder)  # as joryu annotate forget does, in a process of its own
    other.forget(name)
    other.close()


def until_recorded(path: Path, after: float) -> None:
    deadline = time.monotonic() + 20
    while not (path.exists() and any(sample.at > after for sample in read_recording(path).samples)):
        assert time.monotonic() < deadline, path.exists()
        time.sleep(0.05)


def test_what_is_measured_after_a_forgetting_is_kept(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    path = project.signal_file(SESSION)
    with Worn("simulator", project) as worn:
        page = Page(project, worn=worn, device="simulator")
        page.begin("ann", SESSION)
        until_recorded(path, 0.0)
        before = read_recording(path).samples
        forget_elsewhere(project)
        assert not path.exists()
        forgotten = time.monotonic()
        page.post("/api/device", {"session": SESSION})  # the page that stays open asks every second
        until_recorded(path, forgotten)
        assert min(sample.at for sample in read_recording(path).samples) > max(sample.at for sample in before)
    # And it is found again by whoever is to be forgotten again.
    assert project.forget("ann").signal_files == 1
    assert not path.exists()


def test_every_page_of_whoever_was_forgotten_is_told_and_goes_on(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    bob, ann = page.begin("bob"), page.begin("ann")
    for shown in (ann, bob):
        page.answer(shown, shown["session"])
    forget_elsewhere(page.project)
    # Bob's page is the first to notice, which must not hide it from ann's.
    shown = page.answer(page.begin("bob", bob["session"]), bob["session"]).json()
    assert (shown["done"], shown["notice"]) == (2, None)
    shown = page.answer(ann, ann["session"]).json()
    assert shown["done"] == 1
    assert "was deleted meanwhile" in shown["notice"]
    assert page.answer(shown, ann["session"]).json()["notice"] is None
    again = Page(Project.open(page.project.folder))
    body = {"session": ann["session"], "key": "key-from-before"}
    assert again.post("/api/undo", body).status_code == 200  # the session is known on the disk too


def test_a_name_that_another_took_after_a_forgetting_is_theirs(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    first, second = page.guest(1), page.guest(2)
    shown = page.begin("mei", by=first)
    forget_elsewhere(page.project, "mei")
    page.begin("mei", by=second)
    body = {"session": shown["session"], "key": "key-of-the-first", **shown["task"], "choice": "scab"}
    assert page.post("/api/answers", body, by=first).status_code == 403
    assert page.project.answers() == []


def fill(project: Project, n: int) -> Path:
    said = [
        (
            Answer(picture=f"p{at}", annotator="ann", session=SESSION, choice="scab", signals={"x": 1.0}, at=1.0),
            f"k{at}",
        )
        for at in range(n)
    ]
    project.events.record_all(said)
    recording = project.signal_file(SESSION)
    recording.write_bytes(b"raw")
    return recording


def test_on_a_full_disk_it_fails_whole_and_in_one_line(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    recording = fill(project, 2000)
    project.close()

    def no_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # the log of so many deletions is longer

    command = [sys.executable, "-m", "joryu", "annotate", "forget", "ann", "--yes", "--project", "project"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, preexec_fn=no_space, timeout=120, check=False
    )
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("joryu: project/annotations.sqlite cannot be")
    again = Project.open(project.folder)
    assert len(again.answers()) == 2000
    assert recording.exists()
    assert again.forget("ann") == (2000, 1, 0)
    again.close()


def test_what_a_kill_left_half_done_is_finished_by_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    recording = fill(project, 3)
    export = project.folder / "exports" / "answers.csv"
    export.parent.mkdir()
    export.write_text("mei")
    monkeypatch.setattr(Path, "unlink", lambda self, **_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        project.forget("ann")
    monkeypatch.undo()
    project.close()
    assert recording.exists()
    again = Project.open(project.folder)
    assert again.answers() == []
    assert not recording.exists()
    assert not export.exists()
    assert again.events.doomed() == []
    again.close()


def test_no_byte_stays_where_there_is_no_space_to_make_the_file_smaller(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    told = Answer(picture="p", annotator="unforgettable", session=SESSION, choice="scab", at=1.0)
    project.events.record_all([(told, f"k{at}") for at in range(500)])
    path = project.events.path

    class Full:
        """A connection to a file on a disk that has no space for another one."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self._connection = connection

        def execute(self, words: str, values: Any = ()) -> sqlite3.Cursor:
            if words == "VACUUM":
                raise sqlite3.OperationalError("database or disk is full")
            return self._connection.execute(words, values)

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

    project.events._connection = Full(project.events._connection)  # type: ignore[assignment]
    assert project.forget("unforgettable").events == 500
    for file in path.parent.glob("annotations.sqlite*"):
        assert b"unforgettable" not in file.read_bytes(), file
    project.close()


def test_a_project_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    begun = Page(project).begin("ann")
    for table in ("browsers", "doomed"):
        project.events._connection.execute(f"DROP TABLE {table}")
    project.close()
    with suppress(FileNotFoundError):
        (project.folder / "signals").rmdir()
    again = Page(Project.open(project.folder))
    assert again.begin("ann", begun["session"])["done"] == 0
    assert again.project.forget("ann").events == 0


@pytest.mark.parametrize("hidden", [False, True])
def test_the_values_of_a_device_are_hidden_from_whoever_labels_where_that_is_asked(
    tmp_path: Path, hidden: bool
) -> None:
    with Worn("simulator:seed=1", project := make_project(tmp_path)) as worn:
        page = Page(project, worn=worn, device="simulator", hide_signals=hidden)
        session = page.begin("ann")["session"]
        until_recorded(project.signal_file(session), 0.0)
        deadline = time.monotonic() + 20
        while worn.state()["heart_rate"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        seen = page.post("/api/device", {"session": session}).json()["device"]
    assert seen["status"] == "connected"
    assert seen["poor_signal"] is not None  # whether it sits well is told all the same
    assert (seen["heart_rate"] is None, not seen["bands"]) == (hidden, hidden)
