"""``joryu sweep`` and ``joryu distill --best-of``, as they are typed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from command_line import run

from joryu.cli import main
from joryu.errors import JoryuError
from joryu.report.provenance import provenance_of
from joryu.training.run import read_run

STUDENT = ("--student", "mlp:4x1", "--examples", "digits", "--epochs", "2", "--batch-size", "200")


def sweep(job: Path, out: Path, *more: str) -> list[str]:
    return ["sweep", *STUDENT, "--targets", f"{job}/targets", "--out", str(out), *more]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher's answers, and a sweep of two trials."""
    root = tmp_path_factory.mktemp("sweeping")
    for words in (
        "train --network mlp:16x1 --examples digits --epochs 6 --batch-size 64 --learning-rate 0.01 "
        f"--out {root}/teacher".split(),
        ["label", "--teacher", f"run:{root}/teacher", "--examples", "digits", "--out", f"{root}/targets"],
        sweep(root, root / "sweep", "--trials", "2", "--confirm", "2"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 0, words
    return root


def test_it_says_what_it_chose_and_what_comes_next(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *sweep(job, job / "sweep", "--trials", "2", "--confirm", "2"))
    assert code == 0
    assert "trial 1 of 2" not in err  # it had finished
    chosen = json.loads((job / "sweep" / "sweep.json").read_text())["chosen"]["values"]
    assert f"temperature {chosen['temperature']:g}, hard weight {chosen['hard_weight']:g}: validation loss" in out
    assert "over 2 seeds" in out
    assert f"next: joryu distill --best-of {job / 'sweep'} --out run --twin" in out
    assert out.rstrip().endswith("sweep.html")
    code, out, _ = run(capsys, *sweep(job, job / "sweep", "--trials", "2", "--confirm", "2", "--json"))
    assert (code, json.loads(out)["chosen"]["values"]) == (0, chosen)


def test_distill_takes_the_best_and_says_where_it_is_from(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = json.loads((job / "sweep" / "sweep.json").read_text())["chosen"]
    code, _, err = run(capsys, "distill", "--best-of", job / "sweep", "--out", tmp_path / "run")
    assert code == 0, err
    assert f"from trial {chosen['trial']} of the sweep" in err
    trial = job / "sweep" / "trials" / f"{chosen['trial']:04d}"
    made, tried = read_run(tmp_path / "run"), read_run(trial)
    assert made["request"] == tried["request"]
    assert (tmp_path / "run" / "student.safetensors").read_bytes() == (trial / "student.safetensors").read_bytes()
    assert made["notes"]["best_of"]["trial"] == chosen["trial"]
    assert made["notes"]["best_of"]["values"] == chosen["values"]
    assert provenance_of(made, None)["chosen by a sweep"]["sweep"] == str(job / "sweep")


def test_what_is_typed_wins_and_is_told(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ("--epochs", "1", "--temperature", "2", "--seed", "5", "--test", "0.3")
    code, _, err = run(capsys, "distill", "--best-of", job / "sweep", "--out", tmp_path / "run", *typed)
    assert code == 0, err
    assert "as typed, epochs is 1, and not 2, which the sweep had" in err
    assert "as typed, temperature is 2.0, and not" in err
    assert "warning: what judges this run may have been seen by the sweep" in err
    made = read_run(tmp_path / "run")
    assert (made["request"]["recipe"]["epochs"], made["request"]["objective"]["temperature"]) == (1, 2.0)
    assert (made["request"]["recipe"]["seed"], made["notes"]["lesson"]["split_seed"]) == (5, 0)


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--search", "temprature=1..20"], 2, "--search cannot search 'temprature'"),
        (["--search", "hard-weight=0..1:log"], 2, "--search cannot be logarithmic from 0"),
        (["--search", "width=4..8"], 2, "width is searched, and the student does not say where it goes"),
        (["--trials", "0"], 2, "--trials is not usable"),
        (["--confirm", "1"], 2, "--confirm is not usable"),
        (["--sampler", "cma"], 2, "--sampler is unknown"),
        (["--temperature", "3"], 2, "--temperature is searched, so that a value of its own means nothing"),
        (["--storage", "db.sqlite"], 2, "--storage is not a URL"),
        (["--divergence", "logit-mse"], 2, "logit-mse heeds no temperature"),
        (["--targets", "nowhere"], 2, "nowhere"),
    ],
)
def test_a_mistake_gets_one_line(
    more: list[str], code: int, message: str, job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _, err = run(capsys, *sweep(job, tmp_path / "out", *more))
    assert found == code
    assert message in err
    assert err.count("joryu: ") == 1
    assert not (tmp_path / "out").exists()


def test_distill_without_a_student_or_a_sweep_is_one_line(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "distill", "--targets", job / "targets", "--out", tmp_path / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "--student is missing (expected --student or --best-of SWEEP)" in err
    code, _, err = run(capsys, "distill", "--best-of", job / "targets", "--out", tmp_path / "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "is not a sweep" in err


def test_machines_share_a_storage_and_no_password_is_written_or_said(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite://{tmp_path}/shared.db".replace("sqlite://", "sqlite:///")
    code, _, err = run(capsys, *sweep(job, tmp_path / "one", "--trials", "1", "--storage", url))
    assert code == 0, err
    # another machine finds the same sweep there, and has nothing left to do
    code, _, err = run(capsys, *sweep(job, tmp_path / "two", "--trials", "1", "--storage", url))
    assert code == 0, err
    assert "trial 1 of 1" not in err
    one, two = (json.loads((tmp_path / name / "sweep.json").read_text()) for name in ("one", "two"))
    assert (one["study"], one["trials"]) == (two["study"], two["trials"])
    nobody = "postgresql+psycopg2://me:hush%21@127.0.0.1:9/sweeps?sslpassword=hush"
    code, out, err = run(capsys, *sweep(job, tmp_path / "three", "--storage", nobody))
    assert code != 0
    with pytest.raises(JoryuError) as debugged:
        main(["--debug", *sweep(job, tmp_path / "three", "--storage", nobody)])
    err += "".join(traceback.format_exception(debugged.value))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hush" in content for content in (*written, (out + err).encode()))


KILLED = """
import os, signal, sys
from joryu.cli import main
from joryu.search import trial

real = trial._Reports.watch

def watch(self, progress, step, epochs):
    real(self, progress, step, epochs)
    if (self._taken.number, progress.epoch) == (2, 6):
        os.kill(os.getpid(), signal.SIGKILL)

trial._Reports.watch = watch
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_killed_and_begun_again_it_has_the_same_trials(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = sweep(job, tmp_path / "sweep", "--trials", "3", "--search", "temperature=1..20:log", "--epochs", "12")
    command = [sys.executable, "-c", KILLED, *words]
    process = subprocess.run(command, capture_output=True, timeout=240, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr
    code, _, err = run(capsys, *words)
    assert code == 0
    assert "trial 2 of 3" in err
    assert (
        run(capsys, *[str(tmp_path / "whole") if word == str(tmp_path / "sweep") else word for word in words])[0] == 0
    )
    killed, unhurt = (json.loads((tmp_path / name / "sweep.json").read_text()) for name in ("sweep", "whole"))
    same = ("trial", "state", "values", "score", "history")
    assert [[one[name] for name in same] for one in killed["trials"]] == [
        [one[name] for name in same] for one in unhurt["trials"]
    ]
    assert killed["chosen"] == unhurt["chosen"]
    assert [one["attempts"] for one in killed["trials"]] == [1, 2, 1]
