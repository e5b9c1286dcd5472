"""A set that nobody labelled and that names no classes, through every command: labels are optional."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from joryu.cli import main
from joryu.examples import load_examples

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Exit code, stdout and stderr of one command line."""

    def command(line: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(line.split())
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return command


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Threes, fives and sevens: in class folders to make a teacher of, and sixty others without a word about them."""
    root = tmp_path_factory.mktemp("unlabelled")
    digits = load_examples("digits", split="all")
    rows = [row for row, label in enumerate(digits.labels_or_empty.tolist()) if label in (3, 5, 7)]
    for row in rows[:240]:
        path = root / "labelled" / digits.classes[int(digits.labels_or_empty[row])] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.inputs[row, 0].numpy()).save(path)
    (root / "flat").mkdir()
    for row in rows[300:360]:
        Image.fromarray(digits.inputs[row, 0].numpy()).save(root / "flat" / f"{row}.png")
    (root / "idx").mkdir()
    pixels = digits.inputs[rows[300:360], 0].numpy()
    (root / "idx" / "train-images-idx3-ubyte").write_bytes(
        struct.pack(">4B3I", 0, 0, 8, 3, *pixels.shape) + pixels.tobytes()
    )
    with pytest.raises(SystemExit) as stopped:
        main(
            f"train --network mlp:24x1 --examples folder:{root}/labelled --epochs 20 --batch-size 16 "
            f"--learning-rate 0.005 --out {root}/teacher".split()
        )
    assert stopped.value.code == 0
    return root


@pytest.mark.parametrize("layout", ["folder:{}/flat", "idx:{}/idx"])
def test_an_unlabelled_set_is_labelled_audited_verified_and_distilled(
    place: Path, tmp_path: Path, run: Command, layout: str
) -> None:
    spec = layout.format(place)
    code, _, err = run(f"label --teacher run:{place}/teacher --examples {spec} --out {tmp_path}/targets")
    assert code == 0, err
    assert json.loads((tmp_path / "targets" / "manifest.json").read_text())["question"]["names"] == ["3", "5", "7"]
    code, out, err = run(f"audit {tmp_path}/targets --json")
    assert (code, json.loads(out)["answered"], json.loads(out)["missing"]) == (0, 60, 0), err
    code, out, err = run(f"verify {tmp_path}/targets --json")
    assert code == 0, err
    assert json.loads(out)["ok"] is True
    distil = f"distill --student mlp:12x1 --examples {spec} --targets {tmp_path}/targets --epochs 20 --batch-size 8"
    code, out, err = run(f"{distil} --out {tmp_path}/run --json --precision 32-true")
    assert code == 0, err
    assert json.loads(out)["validation_agreement"] > 0.5
    require_agreement_alone(tmp_path, run)
    code, out, err = run(f"{distil} --out {tmp_path}/twins --twin")
    assert (code, out) == (2, "")
    assert "--twin needs labels" in err.splitlines()[-1]
    code, _, err = run(f"{distil} --out {tmp_path}/hard --hard-weight 1")
    assert code == 2
    assert "--hard-weight 1 needs labels" in err.splitlines()[-1]


def require_agreement_alone(folder: Path, run: Command) -> None:
    """Nobody can call the student right or wrong here; how far it says what its teacher says can be told."""
    code, out, err = run(f"evaluate {folder}/run --json")
    assert code == 0, err
    numbers = json.loads(out)
    assert numbers["student_like_teacher"]["n"] == 12  # the fifth that was held out
    assert numbers["student_like_teacher"]["top1"] > 0.5
    assert numbers["models"]["student"]["evaluation"] is None
    code, out, err = run(f"evaluate {folder}/run")
    assert "student and teacher agree on" in out
    code, out, err = run(f"report {folder}/run")
    assert code == 0, err
    assert out.startswith("The student gives its teacher’s answer on")
    page = (folder / "run" / "report.html").read_text()
    assert "Nobody labelled these examples" in page
    for word in ("Accuracy</th>", "Errors", "calibrated", "McNemar", "A twin is missing"):
        assert word not in page
    (folder / "targets").rename(folder / "elsewhere")
    code, out, err = run(f"report {folder}/run")
    (folder / "elsewhere").rename(folder / "targets")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "put the teacher back" in err


def test_a_teacher_that_knows_no_classes_is_told_them(
    place: Path, tmp_path: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_linear_module.py").write_text(
        "from torch import nn\n\n\ndef linear(n_classes, input_shape):\n"
        "    return nn.Sequential(nn.Flatten(), Floats(), nn.Linear(64, n_classes))\n\n\n"
        "class Floats(nn.Module):\n    def forward(self, pictures):\n        return pictures.float()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    label = f"label --teacher module:a_linear_module:linear --out {tmp_path}/targets --examples folder:{place}"
    code, out, err = run(f"{label}/flat")
    assert (code, out, err.count("joryu: ")) == (2, "", 1)
    assert "--classes a,b,c" in err
    code, _, err = run(f"{label}/flat --classes x,y")
    assert code == 0, err
    assert json.loads((tmp_path / "targets" / "manifest.json").read_text())["question"]["names"] == ["x", "y"]
    for words, said in (("x,", "two or more names"), ("x,x", "two or more names")):
        code, _, err = run(f"{label}/flat --classes {words}")
        assert (code, err.count("joryu: ")) == (2, 1)
        assert said in err
    code, _, err = run(f"{label}/labelled --classes 3,7,9")
    assert (code, err.count("joryu: ")) == (3, 1)
    assert "name their own classes" in err
    code, _, err = run(
        f"label --teacher run:{place}/teacher --examples folder:{place}/flat --classes x,y --out {tmp_path}/o"
    )
    assert (code, err.count("joryu: ")) == (3, 1)
    assert "differ in their classes" in err


@pytest.fixture(scope="module")
def judged_by_nobody(place: Path) -> Path:
    """The labelled pictures as a train split, and beside it a test split without class folders, as contests have it."""
    root = place / "contest"
    shutil.copytree(place / "labelled", root / "train")
    shutil.copytree(place / "flat", root / "test")
    return root


def test_a_test_split_without_labels_does_not_judge(judged_by_nobody: Path, tmp_path: Path, run: Command) -> None:
    spec, teacher = f"folder:{judged_by_nobody}", judged_by_nobody.parent / "teacher"
    assert run(f"label --teacher run:{teacher} --examples {spec} --out {tmp_path}/targets")[0] == 0
    line = f"distill --student mlp:8x1 --examples {spec} --targets {tmp_path}/targets --epochs 2 --out {tmp_path}/run"
    code, _, err = run(line)
    assert code == 0, err
    assert f"the test split of {spec} has no labels: 20% of it is held out for the report" in err
    code, _, err = run(f"report {tmp_path}/run --json")
    assert code == 0, err
    code, _, err = run(f"train --network mlp:8x1 --examples {spec} --epochs 2 --out {tmp_path}/teacher")
    assert code == 0, err
    assert "has no labels: 20% of it is held out" in err


def test_one_folder_of_pictures_cannot_be_learnt(place: Path, tmp_path: Path, run: Command) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(place / "flat", alone / "pictures")
    code, _, err = run(f"train --network mlp:8x1 --examples folder:{alone} --out {tmp_path}/run")
    assert code == 2
    assert "no example of alone has a label (received pictures/ is its only folder of pictures" in err
