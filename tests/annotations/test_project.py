"""The project on disk: what is acknowledged stays, once; what is forgotten is gone."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from joryu.annotations import Answer, PictureFile, Project, Settings, Timing
from joryu.annotations.storage import DamagedError, StorageError
from joryu.errors import InputError, MismatchError

SETTINGS = Settings(
    classes=("healthy", "black rot", "mildew"), severities=("mild", "severe"), confidences=("unsure", "sure"),
    second_choice=True,
)  # fmt: skip
PICTURES = [PictureFile("aa", "a.jpg"), PictureFile("bb", "deep/b.jpg"), PictureFile("bb", "copy of b.jpg")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "roses", SETTINGS, tmp_path, PICTURES)


def answer(picture: str = "aa", choice: str | None = "healthy", **more: object) -> Answer:
    named: dict[str, object] = {"annotator": "ann", "session": "s1", "at": 5.0, **more}
    return Answer(picture=picture, choice=choice, **named)  # type: ignore[arg-type]


FULL = answer(
    "bb", "mildew", severity="severe", second="healthy", confidence="sure", showing=1, signals={"attention": 61.5},
    timing=Timing(rt_ms=742.125, first_key_ms=500.0, hidden_ms=0.0, n_changes=2, trial=7),
)  # fmt: skip


def test_a_project_comes_back_as_it_was(project: Project, tmp_path: Path) -> None:
    project.record(FULL, key="k")
    project.close()
    again = Project.open(tmp_path / "roses")
    assert again.settings == SETTINGS
    assert again.pictures_root == tmp_path
    assert again.pictures == tuple(sorted(PICTURES, key=lambda one: one.path))
    assert again.answers() == [FULL]


def test_a_request_that_is_sent_again_labels_once(project: Project) -> None:
    first = project.record(answer(), key="k")
    again = project.record(answer(choice="mildew"), key="k")
    assert (first.fresh, again.fresh, again.event) == (True, False, first.event)
    assert [one.choice for one in project.answers()] == ["healthy"]
    with pytest.raises(InputError, match="used for something else"):
        project.record(answer(annotator="bob"), key="k")


def test_the_latest_answer_to_a_showing_counts_and_repeats_stand_beside_it(project: Project) -> None:
    for at, one in enumerate([answer(), answer(choice="mildew"), answer(showing=1), answer(annotator="bob")]):
        project.record(one, key=str(at))
    found = [(one.annotator, one.showing, one.choice) for one in project.answers()]
    assert found == [("ann", 0, "mildew"), ("ann", 1, "healthy"), ("bob", 0, "healthy")]
    assert [one.annotator for one in project.answers(annotator="bob")] == ["bob"]


def test_undoing_takes_back_the_last_of_ones_own_step_by_step(project: Project) -> None:
    for key, one in (("1", answer()), ("2", answer("bb", None)), ("3", answer(annotator="bob"))):
        project.record(one, key=key)
    undone = project.undo("ann", "s1", key="u1")
    assert undone is not None
    assert undone.skipped
    assert project.undo("ann", "s1", key="u1") == undone  # the same request again undoes no more
    assert [(one.annotator, one.picture) for one in project.answers()] == [("ann", "aa"), ("bob", "aa")]
    assert project.undo("ann", "s1", key="u2") is not None
    assert project.undo("ann", "s1", key="u3") is None
    assert [one.annotator for one in project.answers()] == ["bob"]
    project.record(answer(choice="mildew"), key="4")
    assert project.answers(annotator="ann")[0].choice == "mildew"
    assert project.events.n_events() == 6  # nothing was ever taken out of the file


def test_undoing_a_change_of_mind_brings_the_first_answer_back(project: Project) -> None:
    project.record(answer(), key="1")
    project.record(answer(choice="mildew"), key="2")
    project.undo("ann", "s1", key="u")
    assert [one.choice for one in project.answers()] == ["healthy"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"choice": "rust"}, "class is not asked for"),
        ({"second": "rust"}, "second choice is not asked for"),
        ({"second": "healthy"}, "second choice is the first"),
        ({"severity": "fatal"}, "severity is not asked for"),
        ({"confidence": "87 %"}, "confidence is not asked for"),
    ],
)
def test_answers_that_were_not_asked_for_are_refused(project: Project, wrong: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        project.record(replace(answer(), **wrong), key="k")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=said):
        project.import_answers([answer("bb"), replace(answer(), **wrong)])  # type: ignore[arg-type]
    assert project.answers() == []


def test_importing_twice_adds_nothing_and_an_undone_import_stays_undone(project: Project) -> None:
    assert project.import_answers([FULL, answer()]) == 2
    assert project.import_answers([FULL, answer()]) == 0
    assert project.answers() == [FULL, answer()]
    project.undo("ann", "s1", key="u")
    assert project.import_answers([FULL, answer()]) == 0
    assert project.answers() == [FULL]


def test_forgetting_leaves_no_byte(project: Project) -> None:
    who = "pseudonym-4711"
    project.events.begin_session("quiet-session-99", who)
    project.events.note_clock("quiet-session-99", offset_ms=1.5, round_trip_ms=0.5)
    for at in range(50):
        project.record(answer(annotator=who, session="loud-session-77", at=float(at)), key=f"{who}-{at}")
    project.undo(who, "loud-session-77", key=f"{who}-undo")
    project.record(answer(), key="other")
    for session in ("quiet-session-99", "loud-session-77", "s1"):
        project.signal_file(session).write_bytes(b"\xaa\xaa")
    (project.folder / "exports").mkdir()
    (project.folder / "exports" / "all.csv").write_text(who)
    (project.folder / "exports" / ".all.csv.partial").write_text(who)  # of an export that was killed
    (project.folder / "exports" / "deep").mkdir()
    (project.folder / "exports" / "deep" / "all.csv").write_text(who)
    elsewhere = project.folder.parent / "elsewhere"
    elsewhere.mkdir()
    (project.folder / "exports" / "link").symlink_to(elsewhere)
    forgotten = project.forget(who)
    assert forgotten == (50, 2, 4)
    assert list((project.folder / "exports").iterdir()) == []
    assert elsewhere.is_dir()
    assert project.answers() == [answer()]
    assert project.signal_file("s1").exists()
    project.close()
    for path in project.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(word in content for word in (b"pseudonym-4711", b"loud-session-77", b"quiet-session-99"))
    with pytest.raises(InputError, match="nobody called"):
        Project.open(project.folder).forget(who)


def test_what_was_measured_is_for_this_user_alone(project: Project) -> None:
    project.record(FULL, key="k")
    files = list(project.folder.glob("annotations.sqlite*"))
    assert {file.name for file in files} >= {"annotations.sqlite", "annotations.sqlite-wal"}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_clocks_are_kept_by_session(project: Project) -> None:
    project.events.begin_session("s1", "ann", "simulator")
    project.events.begin_session("s1", "ann", "simulator")
    for offset in (1.5, -2.0):
        project.events.note_clock("s1", offset_ms=offset, round_trip_ms=0.25)
    assert [row[1:] for row in project.events.clocks("s1")] == [(1.5, 0.25), (-2.0, 0.25)]
    assert project.events.sessions("ann") == ["s1"]


def test_many_threads_lose_and_double_nothing(project: Project) -> None:
    def work(name: str) -> None:
        for at in range(40):
            project.record(answer(annotator=name, showing=at), key=f"{name}-{at}")
            project.record(answer(annotator=name, showing=at), key=f"{name}-{at}")

    threads = [threading.Thread(target=work, args=(f"a{number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(project.answers()) == project.events.n_events() == 200


_WRITER = """
import sys
from pathlib import Path
from joryu.annotations import Answer, Project
project = Project.open(Path(sys.argv[1]))
for at in range(100_000):
    project.record(Answer(picture="aa", annotator="ann", session="s", choice="healthy", showing=at), key=str(at))
    print(at, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 23])
def test_kill_9_loses_nothing_that_was_acknowledged(project: Project, acknowledged: int) -> None:
    project.close()
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(project.folder)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    last = -1
    while last < acknowledged:
        last = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    said = [last, *(int(line) for line in writer.stdout.read().split())]
    writer.wait()
    writer.stdout.close()
    showings = [one.showing for one in Project.open(project.folder).answers()]
    assert showings == list(range(len(showings)))
    assert len(showings) in (said[-1] + 1, said[-1] + 2)  # at most one more was written and not yet said


def test_settings_may_change_but_not_the_ground_under_answers(project: Project) -> None:
    project.record(FULL, key="k")
    project.change(SETTINGS.model_copy(update={"guidelines": "look twice", "overlap": 3}))
    assert Project.open(project.folder).settings.overlap == 3
    for other in (("healthy", "rust"), SETTINGS.classes[::-1], (*SETTINGS.classes[1:], "rust")):
        with pytest.raises(MismatchError, match="asks for other classes"):
            project.change(Settings(classes=other))
    with pytest.raises(MismatchError, match=r"severities that would be gone .expected severe"):
        project.change(SETTINGS.model_copy(update={"severities": ()}))
    with pytest.raises(MismatchError, match="confidence levels that would be gone"):
        project.change(SETTINGS.model_copy(update={"confidences": ("certain",)}))
    before = project.answers()
    project.change(SETTINGS.model_copy(update={"classes": (*SETTINGS.classes, "rust")}))
    assert Project.open(project.folder).answers() == before


def test_a_project_that_was_never_finished_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "roses"
    folder.mkdir()
    (folder / "annotations.sqlite").touch()
    assert Project.create(folder, SETTINGS, tmp_path, PICTURES).answers() == []
    with pytest.raises(InputError, match="there is a project already"):
        Project.create(folder, SETTINGS, tmp_path, PICTURES)
    with pytest.raises(InputError, match="no picture in"):
        Project.create(tmp_path / "empty", SETTINGS, tmp_path, [])


def test_a_file_is_no_place_for_a_project(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("my only copy")
    with pytest.raises(InputError, match="thesis is a file"):
        Project.create(tmp_path / "thesis", Settings(classes=("a", "b")), tmp_path, [PictureFile("k", "1.jpg")])
    assert (tmp_path / "thesis").read_text() == "my only copy"


def test_what_a_project_lacks_is_said_in_words(tmp_path: Path) -> None:
    project = Project.create(tmp_path / "roses", Settings(classes=("a", "rust, brown")), tmp_path, PICTURES)
    with pytest.raises(MismatchError, match=r'expected a, "rust, brown" and any new ones after them; received a, b\)'):
        project.change(Settings(classes=("a", "b")))
    with pytest.raises(
        InputError, match=r"nobody called 'ann' annotated in .*roses \(received no answers by anybody\)"
    ):
        project.forget("ann")
    project.close()


def test_answers_whose_project_file_is_lost_are_not_deleted_by_beginning_anew(project: Project, tmp_path: Path) -> None:
    project.record(answer(), key="key")
    file = project.folder / "project.json"
    kept = file.read_bytes()
    project.close()
    file.unlink()
    with pytest.raises(InputError, match=r"holds answers of a project whose project.json is gone .* restore"):
        Project.create(project.folder, SETTINGS, tmp_path, PICTURES)
    file.write_bytes(kept)
    opened = Project.open(project.folder)
    assert len(opened.answers()) == 1
    opened.close()


def test_a_project_that_never_began_is_begun_anew_and_an_emptied_one_is_told(project: Project, tmp_path: Path) -> None:
    def remade(*statements: str) -> None:
        for leftover in project.folder.glob("annotations.sqlite*"):
            leftover.unlink()
        connection = sqlite3.connect(project.folder / "annotations.sqlite")
        for statement in statements:
            connection.execute(statement)
        connection.close()

    project.close()
    remade()
    with pytest.raises(DamagedError, match=r"is empty .*; restore it from a copy"):
        Project.open(project.folder)
    remade("CREATE TABLE anothers (a)")
    with pytest.raises(DamagedError, match=r"is no file of annotations; restore it from a copy"):
        Project.open(project.folder)
    (project.folder / "project.json").unlink()
    with pytest.raises(DamagedError, match="is no file of annotations"):  # and is not deleted
        Project.create(project.folder, SETTINGS, tmp_path, PICTURES)
    remade()
    Project.create(project.folder, SETTINGS, tmp_path, PICTURES).close()


def test_folders_that_are_no_project_are_told_apart(project: Project, tmp_path: Path) -> None:
    project.close()
    with pytest.raises(InputError, match=r"no labelling project at .*no such folder"):
        Project.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a folder without it"):
        Project.open(tmp_path)
    path = project.folder / "project.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"schema_version": 9}))
    with pytest.raises(MismatchError, match="schema 9"):
        Project.open(project.folder)
    path.write_text("{")
    with pytest.raises(InputError, match="is not a project"):
        Project.open(project.folder)
    path.write_text(json.dumps(content))
    events = project.folder / "annotations.sqlite"
    with sqlite3.connect(events) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(MismatchError, match="schema 7"):
        Project.open(project.folder)
    for leftover in project.folder.glob("annotations.sqlite*"):
        leftover.unlink()
    events.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="cannot be read"):
        Project.open(project.folder)
    events.unlink()
    with pytest.raises(InputError, match="no annotations at"):
        Project.open(project.folder)


@pytest.mark.parametrize(
    "wrong",
    [{"settings": None}, {"settings": []}, {"settings": "x"}, {"settings": 3}, {"settings": {}}, {"pictures": 5},
     {"pictures": None}, {"pictures_from_here": 5}, {"pictures_from_here": {}}, {"settings": {"classes": 3}}],
    ids=str,
)  # fmt: skip
def test_a_project_file_that_somebody_changed_is_refused_in_one_line(
    project: Project, wrong: dict[str, object]
) -> None:
    project.close()
    path = project.folder / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(InputError) as refused:
        Project.open(project.folder)
    assert "\n" not in str(refused.value)


def test_a_place_where_no_folder_can_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("my only copy")
    with pytest.raises(StorageError, match=r"cannot make the folder .*thesis/roses .*received Not a directory"):
        Project.create(tmp_path / "thesis" / "roses", SETTINGS, tmp_path, PICTURES)
    assert (tmp_path / "thesis").read_text() == "my only copy"


def test_project_and_pictures_that_were_moved_together_are_found(tmp_path: Path) -> None:
    (tmp_path / "old" / "the pictures").mkdir(parents=True)
    Project.create(tmp_path / "old" / "roses", SETTINGS, tmp_path / "old" / "the pictures", PICTURES).close()
    (tmp_path / "old").rename(tmp_path / "new")
    opened = Project.open(tmp_path / "new" / "roses")
    assert opened.pictures_root == tmp_path / "new" / "the pictures"
    opened.close()


def test_pictures_are_known_by_their_content_in_whatever_folder(project: Project, tmp_path: Path) -> None:
    project.record(answer("bb"), key="k")
    elsewhere = [PictureFile("bb", "renamed.jpg"), PictureFile("cc", "new.jpg")]
    assert project.set_pictures(elsewhere) == (1, 1, 1, ("a.jpg",), 0)
    assert project.set_pictures([PictureFile("cc", "new.jpg")]) == (1, 0, 0, ("renamed.jpg",), 1)
    assert [one.picture for one in project.answers()] == ["bb"], "kept for the return of its picture"
    with pytest.raises(MismatchError, match=r"holds none of the pictures .*received 1 others"):
        project.attach(tmp_path / "x", [PictureFile("cc", "new.jpg")])
    (tmp_path / "x").mkdir()
    assert project.attach(tmp_path / "x", elsewhere) == (1, 0, 1, (), 0)
    assert Project.open(project.folder).pictures_root == tmp_path / "x"


def test_a_key_that_was_used_for_something_else_undoes_nothing(project: Project) -> None:
    project.record(answer(), key="k")
    project.record(answer(annotator="bob"), key="b")
    project.undo("ann", "s1", key="u")
    for who, key in (("bob", "k"), ("ann", "b"), ("bob", "b"), ("bob", "u")):
        with pytest.raises(InputError, match="used for something else"):
            project.undo(who, "s1", key=key)
    assert [one.annotator for one in project.answers()] == ["bob"]
