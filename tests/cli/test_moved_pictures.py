"""Pictures that were moved, renamed or lost between two starts: found by content, and what is not is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from joryu.annotations import Answer, Project, Settings
from joryu.cli import main
from joryu.errors import InputError, MismatchError
from joryu.examples import index as indexing
from joryu.examples import load_examples
from joryu.labelling import pictures as looking
from joryu.labelling.pictures import scan

N = 6


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("joryu.labelling.serve.serve", lambda *_, **__: None)
    monkeypatch.setattr(indexing, "FRESH_NS", 0)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "leaves"
    for at in range(N):
        (folder / "in").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (40 * at, 0, 0)).save(folder / "in" / f"{at}.png")
    return folder


@pytest.fixture
def project(pictures: Path, tmp_path: Path) -> Path:
    """Four of the six pictures are answered."""
    folder = tmp_path / "leaves-annotations"
    made = Project.create(folder, Settings(classes=("a", "b")), pictures, scan(pictures).files)
    for at, file in enumerate(made.pictures[:4]):
        answer = Answer(picture=file.key, annotator="ann", session="s-ann", choice="ab"[at % 2], at=1.0)
        made.record(answer, key=f"k{at}")
    made.close()
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, list[str]]:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, [line for line in err.splitlines() if "looking at" not in line]


def state(folder: Path) -> tuple[Path, dict[str, str], int]:
    """Where the pictures are, the path of each answered one, and how many answers there are."""
    opened = Project.open(folder)
    answers = {answer.picture for answer in opened.answers()}
    found = opened.pictures_root, {one.key: one.path for one in opened.pictures if one.key in answers}, len(answers)
    opened.close()
    return found


def test_a_folder_that_was_moved_is_told_how_to_name_and_keeps_its_answers(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path
) -> None:
    (pictures.parent / "disk").mkdir()
    moved = pictures.rename(pictures.parent / "disk" / "leaves")
    code, _, err = run(capsys, "annotate", "disk/leaves")
    assert code == 3
    assert "is about other pictures" in err[0]
    assert "if they are the same ones in another place, try --pictures disk/leaves;" in err[0]
    code, _, err = run(capsys, "annotate", "--pictures", "disk/leaves")
    assert (code, err[0]) == (0, "6 pictures found again")
    assert "4 answers in leaves-annotations" in err
    root, answered, n = state(project)
    assert (root, len(answered), n) == (moved.resolve(), 4, 4)
    assert run(capsys, "annotate", "disk/leaves")[0] == 0


def test_renamed_and_moved_files_keep_their_answers_and_what_is_missing_is_told(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path
) -> None:
    other = pictures.parent / "other"
    (other / "deep").mkdir(parents=True)
    for at in range(3):
        shutil.copy(pictures / "in" / f"{at}.png", other / "deep" / f"picture {at}.png")
    Image.new("RGB", (8, 8), (0, 0, 99)).save(other / "new.png")
    shutil.copy(pictures / "in" / "4.png", other / "4.png")
    shutil.rmtree(pictures)
    code, _, err = run(capsys, "annotate", "leaves", "--pictures", other)
    assert code == 0
    assert err[:3] == [
        "4 pictures found again, 4 of them by another name; 1 is new",
        "2 pictures are gone: in/3.png, in/5.png",
        "1 answered picture is not there: its answers are kept, and count again when it returns",
    ]
    root, answered, n = state(project)
    assert (root, n) == (other.resolve(), 4)
    assert sorted(answered.values()) == ["deep/picture 0.png", "deep/picture 1.png", "deep/picture 2.png"]


def test_without_a_page_and_for_a_script(capsys: pytest.CaptureFixture[str], pictures: Path, project: Path) -> None:
    moved = pictures.rename(pictures.parent / "elsewhere")
    (moved / "in" / "0.png").unlink()
    code, out, err = run(capsys, "annotate", "attach", moved, "--project", project, "--json")
    found = {"there": 5, "moved": 0, "new": 0, "missing": ["in/0.png"], "unseen": 1}
    assert (code, json.loads(out)) == (0, found)
    assert err == [
        "1 picture is gone: in/0.png",
        "1 answered picture is not there: its answers are kept, and count again when it returns",
    ]
    assert state(project)[0] == moved.resolve()


def test_a_folder_of_other_pictures_changes_nothing(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path
) -> None:
    other = pictures.parent / "other"
    other.mkdir()
    Image.new("RGB", (8, 8), (1, 2, 3)).save(other / "a.png")
    shutil.copy(pictures / "in" / "5.png", other / "5.png")  # one that nobody answered
    before = state(project)
    for words in (("--pictures", "other", "--project", project), ("attach", "other", "--project", project)):
        code, _, err = run(capsys, "annotate", *words)
        assert code == 3
        assert "other holds none of the pictures that" in err[-1]
    assert state(project) == before


def test_whoever_wants_to_train_is_told_how_to_find_them(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path
) -> None:
    moved = pictures.rename(pictures.parent / "elsewhere")
    with pytest.raises(InputError, match="try joryu annotate attach FOLDER --project leaves-annotations"):
        load_examples("project:leaves-annotations")
    assert run(capsys, "annotate", "attach", moved, "--project", project)[0] == 0
    assert len(load_examples("project:leaves-annotations")) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pictures", "leaves", "--project", "nowhere"), "no labelling project at nowhere"),
        (("--project", "leaves-annotations"), "which pictures?"),
        (("gone", "--project", "leaves-annotations"), "were moved, name where they are with --pictures"),
        (("attach", "leaves", "--project", "nowhere"), "no labelling project at nowhere"),
        (("--pictures", "nowhere", "--project", "leaves-annotations"), "no folder of pictures at nowhere"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, "annotate", *words)
    assert (code, out, len(err)) == (2, "", 1)
    assert said in err[0]


def test_a_plain_start_tells_of_pictures_that_are_gone(
    capsys: pytest.CaptureFixture[str], pictures: Path, project: Path
) -> None:
    (pictures / "in" / "1.png").unlink()
    gone, kept = "1 picture is gone: in/1.png", "1 answered picture is not there"
    err = run(capsys, "annotate", "leaves")[2]
    assert (err[0], err[1][: len(kept)]) == (gone, kept)
    err = run(capsys, "annotate", "leaves")[2]  # said once; what became of answers is said again
    assert err[0][: len(kept)] == kept
    Image.new("RGB", (8, 8), (40, 0, 0)).save(pictures / "in" / "back.png")
    err = run(capsys, "annotate", "leaves")[2]
    assert err[0] == "4 answers in leaves-annotations"
    assert "in/back.png" in state(project)[1].values()


def test_project_and_pictures_that_were_moved_together_find_each_other(pictures: Path, project: Path) -> None:
    disk = pictures.parent / "disk"
    disk.mkdir()
    pictures.rename(disk / "leaves")
    project.rename(disk / "leaves-annotations")
    assert state(disk / "leaves-annotations")[0] == (disk / "leaves").resolve()


def test_a_project_of_an_earlier_version_says_nothing_of_where_they_are_from_here(
    pictures: Path, project: Path
) -> None:
    content = json.loads((project / "project.json").read_text())
    del content["pictures_from_here"]
    (project / "project.json").write_text(json.dumps(content))
    assert state(project)[0] == pictures.resolve()
    pictures.rename(pictures.parent / "elsewhere")
    assert state(project)[0] == pictures
    opened = Project.open(project)
    with pytest.raises(MismatchError, match="none of the pictures"):
        opened.attach(project, [])
    opened.close()


def test_the_second_start_opens_no_picture(
    capsys: pytest.CaptureFixture[str], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "notes.txt").write_text("no picture")
    code, _, first = run(capsys, "annotate", "leaves", "--classes", "a,b", "--project", "p")
    assert (code, (Path("p") / looking.INDEX).is_file()) == (0, True)

    def opened(path: Path) -> str:
        raise AssertionError(path)

    with monkeypatch.context() as patched:
        patched.setattr(looking, "reason_to_leave_out", opened)
        assert run(capsys, "annotate", "leaves", "--project", "p") == (0, "", first)
    project = Project.open("p")
    assert list(project.pictures) == scan(pictures).files
    project.close()
