"""Several runs on one page: one table, the same judges, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from asked_runs import masks_run, tags_run
from page_reader import read

from joryu.errors import InputError, MismatchError
from joryu.report import ReportData, Role, find
from joryu.report.several import Column, Entrant, columns_of, lines_of, render_several, several_numbers


def entrant(name: str, run: ReportData) -> Entrant:
    return Entrant(name=name, run=run, findings=find(run))


@pytest.fixture
def pair(make_run: Callable[..., ReportData]) -> list[Entrant]:
    wide = make_run(student=range(2), twin=range(3, 20), name="wide")
    return [entrant("narrow", make_run()), entrant("<wide>", wide)]


def test_the_page_is_sound(pair: list[Entrant]) -> None:
    page = render_several(pair)
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert "<wide>" not in page
    assert json.loads(reader.text["script"]) == json.loads(json.dumps(several_numbers(pair), allow_nan=False))
    assert "2 runs on 200 examples of test" in page
    assert page.count("What is taken for what") == 2


def test_a_teacher_of_both_stands_once(pair: list[Entrant]) -> None:
    assert columns_of(pair) == [
        Column(0, Role.TEACHER), Column(0, Role.STUDENT), Column(0, Role.TWIN), Column(1, Role.STUDENT),
        Column(1, Role.TWIN),
    ]  # fmt: skip


def test_another_teacher_has_a_column_of_its_own(make_run: Callable[..., ReportData]) -> None:
    both = [entrant("a", make_run()), entrant("b", make_run(teacher=range(7)))]
    assert Column(1, Role.TEACHER) in columns_of(both)


def test_one_table_by_hand(pair: list[Entrant]) -> None:
    lines = {line.name: line for line in lines_of(pair, columns_of(pair))}
    errors = lines["Errors"].cells
    assert [errors[Column(at, Role.STUDENT)] for at in (0, 1)] == ["10", "2"]
    assert [errors[Column(at, Role.TWIN)] for at in (0, 1)] == ["40", "17"]
    gain = lines["Gain over the student of narrow, per example"].cells
    assert list(gain) == [Column(1, Role.STUDENT)]
    assert gain[Column(1, Role.STUDENT)].startswith("0.04 (")  # 8 of 200
    assert several_numbers(pair)["runs"][1]["student_against_first"]["removed"] == 8


def test_other_judges_are_refused_by_name(make_run: Callable[..., ReportData]) -> None:
    others = make_run(inputs=torch.rand(200, 3))
    with pytest.raises(MismatchError, match=r"a and b are judged by different examples .*name the same --examples"):
        render_several([entrant("a", make_run()), entrant("b", others)])


def test_another_question_is_refused_by_name() -> None:
    with pytest.raises(MismatchError, match="a and b do not ask the same question"):
        render_several([entrant("a", masks_run()), entrant("b", tags_run())])


def test_one_run_is_no_comparison(make_run: Callable[..., ReportData]) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        render_several([entrant("a", make_run())])


def test_masks_of_two_students(make_run: Callable[..., ReportData]) -> None:
    run = masks_run()
    second = replace(run, models=[replace(run.cards[Role.TEACHER], role=Role.STUDENT)])
    both = [entrant("a", run), entrant("b", second)]
    lines = {line.name: line for line in lines_of(both, columns_of(both))}
    assert lines["Mean IoU"].cells[Column(1, Role.STUDENT)] == "1.000"
    assert read(render_several(both)).open == []
