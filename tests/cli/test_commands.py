"""The commands as a user types them, in one process: the whole job on digits, and every kind of mistake."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from joryu.cli import main
from joryu.cli.output import _so_far, emit
from joryu.targets import Store
from joryu.training.checkpoint import TrainingProgress


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher, its soft targets, a student with its twin: made once by the commands themselves."""
    root = tmp_path_factory.mktemp("job")
    commands = (
        f"train --network mlp:64x1 --examples digits --epochs 20 --batch-size 64 --learning-rate 0.005 "
        f"--out {root}/teacher",
        f"label --teacher run:{root}/teacher --examples digits --views shift:1 --n-views 1 --out {root}/targets",
        f"distill --student mlp:24x1 --examples digits --targets {root}/targets --out {root}/run --twin --labelled 0.1 "
        "--epochs 10 --batch-size 64 --learning-rate 0.005",
    )
    for command in commands:
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        assert stopped.value.code == 0, command
    return root


def test_the_whole_job_leaves_a_run(job: Path) -> None:
    for name in ("run.json", "student.json", "student.safetensors", "metrics.jsonl", "twin/student.safetensors"):
        assert (job / "run" / name).is_file()
    record = json.loads((job / "run" / "run.json").read_text())
    assert record["request"]["objective"]["temperature"] == 4.0
    assert record["command"].startswith("joryu distill --student mlp:24x1 ")
    assert not list((job / "run").glob("checkpoint*"))


def test_audit_verify_evaluate_and_report(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "audit", job / "targets", "--json")
    assert code == 0
    assert json.loads(out)["answered"] == 2 * 1197  # each example and one view of it
    code, out, _ = run(capsys, "verify", job / "targets", "--json", "--sample", 64)
    assert code == 0
    assert json.loads(out)["ok"] is True
    code, out, _ = run(capsys, "evaluate", job / "run", "--json")
    models = json.loads(out)["models"]
    assert code == 0
    assert set(models) == {"teacher", "student", "twin"}
    assert models["student"]["evaluation"]["n"] == 600
    code, text, _ = run(capsys, "evaluate", job / "run")
    assert code == 0
    code, out, _ = run(capsys, "report", job / "run")
    assert code == 0
    said, *table = text.splitlines()
    assert said == out.splitlines()[0]
    assert "exact McNemar test" in said
    assert table[0].split() == ["accuracy", "errors", "NLL", "Brier", "ECE", "agreement", "inherited"]
    assert len({len(line) for line in table}) == 1, table
    of_student = models["student"]["evaluation"]
    likeness = of_student["agreement"]
    assert table[2].split() == [
        "student",
        f"{of_student['accuracy']:.4f}",
        f"{of_student['errors']}",
        *(f"{of_student[name]:.4f}" for name in ("nll", "brier", "ece")),
        f"{likeness['top1']:.4f}",
        *f"{likeness['inherited']} of {likeness['teacher_errors']}".split(),
    ]
    assert table[1].split()[-2:] == ["–", "–"]  # the teacher is not compared with itself
    page = (job / "run" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert out.splitlines()[0].split(".")[0] in page.replace("&#39;", "'")


def test_a_teacher_is_asked_at_a_precision(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = ("label", "--teacher", f"run:{job / 'teacher'}", "--examples", "digits", "--split", "test")
    code, out, _ = run(capsys, *label, "--out", tmp_path / "store", "--precision", "bf16-mixed", "--json")
    assert (code, json.loads(out)["precision"]) == (0, "bf16-mixed")
    code, out, _ = run(capsys, *label, "--out", tmp_path / "store")
    assert code == 0
    assert "600 answers in" in out
    assert "computed in bf16: all there already" in out
    code, _, err = run(capsys, *label, "--out", tmp_path / "store", "--precision", "32-true")
    assert code == 3
    assert "another precision (expected bf16-mixed; received 32-true); leave the precision out" in err
    code, _, err = run(capsys, *label, "--out", tmp_path / "other", "--precision", "bf16")
    assert code == 2
    assert "--precision is not usable" in err
    assert "received 'bf16'); try bf16-mixed" in err
    assert not (tmp_path / "other").exists()
    code, out, _ = run(capsys, "verify", tmp_path / "store")
    assert (code, "the answers are the same" in out) == (0, True)


def test_commands_again_cost_nothing_and_change_nothing(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (job / "run" / "student.safetensors").stat().st_mtime_ns
    code, _, _ = run(
        capsys, "distill", "--student", "mlp:24x1", "--examples", "digits", "--targets", job / "targets", "--out",
        job / "run", "--twin", "--labelled", 0.1, "--epochs", 10, "--batch-size", 64, "--learning-rate", 0.005,
    )  # fmt: skip
    assert code == 0
    assert (job / "run" / "student.safetensors").stat().st_mtime_ns == before


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


def test_what_comes_with_a_library_is_not_listed_as_absent(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "data", "list")
    assert out.splitlines()[0].split(maxsplit=2) == ["digits", "bundled", "comes with scikit-learn"]


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


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    from joryu.errors import InputError

    with pytest.raises(InputError):
        main(["--debug", "audit", str(tmp_path / "nothing")])


def test_what_the_system_refuses_gets_one_line(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "audit", "x" * 300)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "too long" in err
    code, _, err = run(capsys, "evaluate", job / "run", "--size", 10**7)
    assert (code, err.count("\n")) in ((1, 1), (2, 1))
    assert "memory" in err
    with pytest.raises(OSError, match="too long"):
        main(["--debug", "audit", "x" * 300])


def test_ctrl_c_says_that_what_was_done_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("joryu.targets.Store.open", interrupted)
    code, out, err = run(capsys, "audit", "targets")
    assert (code, out, err.count("\n")) == (130, "", 1)
    assert "run the same command again" in err


def test_our_own_mistakes_still_show_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("joryu.targets.Store.open", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["audit", "targets"])


def test_a_name_that_is_not_utf8_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"caf\xe9")
    code, _, err = run(capsys, "train", "--network", "mlp:8x1", "--examples", "digits", "--out", tmp_path / name)
    assert (code, err.count("\n")) == (2, 1)
    assert "not valid UTF-8" in err
    assert not list(tmp_path.iterdir())


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"loss": math.nan, "rows": [{"low": -math.inf, "n": 1}]}, True, "")
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "loss": None,
        "rows": [{"low": None, "n": 1}],
    }


def command(*words: object, stdout: object) -> tuple[int, str]:
    """Exit code and stderr of a command as a process of its own."""
    run_it = [sys.executable, "-m", "joryu", *map(str, words)]
    found = subprocess.run(run_it, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)  # type: ignore[call-overload]
    return found.returncode, found.stderr


def test_a_reader_that_has_gone_and_a_full_disk() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert command("version", "--json", stdout=writer) == (1, "")
    os.close(writer)
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            code, err = command("version", stdout=full)
        assert (code, err.count("\n")) == (1, 1)
        assert "No space left" in err


@pytest.mark.slow
def test_a_folder_with_a_broken_a_huge_and_a_mislabelled_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Acceptance 4: nothing crashes, what is left out is named, the rest is distilled."""
    pictures = tmp_path / "pictures"
    for index, name in enumerate(("dark", "light")):
        (pictures / name).mkdir(parents=True)
        for number in range(30):
            shade = 40 + 150 * index + number
            Image.new("L", (12, 12), shade).save(pictures / name / f"{number}.png")
    (pictures / "dark" / "broken.png").write_bytes((pictures / "dark" / "0.png").read_bytes()[:40])
    (pictures / "dark" / "text.jpg").write_text("not a picture")
    (pictures / "light" / "0.png").rename(pictures / "light" / "really-a-png.jpg")
    Image.new("1", (20_000, 20_000)).save(pictures / "light" / "huge.png")
    commands = (
        f"train --network mlp:8x1 --examples folder:{pictures} --epochs 5 --batch-size 8 --out {tmp_path}/teacher",
        f"label --teacher run:{tmp_path}/teacher --examples folder:{pictures} --out {tmp_path}/targets",
        f"distill --student mlp:8x1 --examples folder:{pictures} --targets {tmp_path}/targets --out {tmp_path}/run "
        "--twin --epochs 5 --batch-size 8 --allow-dead-teacher",
        f"report {tmp_path}/run",
    )
    for command in commands:
        code, _, err = run(capsys, *command.split())
        assert code == 0, err
        if command.startswith(("train", "distill")):
            assert "has no test split: 20% of it is held out" in err
        if command.startswith("report"):
            assert "warning" not in err  # by the same defaults the teacher was never taught what judges it
        if command.startswith("label"):
            assert all(name in err for name in ("broken.png", "text.jpg", "huge.png"))
            assert "really-a-png" not in err
    page = (tmp_path / "run" / "report.html").read_text()
    assert "broken.png" in page


def test_a_teacher_of_another_split_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(60):
        folder = tmp_path / "pictures" / ("dark", "light")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 40 + 120 * (number % 2) + number).save(folder / f"{number}.png")
    commands = (
        f"train --network mlp:8x1 --examples folder:{tmp_path}/pictures --seed 1 --epochs 1 --out {tmp_path}/teacher",
        f"label --teacher run:{tmp_path}/teacher --examples folder:{tmp_path}/pictures --out {tmp_path}/targets",
        f"distill --student mlp:8x1 --examples folder:{tmp_path}/pictures --targets {tmp_path}/targets "
        f"--out {tmp_path}/run --epochs 1 --allow-dead-teacher",
    )
    for command in commands:
        code, _, err = run(capsys, *command.split())
        assert code == 0, err
    for command in ("evaluate", "report"):
        code, _, err = run(capsys, command, tmp_path / "run")
        assert (code, err.count("\n")) == (0, 1)
        assert err.startswith(f"warning: the teacher run:{tmp_path}/teacher was trained on ")


def test_views_added_to_a_store_are_told_of(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label = f"label --teacher run:{job}/teacher --examples digits --out {tmp_path}/targets"
    distill = (
        f"distill --student mlp:4x1 --examples digits --targets {tmp_path}/targets --epochs 1 --out {tmp_path}/run"
    )
    for command in (label, distill, label):
        code, _, err = run(capsys, *command.split())
        assert (code, "gets views" in err) == (0, False), err
    code, _, err = run(capsys, *label.split(), "--views", "shift:1", "--n-views", 1)
    assert (code, "gets views it had not" in err, "another --out" in err) == (0, True, True)
    code, _, err = run(capsys, *label.split(), "--views", "shift:1", "--n-views", 1)
    assert (code, "gets views" in err) == (0, False)
    code, _, err = run(capsys, *distill.split())
    assert (code, err.count("joryu: ")) == (3, 1)
    assert "views were labelled into the store since this run began" in err
    code, _, err = run(capsys, *distill.split(), "--temperature", 3)
    assert "views were labelled" not in err


def test_help_has_an_example_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        "examples",
        "train",
        "label",
        "audit",
        "verify",
        "distill",
        "quantise",
        "evaluate",
        "report",
        "version",
    ):
        code, out, _ = run(capsys, command, "--help")
        assert code == 0
        assert f"joryu {command}" in out.split("Options")[0].split("\n", 3)[3]


def test_the_figures_printed_are_those_of_the_weights_that_were_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rate so high that the last epoch is not the best; the saved network is asked again."""
    from joryu.examples import load_examples, split_examples
    from joryu.students import load_student

    command = (
        f"train --network mlp:16x1 --examples digits --epochs 6 --batch-size 32 --learning-rate 0.3 --optimiser sgd"
        f" --schedule constant --precision 32-true --out {tmp_path}/run"
    ).split()
    code, said, _ = run(capsys, *command)
    assert code == 0
    code, out, _ = run(capsys, *command, "--json")
    found = json.loads(out)
    history = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert found["epochs"] == len(history) == 6
    losses = [record["validation_loss"] for record in history]
    assert found["epoch"] == 1 + losses.index(min(losses)) < 6, "choose a recipe that overshoots"
    _, validation = split_examples(load_examples("digits"), [0.9, 0.1], seed=1)
    with torch.inference_mode():
        right = load_student(tmp_path / "run")[0](validation.inputs).argmax(-1) == validation.labels
    accuracy = right.float().mean().item()
    assert found["validation_accuracy"] == pytest.approx(accuracy, abs=1e-6)
    assert accuracy != pytest.approx(history[-1]["validation_accuracy"], abs=1e-6)
    assert f"validation accuracy {accuracy:.4f}, " in said
    assert said.endswith(f"best of 6 epochs: {found['epoch']}\n")


def test_one_epoch_and_one_step_are_counted_as_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = f"train --network mlp:4x1 --examples digits --epochs 1 --batch-size 2000 --out {tmp_path}/run"
    code, said, err = run(capsys, *command.split())
    assert code == 0 and said.endswith(", 1 epoch\n")
    assert "it had only one step: " in err


def test_the_progress_names_the_best_epoch_so_far() -> None:
    history = [
        {"epoch": 1, "train_loss": 1.0, "validation_loss": 0.5, "validation_accuracy": 0.8},
        {"epoch": 2, "train_loss": 0.2, "validation_loss": 0.9, "validation_accuracy": 0.9},
    ]
    said = _so_far(TrainingProgress(epoch=2, history=history, best_epoch=1, best_loss=0.5))
    assert said == "loss 0.2000, validation accuracy 0.8000, best epoch 1"
    assert _so_far(TrainingProgress(epoch=2, history=[{"epoch": 1, "train_loss": 1.0}])) == "loss 1.0000"


def test_the_last_epoch_is_not_called_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, *f"train --network mlp:8x1 --examples digits --epochs 2 --keep last --out {tmp_path}/run".split()
    )
    assert code == 0
    assert out.endswith(", 2 epochs\n")
