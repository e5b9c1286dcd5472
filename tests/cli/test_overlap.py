"""Examples that judge and were taught are warned of before the training, and again by the report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from joryu.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What one command says on stderr; it must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    err = capsys.readouterr().err
    assert int(stopped.value.code or 0) == 0, err
    return err


def pictures(folder: Path, n: int, seed: int) -> None:
    """Two class folders of smooth pictures."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        place = folder / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        coarse.resize((40, 40), Image.Resampling.BICUBIC).save(place / f"{number:03}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """``train/`` of 40 pictures, ``test/`` of ten others."""
    pictures(tmp_path / "set" / "train", 40, seed=0)
    pictures(tmp_path / "set" / "test", 10, seed=1)
    return tmp_path


def saved_again(root: Path, n: int, suffix: str, **options: Any) -> None:
    """The first pictures of ``train`` once more in ``test``, in another format and under other names."""
    for number, path in enumerate(sorted((root / "set" / "train").rglob("*.png"))[:n]):
        with Image.open(path) as picture:
            picture.save(root / "set" / "test" / path.parent.name / f"again {number}{suffix}", **options)


def train(root: Path, capsys: pytest.CaptureFixture[str], *more: object) -> str:
    words = ("--network", "mlp:4x1", "--epochs", 1, "--batch-size", 8, "--out", root / "teacher", *more)
    return run(capsys, "train", "--examples", root / "set", *words)


def test_a_test_split_that_was_never_taught_is_not_warned_of(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "warning" not in train(root, capsys)
    assert "warning" not in run(capsys, "report", root / "teacher")


def test_train_copied_into_test(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "set" / "test")
    shutil.copytree(root / "set" / "train", root / "set" / "test")
    said = train(root, capsys)
    assert "warning: 40 of the 40 examples that judge are taught too: " in said
    assert f"joryu examples {root / 'set'}" in said
    run(capsys, "label", "--teacher", f"run:{root}/teacher", "--examples", root / "set", "--out", root / "targets")
    words = ("--student", "mlp:4x1", "--examples", root / "set", "--targets", root / "targets", "--out", root / "run")
    few = ("--epochs", 1, "--batch-size", 8, "--allow-dead-teacher")
    assert "warning: 40 of the 40 examples that judge are taught too: " in run(capsys, "distill", *words, *few)
    said = run(capsys, "report", root / "run")
    assert "the student was trained on 40 of the 40 examples that judge it here" in said
    assert f"the teacher run:{root}/teacher was trained on 40 of the 40" in said
    above_the_fold = (root / "run" / "report.html").read_text().split("<main>")[0]
    assert "the student was trained on 40 of the 40 examples that judge it here" in above_the_fold


@pytest.mark.parametrize(
    ("suffix", "options", "said", "reported"),
    [
        (".bmp", {}, "6 of the 16 examples that judge are taught too", "on 6 of the 16 examples that judge it here"),
        (
            ".jpg",
            {"quality": 90},
            "6 of the 16 examples that judge look the same as taught ones",
            "on 6 pictures that look the same as some of the 16 examples that judge it here",
        ),
    ],
)
def test_the_same_pictures_saved_again(
    root: Path, capsys: pytest.CaptureFixture[str], suffix: str, options: dict[str, int], said: str, reported: str
) -> None:
    saved_again(root, 6, suffix, **options)
    assert f"warning: {said}: the outcome will look better than it is" in train(root, capsys)
    assert reported in run(capsys, "report", root / "teacher")


def test_a_part_that_is_held_out_is_compared_by_its_look(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(root / "set" / "test")
    for path in sorted((root / "set" / "train").rglob("*.png")):
        with Image.open(path) as picture:
            picture.save(path.with_suffix(".jpg"), quality=90)
    said = train(root, capsys, "--test", 0.25)
    assert "of the 20 examples that judge look the same as taught ones" in said


def test_a_test_split_that_cannot_be_read_is_said_before_the_training(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / "set" / "test").rglob("*.png"):
        path.write_bytes(b"no picture")
    said = train(root, capsys)
    assert "warning: the test split, which is to judge, cannot be read: none of 10 files is a usable picture" in said
    assert "try --test 0.2" in said


def test_a_test_split_of_another_size_is_said_before_the_training(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / "set" / "test").rglob("*.png"):
        with Image.open(path) as picture:
            picture.resize((50, 50)).save(path)
    assert "which is to judge, holds pictures 3×50×50, not 3×40×40: try --size 40" in train(root, capsys)
    assert "warning" not in train(root, capsys, "--size", 40, "--out", root / "another")


def test_a_finished_run_is_not_compared_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved_again(root, 6, ".bmp")
    assert "warning" in train(root, capsys)
    assert "warning" not in train(root, capsys)
