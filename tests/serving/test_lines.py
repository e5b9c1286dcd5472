"""Predictions as lines of a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from joryu.serving import Wanted, load
from joryu.serving.lines import json_lines, table_lines
from joryu.serving.outcome import Outcome


def test_an_output_may_be_called_as_a_column_is(pictures: Path, student: Callable[..., Path]) -> None:
    found = list(load(student("numbers", heads={"log_variance": ("weight", "file")})).predict_each(pictures))
    head, *rows = table_lines(found)
    assert head.split() == ["file", "weight", "file"]
    answer = found[0].answer
    said = [f"{answer.numbers[name]:.6g} ± {answer.deviations[name]:.3g}" for name in ("weight", "file")]
    assert " ".join(rows[0].split()).endswith(" ".join(said))
    assert len(rows) == 12


@pytest.mark.parametrize(
    ("kind", "shown"), [("mask", "salt"), ("masks", "a/b.c"), ("segments", "classes"), ("tags", "tags")]
)
def test_every_question_has_a_row(kind: str, shown: str, pictures: Path, student: Callable[..., Path]) -> None:
    lines = list(table_lines(load(student(kind)).predict_each(pictures)))
    assert lines[0].split()[:2] == ["file", shown]
    assert len(lines) == 13
    assert [*table_lines(load(student(kind)).predict_each(pictures), headed=False)] == lines[1:]


def test_what_is_said_stands_below_its_head_however_long_a_path_is(
    pictures: Path, student: Callable[..., Path]
) -> None:
    names = ["holiday/" * 10 + "a.png", "b.png"]
    wanted = [Wanted(pictures / "00.png", name) for name in names]
    head, *rows = table_lines(load(student("classes")).predict_each(wanted))
    at = head.index("class")
    assert [row[:at].rstrip() for row in rows] == names


def test_no_tag_above_the_threshold_is_said(pictures: Path, student: Callable[..., Path]) -> None:
    [_, row] = table_lines(load(student("tags"), threshold=1.0).predict_each([pictures / "00.png"]))
    assert row.endswith("  none above 1")


def test_a_long_list_is_printed_as_it_comes(pictures: Path, student: Callable[..., Path]) -> None:
    path, taken = pictures / "00.png", []

    def names():
        for at in range(1000):
            taken.append(at)
            yield Wanted(path, f"picture {at}")

    lines = table_lines(load(student("classes"), batch_size=10).predict_each(names()))
    for _ in range(102):
        line = next(lines)
    assert line.startswith("picture 100  ")
    assert len(taken) == 110


def test_what_was_left_out_is_counted_and_nothing_at_all_is_refused(
    pictures: Path, student: Callable[..., Path]
) -> None:
    outcome = Outcome()
    wanted = [Wanted(pictures / "00.png", "a"), Wanted(pictures / "none", "b")]
    assert len(list(json_lines(outcome.counted(load(student("classes")).predict_each(wanted))))) == 2
    assert outcome.predicted == 1
    assert [one.name for one in outcome.left_out] == ["b"]
    outcome.require_some()
