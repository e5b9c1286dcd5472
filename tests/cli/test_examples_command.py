"""``joryu examples``, and the line of it that train, label and distill say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from joryu.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A set of four pictures of each of two classes, two sizes among them, and a file that is none."""
    for number in range(8):
        place = tmp_path / "set" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        side = 24 if number == 6 else 16
        Image.radial_gradient("L").rotate(number).resize((side, side), box=(9 * number, 0, 200, 200)).save(
            place / f"{number}.png"
        )
    (tmp_path / "set" / "dog" / "notes.txt").write_text("not a picture")
    return tmp_path


def test_data_goes_to_stdout_and_json_holds_all_of_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "examples", root / "set")
    assert (code, err) == (0, "")
    assert f"set: folder, {root / 'set'}" in out
    assert "no splits: 8 pictures, 2 sizes, 16 to 24 wide and 16 to 24 high, grey" in out
    assert "train, label and distill will need --size, such as --size 16" in out
    assert "left out: 1\n  dog/notes.txt: not a picture that can be read" in out
    code, out, _ = run(capsys, "examples", root / "set", "--json")
    found = json.loads(out)
    assert (code, found["layout"], found["classes"]) == (0, "folder", ["cat", "dog"])
    assert found["splits"]["train"]["left_out"] == [
        {"name": "dog/notes.txt", "reason": "not a picture that can be read"}
    ]


def test_the_page_is_written_where_asked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "examples", root / "set", "--html", root / "sheet.html", "--json")
    assert code == 0
    assert json.loads(out)["name"] == "set"
    assert err == f"the pictures are in {root / 'sheet.html'}\n"
    assert "8 pictures in 2 classes" in (root / "sheet.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits", "--split", "validation"], "digits has no split 'validation' (expected train or test"),
        (["nothing-of-the-kind"], "no examples are known as 'nothing-of-the-kind'"),
        (["digits", "--column", "image"], "digits has no columns"),
        (["digits", "--size", "0"], "a picture's size is not usable"),
    ],
)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    code, out, err = run(capsys, "examples", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_train_label_and_distill_say_what_they_loaded(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "set: folder, no splits, 2 classes, 8 pictures 1×12×12; 1 left out\nleft out dog/notes.txt: not a picture"
    shared = ("--examples", root / "set", "--size", 12)
    few = ("--epochs", 1, "--batch-size", 2, "--validation", 0.25)
    code, _, err = run(capsys, "train", "--network", "mlp:4x1", *shared, *few, "--test", 0, "--out", root / "teacher")
    assert code == 0, err
    assert said in err
    code, _, err = run(capsys, "label", "--teacher", f"run:{root}/teacher", *shared, "--out", root / "targets")
    assert code == 0, err
    assert said in err
    more = ("--test", 0, "--allow-dead-teacher", "--targets", root / "targets", "--out", root / "run")
    code, _, err = run(capsys, "distill", "--student", "mlp:4x1", *shared, *few, *more)
    assert code == 0, err
    assert said in err
