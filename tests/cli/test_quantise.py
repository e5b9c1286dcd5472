"""``joryu quantise``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joryu.cli import main


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("quantise")
    for command in (
        f"train --network mlp:64x1 --examples digits --epochs 15 --batch-size 64 --learning-rate 5e-3 --out {root}/big",
        f"label --teacher run:{root}/big --examples digits --out {root}/targets",
        f"distill --student mlp:24x1 --examples digits --targets {root}/targets --out {root}/run --twin --labelled 0.1 "
        "--epochs 12 --batch-size 64 --learning-rate 0.005",
        f"quantise {root}/run --out {root}/int8 --twin",
    ):
        with pytest.raises(SystemExit) as stopped:
            main(command.split())
        assert stopped.value.code == 0, command
    return root


def test_it_says_what_it_chose_and_leaves_a_run(job: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "quantise", job / "run", "--out", job / "int8", "--twin", "--json")
    assert code == 0
    assert "fine-tuning for 3 epoch(s), from a learning rate of 0.0005" in err
    found = json.loads(out)
    assert (found["run"], found["from"], found["epochs"]) == (str(job / "int8"), str(job / "run"), 3)
    assert found["validation_accuracy"] > 0.8
    for name in ("student.json", "student.safetensors", "student-ranges.json", "twin/student-ranges.json"):
        assert (job / "int8" / name).is_file()


@pytest.mark.slow
def test_report_and_predict_compute_under_fake_quantisation(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = run(capsys, "report", job / "int8", "--out", tmp_path / "page.html")
    assert code == 0
    page = (tmp_path / "page.html").read_text()
    assert "mlp:24x1, under fake quantisation" in page
    assert "mlp:24x1, hard labels, under fake quantisation" in page
    assert "computing as their int8 forms will" in page


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["big"], 2, "was not distilled"),
        (["targets"], 2, "is not a run"),
        (["int8"], 2, "under fake quantisation already"),
        (["run", "--epochs", "0"], 2, "--epochs"),
        (["run", "--targets", "nowhere"], 2, "nowhere"),
    ],
)
def test_a_mistake_gets_one_line(
    words: list[str], code: int, message: str, job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *rest = words
    found, _, err = run(capsys, "quantise", job / first, "--out", tmp_path / "out", *rest)
    assert found == code
    assert message in err
    assert err.count("joryu: ") == 1
    assert not (tmp_path / "out").exists()
