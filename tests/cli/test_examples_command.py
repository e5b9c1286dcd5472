"""``joryu examples``, and the line of it that train, label and distill say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import run
from PIL import Image

from joryu.targets import Store


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


def test_a_network_that_cannot_be_read_is_refused_before_the_pictures_are(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--examples", "no-such-set", "--out", root / "run")
    for command in (("train", "--network"), ("distill", "--targets", root / "none", "--student")):
        for spec, said in (("mlp:4", "cannot read architecture mlp:4"), ("mlp:4x1,dropout=2", "cannot read dropout")):
            code, _, err = run(capsys, *command, spec, *words)
            assert (code, said in err) == (2, True), err


def test_a_network_in_this_folder_needs_no_python_path(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    monkeypatch.chdir(root)
    (root / "a_net_of_mine.py").write_text(
        "from torch import nn\n\n\n"
        "def net(n_classes):\n    return nn.Sequential(nn.Flatten(), nn.LazyLinear(n_classes))\n"
    )
    words = ("train", "--examples", "set", "--size", 8, "--out", "run", "--network")
    _, _, err = run(capsys, *words, "module:a_net_of_mine:net")
    assert "a_net_of_mine:net has parameters without a size" in err
    _, _, err = run(capsys, *words, "module:no_net_of_mine:net")
    assert "or in this folder (or on PYTHONPATH)?" in err


def test_the_column_that_was_labelled_is_kept_with_the_store(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [path.read_bytes() for path in sorted((root / "set").glob("*/*.png"))]
    content = {"front": pictures, "back": pictures[::-1], "label": [number % 2 for number in range(8)]}
    pq.write_table(pa.table(content), root / "train.parquet")
    spec, store = f"parquet:{root / 'train.parquet'}", root / "store"
    named = ("--examples", spec, "--size", 8)
    code, _, err = run(capsys, "train", "--network", "mlp:4x1", *named, "--column", "back", "--out", root / "net",
                       "--epochs", 1, "--test", 0.25)  # fmt: skip
    assert code == 0, err
    words = ("label", "--teacher", f"run:{root / 'net'}", *named, "--out", store)
    code, _, err = run(capsys, *words)
    assert (code, "try --column" in err) == (2, True)
    assert run(capsys, *words, "--column", "back")[0] == 0
    assert Store.open(store).manifest.examples.spec == f"{spec}#back"
    assert run(capsys, "verify", store)[0] == 0
    assert run(capsys, "verify", store, "--examples", spec, "--column", "back")[0] == 0
    for command, place in (("verify", store), ("audit", store), ("evaluate", root / "net"), ("report", root / "net")):
        code, _, err = run(capsys, command, place, "--column", "back")
        assert (code, "--column says more about --examples" in err) == (2, True), err
