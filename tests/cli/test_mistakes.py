"""Every kind of mistake and damage, as a user makes them: one helpful line, and nothing is touched."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from command_line import run
from PIL import Image

from joryu.targets import Store


def test_another_request_in_the_same_folder_is_refused(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(
        capsys,
        "distill",
        "--student",
        "mlp:99x1",
        "--examples",
        "digits",
        "--targets",
        job / "targets",
        "--out",
        job / "run",
    )
    assert code == 3
    assert "another" in err


BAD = [
    ("foo", 2, "foo"),
    ("label", 2, "--teacher"),
    (
        "label --teacher run:nowhere --examples digits --out {tmp}/o",
        2,
        "nowhere (expected a folder that joryu train, joryu distill",
    ),
    ("label --teacher rn:x --examples digits --out {tmp}/o", 2, "did you mean run:"),
    ("label --teacher timm:resnet1 --examples digits --out {tmp}/o", (2, 4), "timm"),
    ("label --teacher run:{job}/teacher --examples dgits --out {tmp}/o", 2, "did you mean digits"),
    ("label --teacher run:{job}/teacher --examples digits --views shft:1 --n-views 1 --out {tmp}/o", 2, "shift"),
    ("label --teacher run:{job}/teacher --examples digits --encoding top-99 --out {tmp}/o", 2, "10 classes"),
    ("label --teacher run:{job}/teacher --examples digits --views shift:1 --out {tmp}/o", 2, "--n-views"),
    ("label --teacher run:{job}/teacher --examples digits --size 16 --out {tmp}/o", 3, "try --size 8"),
    ("label --teacher run:{job}/teacher --examples digits --out {job}/run", 2, "holds a run"),
    (
        "distill --student mlp:8x1 --examples digits --targets {job}/targets --out {job}/targets",
        2,
        "holds soft targets",
    ),
    ("audit {job}/targets --temperature 0", 2, "> 0"),
    ("audit {job}/targets --split test", 3, "about other examples (expected some of the 1197 examples digits, split"),
    ("evaluate {job}/run --size 16", 3, "try --size 8"),
    ("report {job}/run --out {job}", 2, "is a folder"),
    ("data path digits", 2, "comes with scikit-learn"),
    ("audit {tmp}/nothing", 2, "no soft targets"),
    ("verify {tmp}/nothing", 2, "no soft targets"),
    ("verify {job}/targets --teacher run:{job}/run", 3, "teacher"),
    ("distill --student mlp:8x1 --examples digits --targets {job}/targets --out {tmp}/r --temperature 0", 2, "> 0"),
    ("distill --student mlp:8x1 --examples digits --targets {job}/targets --out {tmp}/r --epochs 0", 2, "epochs"),
    ("distill --student mlp:8x1 --examples digits --targets {job}/targets --out {tmp}/r --hard-weight 2", 2, "0..1"),
    ("distill --student mlp:8x1 --examples digits --targets {job}/targets --out {tmp}/r --validation 1", 2, "share"),
    ("distill --student mpl:8x1 --examples digits --targets {job}/targets --out {tmp}/r", 2, "did you mean mlp"),
    ("distill --student mlp:8 --examples digits --targets {job}/targets --out {tmp}/r", 2, "WIDTHxDEPTH"),
    ("distill --student mlp:8x1 --examples digits --targets {tmp}/x --out {tmp}/r", 2, "no soft targets"),
    ("evaluate {tmp}/nothing", 2, "not a run (expected a folder with run.json, which joryu train, joryu distill or"),
    ("report {tmp}/nothing", 2, "not a run"),
    ("report {job}/run {job}/run", 2, "--out comparison.html"),
    ("report {job}/run {job}/run --out {tmp}/page.html", 2, "named twice"),
    ("report {job}/run --examples nothing", 2, "nothing"),
    ("experiment run hinton-mnst", 2, "did you mean hinton-mnist"),
    ("experiment run hinton-mnist --seeds x", 2, "how many"),
    ("data path nothing", 2, "nothing"),
    ("version --jsn", 2, "--jsn"),
]


@pytest.mark.parametrize(("command", "code", "said"), BAD, ids=[line[0][:60] for line in BAD])
def test_a_mistake_gets_one_helpful_line(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, code: int | tuple[int, ...], said: str
) -> None:
    found, out, err = run(capsys, *command.format(job=job, tmp=tmp_path).split())
    assert found in (code if isinstance(code, tuple) else (code,))
    assert out == ""
    *before, last = err.splitlines()
    assert said in last
    assert not [line for line in before if not line.startswith("digits: ")], err  # what was loaded is said before


DAMAGE = [
    ("metrics.jsonl", "{", "line 1 of "),
    ("metrics.jsonl", "[]\n", "line 1 of "),
    ("run.json", "{", "cannot read "),
    ("run.json", "[]", "is damaged"),
    ("run.json", {"request": {}}, "request.recipe null"),
    ("run.json", {"request": []}, "request []"),
    ("run.json", {"notes": []}, "notes []"),
    ("run.json", {"notes": {"examples": "digits", "lesson": {"validation": 0.1}}}, "notes.lesson without 'test'"),
    ("run.json", {"notes": {"examples": "digits", "lesson": []}}, "notes.lesson: "),
]


@pytest.mark.parametrize(("name", "damage", "said"), DAMAGE, ids=[f"{line[0]} {line[1]}" for line in DAMAGE])
def test_a_damaged_run_gets_one_helpful_line(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: object, said: str
) -> None:
    shutil.copytree(job / "run", tmp_path / "run")
    path = tmp_path / "run" / name
    path.write_text(damage if isinstance(damage, str) else json.dumps(json.loads(path.read_text()) | damage))  # type: ignore[operator]
    for command in ("report", "evaluate"):
        code, out, err = run(capsys, command, tmp_path / "run")
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert said in err
        assert str(path) in err
        assert "put the file back" in err


def test_a_finished_run_does_without_its_history(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(job / "teacher", tmp_path / "teacher")
    (tmp_path / "teacher" / "metrics.jsonl").unlink()
    again = "train --network mlp:64x1 --examples digits --epochs 20 --batch-size 64 --learning-rate 0.005 --out"
    code, out, _ = run(capsys, *again.split(), tmp_path / "teacher")
    assert (code, out) == (0, f"{tmp_path}/teacher: finished\n")


def test_a_corrected_command_goes_on_in_the_folder_of_the_slip(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slip = ("label", "--teacher", f"run:{job}/teacher", "--examples", "digits", "--out", tmp_path / "o", "--encoding")
    assert run(capsys, *slip, "top-99")[0] == 2
    assert run(capsys, *slip, "top-3")[0] == 0


def test_targets_about_other_pictures_are_a_mismatch(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(120):
        picture = tmp_path / "pics" / str(number % 10) / f"{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(picture)
    pictures = ("--examples", f"folder:{tmp_path}/pics")
    for words in (
        ("distill", "--student", "mlp:8x1", *pictures, "--targets", job / "targets", "--out", tmp_path / "run"),
        ("audit", job / "targets", *pictures),
    ):
        code, out, err = run(capsys, *words)
        assert (code, out) == (3, "")
        assert "about other examples (expected some of the 1197 examples digits" in err.splitlines()[-1]
        assert "received 120 examples pics" in err


@pytest.mark.parametrize("column", ["id", "values"])
@pytest.mark.parametrize(
    "command",
    [
        "audit {targets}",
        "distill --student mlp:8x1 --examples digits --targets {targets} --out {tmp}/r --allow-dead-teacher",
        "label --teacher run:{job}/teacher --examples digits --views shift:1 --n-views 2 --out {targets}",
        "verify {targets}",
    ],
    ids=lambda command: command.split()[0],
)
def test_a_damaged_shard_is_refused_by_every_command_that_uses_it(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, column: str
) -> None:
    targets = tmp_path / "targets"
    shutil.copytree(job / "targets", targets)
    (shard,) = Store.open(targets).shards
    content = bytearray(shard.path.read_bytes())
    content[content.find(shard.columns[column].tobytes()) + 101] ^= 1
    shard.path.write_bytes(content)
    before = {path.name: path.read_bytes() for path in targets.glob("shard-*")}
    code, out, err = run(capsys, *command.format(job=job, tmp=tmp_path, targets=targets).split())
    said = [line for line in err.splitlines() if line.startswith("joryu:")]
    assert (code, out, len(said)) == (2, "", 1), err
    assert f"{shard.path.name} is damaged" in err and "delete this one file" in err
    assert before == {path.name: path.read_bytes() for path in targets.glob("shard-*")}


def test_a_name_that_is_not_utf8_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"caf\xe9")
    code, _, err = run(capsys, "train", "--network", "mlp:8x1", "--examples", "digits", "--out", tmp_path / name)
    assert (code, err.count("\n")) == (2, 1)
    assert "not valid UTF-8" in err
    assert not list(tmp_path.iterdir())
