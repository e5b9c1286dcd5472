"""What SQLite complains of is one line for whoever can mend it, in a shell and on the page; nothing is lost."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from scene import Page, make_project

from joryu.annotations import Answer, Project, database
from joryu.annotations.storage import DamagedError, StorageError, sqlite_errors
from joryu.cli import main
from joryu.errors import JoryuError


def full(project: Project) -> None:
    """The disk takes no more pages, as SQLite reports it."""
    (pages,) = project.events._connection.execute("PRAGMA page_count").fetchone()
    project.events._connection.execute(f"PRAGMA max_page_count = {pages}")


def space_again(project: Project) -> None:
    project.events._connection.execute("PRAGMA max_page_count = 1000000")


def said(project: Project, at: int) -> Answer:
    return Answer(picture=project.pictures[0].key, annotator="ann" * 500, session=f"s{at}", choice="scab", at=1.0)


def damage(project: Project) -> None:
    for at in range(200):
        project.record(said(project, at), key=f"k{at}")
    project.close()
    path = project.events.path
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("joryu:")]
    return int(stopped.value.code or 0), line


def test_a_full_disk_is_told_and_when_there_is_space_again_it_goes_on(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    full(project)
    with pytest.raises(StorageError, match=r"project/annotations.sqlite cannot be written .* free some space"):
        for at in range(1000):
            project.record(said(project, at), key=f"k{at}")
    kept = len(project.answers())
    space_again(project)
    assert project.record(said(project, -1), key="after").fresh  # no transaction was left open
    assert len(project.answers()) == kept + 1
    project.close()


def test_the_page_keeps_what_a_full_disk_did_not_take(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    shown = page.begin()
    full(page.project)
    answer = page.answer(shown, shown["session"])
    while answer.status_code == 200:
        shown = {**answer.json(), "session": shown["session"]}
        page.post("/api/undo", {"session": shown["session"], "key": page.key()})
        answer = page.answer(shown if shown["task"] else page.begin("ann", shown["session"]), shown["session"])
    assert answer.status_code == 503  # what is refused with 4xx is dropped by the page, this is sent again
    assert "free some space" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
    space_again(page.project)
    assert page.answer(page.begin("ann", shown["session"]), shown["session"]).status_code == 200


def test_a_full_disk_at_the_start_of_a_new_project_is_no_damage_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*args: object, **options: object) -> sqlite3.Connection:
        made = sqlite3.Connection(*args, **options)  # type: ignore[arg-type]
        made.execute("PRAGMA max_page_count = 2")
        return made

    monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(JoryuError, match=r"cannot be written .* free some space") as refused:
        make_project(tmp_path)
    assert "restore" not in str(refused.value)
    assert list((tmp_path / "project").glob("*")) == []
    monkeypatch.undo()
    make_project(tmp_path).close()


@pytest.mark.parametrize("command", ["summary", "export out.csv", "forget ann --yes"])
def test_a_locked_file_is_told_in_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.05)
    project = make_project(tmp_path)
    project.record(Answer(picture=project.pictures[0].key, annotator="ann", session="s", choice="scab"), key="k")
    project.close()
    other = sqlite3.connect(project.events.path)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("DELETE FROM clocks")
    other.commit()
    with suppress(sqlite3.OperationalError):
        other.execute("BEGIN EXCLUSIVE")
    code, line = run(capsys, "annotate", *command.split(), "--project", project.folder)
    other.close()
    assert code == 1
    assert "project/annotations.sqlite is in use by another program" in line
    assert "(received database is locked)" in line


@pytest.mark.parametrize("command", ["summary", "export out.csv", "forget ann --yes"])
def test_a_damaged_file_is_told_in_one_line(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path)
    damage(project)
    code, line = run(capsys, "annotate", *command.split(), "--project", project.folder)
    assert code == 2
    assert "project/annotations.sqlite cannot be read: it is damaged" in line
    assert "restore it from a copy" in line


def test_a_damaged_file_is_told_where_it_is_taught_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path)
    damage(project)
    words = ("--teacher", f"human:{project.folder}", "--examples", f"project:{project.folder}", "--size", "8")
    code, line = run(capsys, "label", *words, "--out", tmp_path / "targets")
    assert (code, "is damaged" in line) == (2, True)


def test_the_page_of_a_damaged_file_drops_no_answer(tmp_path: Path) -> None:
    page = Page(make_project(tmp_path))
    shown = page.begin()
    page.project.events._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with page.project.events.path.open("r+b") as file:
        file.write(b"\xff" * page.project.events.path.stat().st_size)
    page.project.events._connection.execute("PRAGMA shrink_memory")  # what it had read before
    answer = page.answer(shown, shown["session"])
    assert answer.status_code == 503
    assert "cannot be read: it is damaged" in answer.json()["detail"]


def test_what_is_our_own_mistake_is_not_called_damage() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a UNIQUE)")
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError), sqlite_errors(Path("x/y")):
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError), sqlite_errors(Path("x/y")):
        connection.execute("SELECT 1")  # closed


def test_a_file_of_something_else_is_damaged_and_not_lost(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.close()
    project.events.path.write_bytes(b"no database at all, but text" * 100)
    with pytest.raises(DamagedError, match="file is not a database"):
        Project.open(project.folder)
