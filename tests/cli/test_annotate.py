"""``joryu annotate`` and its sub-commands, the page itself left out."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from command_line import run
from PIL import Image

from joryu.annotations import Answer, PictureFile, Project, Settings, Timing
from joryu.labelling.pictures import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project of two pictures and two people."""
    for at in range(2):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (100 * at, 0, 0)).save(tmp_path / "pictures" / f"{at}.png")
    files = scan(tmp_path / "pictures").files
    project = Project.create(tmp_path / "project", Settings(classes=("a", "b")), tmp_path / "pictures", files)
    for who in ("ann", "bob"):
        for at, file in enumerate(files):
            said = Answer(picture=file.key, annotator=who, session=f"s-{who}", choice="ab"[at], at=1.0)
            project.record(said, key=f"{who}{at}")
    project.close()
    return tmp_path / "project"


def test_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "annotate", "summary", "--project", folder)
    assert code == 0
    assert "2 of 2 pictures answered: 4 answers" in said
    assert "alpha 1.00" in said
    assert json.loads(run(capsys, "annotate", "summary", "--project", folder, "--json")[1])["answers"] == 4


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.parquet"])
def test_export_and_import_change_nothing(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "annotate", "export", name, "--project", folder)
    assert (code, said) == (0, f"4 answers in {folder / 'exports' / name}\n")
    code, said, _ = run(capsys, "annotate", "import", folder / "exports" / name, "--project", folder)
    assert (code, said) == (0, "0 new answers, 4 known before, 0 older than what holds, 0 left out\n")


def test_what_an_import_leaves_out_is_named_and_listed(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Project.open(folder)
    path = project.pictures[0].path
    project.close()
    table = tmp_path / "theirs.csv"
    wrong = "".join(f"none-{at}.jpg;a;\n" for at in range(30))
    table.write_text(f"path;choice;signal:heart_rate\n{path};a;900\n{wrong}", encoding="utf-8")
    code, said, talked = run(capsys, "annotate", "import", table, "--project", folder, "--json")
    found = json.loads(said)
    assert (code, found["new"], found["left_out"], len(found["what_was_left_out"])) == (0, 1, 30, 30)
    assert found["what_was_left_out"][-1]["where"] == "theirs.csv, line 32 (none-29.jpg)"
    assert [one["where"] for one in found["notes"]] == ["theirs.csv, line 2"]
    assert "note: theirs.csv, line 2: signal:heart_rate cannot be read (expected 0..400" in talked
    assert talked.count("left out theirs.csv") < 30  # a long list is cut
    table.write_text(f"path;choice\n{wrong}".replace("a;\n", "a\n"), encoding="utf-8")
    code, said, talked = run(capsys, "annotate", "import", table, "--project", folder, "--json")
    assert code == 3
    assert "no answer of theirs.csv can be taken" in talked
    assert [json.loads(said)[name] for name in ("new", "left_out")] == [0, 30]
    assert len(json.loads(said)["what_was_left_out"]) == 30


@pytest.mark.parametrize(
    ("typed", "code", "said"), [("n\n", 1, "nothing was deleted"), ("", 130, "--yes does not ask")]
)
def test_forget_deletes_nothing_that_was_not_confirmed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str, code: int, said: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    found, _, err = run(capsys, "annotate", "forget", "ann", "--project", folder)
    assert (found, said in err) == (code, True)
    found, _, err = run(capsys, "annotate", "forget", "cleo", "--project", folder)
    assert (found, "Delete" in err, "nobody called 'cleo'" in err) == (2, False, True)
    project = Project.open(folder)
    assert len(project.answers(annotator="ann")) == 2
    project.close()


def test_help_says_the_short_way(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "annotate", "--help")
    assert (code, "joryu annotate leaves --classes healthy,scab,rust\n" in said) == (0, True)


def test_forget_asks_first(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run(capsys, "annotate", "forget", "ann", "--project", folder)[0] == 130
    code, said, _ = run(capsys, "annotate", "forget", "ann", "--project", folder, "--yes")
    assert (code, said) == (0, "forgot ann: 2 answers, 0 recordings, 0 exports deleted\n")
    project = Project.open(folder)
    assert {one.annotator for one in project.answers()} == {"bob"}
    project.close()


def test_the_next_start_changes_what_it_says_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr("joryu.labelling.serve.serve", lambda *_, **__: None)

    def asked(*words: str) -> Settings:
        assert run(capsys, "annotate", "pictures", "--project", "new", *words)[0] == 0
        project = Project.open(Path("new"))
        project.close()
        return project.settings

    first = asked(
        "--classes", "a,b", "--severity", "mild,severe", "--second-choice", "--confidence", "--nearest", "b=a"
    )
    assert first == Settings(
        classes=("a", "b"), severities=("mild", "severe"), second_choice=True,
        confidences=("unsure", "fairly sure", "sure"), nearest={"b": "a"},
    )  # fmt: skip
    assert asked() == first
    assert asked("--overlap", "2") == first.model_copy(update={"overlap": 2})
    assert asked("--classes", "a,b", "--repeats", "0") == first.model_copy(update={"overlap": 2, "repeats": 0.0})
    last = asked("--severity", "", "--confidence-levels", "no,yes")
    assert (last.severities, last.confidences, last.overlap) == ((), ("no", "yes"), 2)


def test_classes_can_be_added_and_answers_stay(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr("joryu.labelling.serve.serve", lambda *_, **__: None)
    told = ["label", "--teacher", "human:project", "--examples", "project:project", "--size", "8"]
    assert run(capsys, *told, "--out", "old")[0] == 0
    before = Project.open(folder).answers()
    code, _, talked = run(capsys, "annotate", "pictures", "--project", "project", "--classes", 'c,b,"d, e",a')
    assert code == 0
    assert 'new classes, after the others: c,"d, e"; the 4 answers from before stay as they are' in talked
    project = Project.open(folder)
    assert project.settings.classes == ("a", "b", "c", "d, e")  # what had a key keeps it
    assert project.answers() == before
    project.record(Answer(picture=before[0].picture, annotator="cleo", session="s", choice="d, e", at=2.0), key="new")
    project.close()
    code, _, talked = run(capsys, *told, "--out", "old")
    assert (code, "2 classes; received 4" in talked) == (3, True)
    assert 'c,"d, e" came after them: label into another folder' in talked
    assert run(capsys, *told, "--out", "new")[0] == 0
    code, _, talked = run(capsys, "annotate", "pictures", "--project", "project", "--classes", "a,b,c")
    assert (code, "asks for other classes" in talked) == (3, True)


def test_answers_that_came_too_soon_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["label", "--teacher", f"human:{folder}", "--examples", f"project:{folder}", "--size", "8", "--out"]
    assert "not measured" not in run(capsys, *told, folder.parent / "t1")[2]
    project = Project.open(folder)
    for at, rt_ms in enumerate((40.0, 900.0)):
        said = Answer(
            picture=project.pictures[at].key, annotator="cy", session="s", choice="a", timing=Timing(rt_ms=rt_ms)
        )
        project.record(said, key=f"cy{at}")
    project.close()
    talked = run(capsys, *told, folder.parent / "t2")[2]
    assert "1 of 6 answers came less than 200 ms after the picture" in talked


def test_names_with_commas_are_quoted_or_stand_in_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr("joryu.labelling.serve.serve", lambda *_, **__: None)
    (folder.parent / "names.txt").write_text("healthy\nrust, brown\n", encoding="utf-8")
    nearest = ("--severity", '"mild, or so",severe', "--nearest", '"rust, brown=healthy"')
    for number, classes in enumerate(("names.txt", 'healthy,"rust, brown"')):
        place = f"new-{number}"
        assert run(capsys, "annotate", "pictures", "--project", place, "--classes", classes, *nearest)[0] == 0
        project = Project.open(Path(place))
        assert project.settings.classes == ("healthy", "rust, brown")
        assert project.settings.severities == ("mild, or so", "severe")
        assert project.settings.nearest == {"rust, brown": "healthy"}
        said = Answer(picture=project.pictures[0].key, annotator="x", session="s", choice="rust, brown", at=1.0)
        project.record(said, key="1")
        project.close()
        for name in ("out.csv", "out.json", "out.parquet"):
            assert run(capsys, "annotate", "export", name, "--project", place)[0] == 0
            other = Project.create(Path(f"{place}-{name}"), project.settings, project.pictures_root, picture_of(said))
            other.close()
            out = run(capsys, "annotate", "import", Path(place) / "exports" / name, "--project", f"{place}-{name}")
            assert (out[0], out[1][:13]) == (0, "1 new answer,")
    code, _, talked = run(capsys, "annotate", "pictures", "--project", "new-3", "--classes", 'a,"b')
    assert (code, "these names cannot be told apart" in talked) == (2, True)


def picture_of(answer: Answer) -> list[PictureFile]:
    return [PictureFile(answer.picture, "0.png")]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("nowhere --classes a,b", 2, "no folder of pictures at nowhere"),
        ("start pictures", 2, "is a new project"),
        ("pictures --classes a", 2, "classes is not usable (expected at least 2"),
        ("pictures --classes a,b --nearest a=a", 2, "from a class to itself"),
        ("pictures --classes a,b --without-severity c", 2, "without_severity names no class"),
        ("pictures --classes a,b --annotator a@b.de", 2, "pseudonym is not usable"),
        ("pictures --classes a,b --project project --nearest a=b --classes x,y", 3, "asks for other classes"),
        ("pictures --classes a,b --project project --severity mild --classes a,c", 3, "asks for other classes"),
        ("project --classes a,b --project project", 3, "about other pictures"),
        ("pictures --classes a,b --host 0.0.0.0", 2, "would be open to everybody"),
        ("pictures --classes a,b --device simulater", 2, "did you mean simulator"),
        ("pictures --classes a,b --guidelines none.txt", 2, "cannot read the guidelines"),
        ("summary --project nowhere", 2, "no labelling project at nowhere"),
        ("forget cleo --project project --yes", 2, "nobody called 'cleo'"),
        ("export ../out.csv --project project", 2, "out.csv"),
        ("export out.doc --project project", 2, ".csv"),
        ("import none.csv --project project", 2, "none.csv"),
    ],
)
def test_a_mistake_gets_one_helpful_line(
    folder: Path, words: str, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    found, out, err = run(capsys, "annotate", *words.split())
    assert (found, out) == (code, ""), err
    lines = [line for line in err.splitlines() if line.startswith("joryu:")]
    assert len(lines) == 1, err
    assert said in lines[0]
    assert "Traceback" not in err
    assert not Path("pictures-annotations").exists()  # nothing was begun


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_picture_whose_name_is_no_text_is_left_out_by_name(tmp_path: Path) -> None:
    for name in (b"a.png", b"\x83\x8d.png"):  # as an archive from another system unpacks
        path = tmp_path / os.fsdecode(name)
        Image.new("RGB", (8, 8)).save(path)
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["a.png"]
    assert found.rejected == [("\ufffd\ufffd.png", "its name is not valid UTF-8: rename it")]
