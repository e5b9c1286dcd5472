"""The commands as a user types them, in one process: the whole job on digits."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from command_line import run
from PIL import Image

from joryu.cli.output import _so_far, emit
from joryu.training.checkpoint import TrainingProgress


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


def test_what_comes_with_a_library_is_not_listed_as_absent(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "data", "list")
    assert out.splitlines()[0].split(maxsplit=2) == ["digits", "bundled", "comes with scikit-learn"]


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"loss": math.nan, "rows": [{"low": -math.inf, "n": 1}]}, True, "")
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "loss": None,
        "rows": [{"low": None, "n": 1}],
    }


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
    for command in ("examples", "train", "label", "audit", "verify", "distill", "evaluate", "report", "version"):
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
