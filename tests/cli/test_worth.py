"""``joryu worth``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run

SIZES = "25,50,100,200"


def test_a_table_a_figure_and_what_is_expected(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["worth", job / "targets", "--examples", "digits", "--student", "mlp:16x1", "--out", tmp_path / "worth",
             "--sizes", SIZES, "--epochs", "3", "--batch-size", "32", "--next", "50"]  # fmt: skip
    code, out, err = run(capsys, *words)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("error by accuracy, on ")
    assert [line.split()[0] for line in lines[2:6]] == SIZES.split(",")
    assert "50 answers: the error falls by" in out or "nothing is said of 50 more answers" in out
    assert lines[-1].endswith("worth.svg") and (tmp_path / "worth" / "worth.svg").is_file()
    code, again, _ = run(capsys, *words, "--json")
    assert code == 0
    content = json.loads(again)
    assert list(content["errors"]) == SIZES.split(",")
    assert content == json.loads((tmp_path / "worth" / "worth.json").read_text())


def test_a_mistake_is_one_line(job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["worth", job / "targets", "--examples", "digits", "--student", "mlp:16x1", "--out", tmp_path / "worth"]
    for more, said in (
        (["--sizes", "10,x"], "--sizes cannot be read"), (["--draws", "1"], "--draws is not usable"),
        (["--test", "0"], "--test is not usable"),
    ):  # fmt: skip
        code, out, err = run(capsys, *words, *more)
        assert (code, out) == (2, "")
        assert said in err.splitlines()[-1]
