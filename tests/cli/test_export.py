"""``joryu export`` and ``joryu bench``, as they are typed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from joryu.cli import main
from joryu.examples import load_examples
from joryu.serving import load

pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")
pytestmark = pytest.mark.slow


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("export")
    for command in (
        f"train --network mlp:64x1 --examples digits --epochs 15 --batch-size 64 --learning-rate 5e-3 --out {root}/big",
        f"label --teacher run:{root}/big --examples digits --out {root}/targets",
        f"distill --student cnn:6x2 --examples digits --targets {root}/targets --out {root}/run --twin --epochs 8 "
        "--batch-size 32 --learning-rate 0.01",
        f"export {root}/run --int8 --out {root}/student",
    ):
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        assert stopped.value.code == 0, command
    return root


def test_the_card_tells_of_teacher_twin_and_int8(job: Path) -> None:
    card = (job / "student" / "README.md").read_text()
    assert f"Teacher: `run:{job}/big`" in card
    assert "accuracy" in card
    assert "Its twin, the same network on hard labels alone" in card
    assert "interval at 95%" in card
    assert "256 examples of digits, drawn with seed 0" in card
    assert "bound by the licences" in card


def test_the_folder_answers_from_a_shell_where_it_was_moved_to(job: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(job / "student", moved)
    digits = load_examples("digits", split="test")
    for at in range(3):
        Image.fromarray(digits.inputs[at, 0].numpy().copy()).save(tmp_path / f"{at}.png")
    words = [sys.executable, "-I", moved / "predict.py", *(tmp_path / f"{at}.png" for at in range(3)), "--top", "2"]
    wanted = [answer.best for answer in load(job / "run").predict(digits.inputs[:3])]
    for more, alike in ([], 3), (["--model", "model.int8.onnx"], 2):  # of one digit this student is not sure
        said = subprocess.run([*words, *more], cwd="/", capture_output=True, text=True, check=True)
        found = [json.loads(line) for line in said.stdout.splitlines()]
        assert [len(one["probabilities"]) for one in found] == [2, 2, 2]
        assert sum(one["class"] == best for one, best in zip(found, wanted, strict=True)) >= alike
    (tmp_path / "bad.png").write_bytes(b"no picture")
    said = subprocess.run([*words, tmp_path / "bad.png"], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "error" in json.loads(said.stdout.splitlines()[-1])


def test_json_and_words_go_to_stdout(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "export", job / "run" / "twin", "--out", tmp_path / "twin", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert list(found["models"]) == ["model.onnx"]
    assert found["models"]["model.onnx"]["agreement"] == 1.0
    code, out, _ = run(capsys, "bench", job / "student", "--seconds", "0.01", "--threads", "1")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:4]] == ["model", "teacher", "model.onnx", "model.int8.onnx"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--format", "onx"), 2, "did you mean onnx"),
        (("--int8", "--calibration", "9"), 2, "--calibration is not usable"),
        (("--int8", "--most-lost", "0", "--calibration", "64"), None, None),
    ],
)
def test_odd_options(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int | None, says: str
) -> None:
    ended, _, err = run(capsys, "export", job / "run", "--out", tmp_path / "out", *words)
    if code is None:  # whether 8 bits lose one of 600 answers depends on the processor's sums; never a broken folder
        assert (ended == 0) == (tmp_path / "out").exists()
        return
    assert ended == code
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_taken_is_said_before_pictures_are_read(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "export", job / "run", "--out", job / "student")
    assert code == 2
    assert "is there already" in err
