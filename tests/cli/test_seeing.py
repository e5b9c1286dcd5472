"""``joryu audit --teacher``: what a teacher is shown, before anything is labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import run

from joryu.students import Blueprint, save_student

DIGITS = Blueprint(
    architecture="mlp:4x1", input_shape=(1, 8, 8), classes=tuple("0123456789"), mean=(0.3,), std=(0.4,), scale=1 / 16
)
LETTERS = DIGITS.model_copy(update={"question": DIGITS.question.one_of("abcdefghij")})


def saved(folder: Path, plan: Blueprint = DIGITS) -> str:
    save_student(folder, plan.build(), plan)
    return f"run:{folder}"


def test_a_run_is_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "seen.html"
    spec, other = saved(tmp_path / "one"), saved(tmp_path / "other")
    code, out, err = run(
        capsys,
        "audit",
        "--examples",
        "digits",
        "--teacher",
        spec,
        "--teacher",
        other,
        "--pictures",
        2,
        "--out",
        page,
        "--json",
    )
    assert (code, f"look at {page}" in err, "mean of their probabilities" in err) == (0, True, False)
    told = json.loads(out)
    assert [one["teacher"] for one in told["teachers"]] == [spec, other]
    assert told["teachers"][0]["labelled"] == 256
    assert len(told["teachers"][0]["examples"]) == 2
    assert page.read_text().count("<img") == 12


def test_a_teacher_of_other_classes_is_asked_about_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "audit", "--examples", "digits", "--teacher", saved(tmp_path / "one", LETTERS))
    assert (code, "it is asked about its own" in err, "--out seen.html" in err) == (0, True, True)
    assert "(labelled " in out
    assert "answered right" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "nothing says what to look at (expected a store, or --examples and --teacher; received none)"),
        ("--teacher run:x", "received --teacher alone"),
        ("--examples digits", "received --examples alone"),
        ("store --examples digits --teacher run:x", "received store and --teacher"),
        ("store --pictures 3", "--pictures is for a teacher, not a store"),
        ("--examples digits --teacher run:x --temperature 4", "--temperature is for a store, not a teacher"),
        ("--examples digits --teacher google-vision", "google-vision is paid by the answer"),
        ("--examples digits --teacher run:x --teacher http:y.toml", "http:y.toml is paid by the answer"),
        ("--examples digits --teacher command:cat", "command:cat is given no numbers that could be looked at"),
    ],
)
def test_one_line_for_every_mistake(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "audit", *words.split())
    assert code not in (0, 5)
    assert said in err
