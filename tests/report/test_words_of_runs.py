"""What a run is said to be, on the first lines of its page, in a terminal, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asked_runs import RUNS, numbers_run, tags_run, unlabelled

from joryu.evaluation import Evaluated
from joryu.report import ReportData, Role, find, report_numbers
from joryu.report.likeness_words import ALIKE, likeness_headline, likeness_of, likeness_sentence
from joryu.report.provenance import as_found_from_here, provenance_of
from joryu.report.run_sentence import FEW, evaluated_in_words, run_in_words
from joryu.report.summary import summary_lines
from joryu.training.setup import LABELS, NOTED


def record(objective: Mapping[str, Any] = {}, **notes: Any) -> dict[str, Any]:
    request = {"examples": {"n": 1200}, "recipe": {"seed": 3, "epochs": 2}, "objective": dict(objective)}
    return {"request": request, "notes": notes, "joryu": "1.0", "seconds": 2.5}


def said(of: dict[str, Any], *, twin: bool = True) -> str:
    return (
        run_in_words(of, evaluated_on="9 examples", twin=twin)
        .replace("\u00a0", " ")
        .removeprefix("Judged by 9 examples. ")
    )


@pytest.mark.parametrize(
    ("objective", "notes", "words"),
    [
        ({}, {}, "Student and twin learned from 1,200 examples with the labels they have; seed 3."),
        (
            {"temperature": 4.0, "hard_weight": 0.25}, {NOTED: {"labelled": 0.025}},
            "Student and twin learned from 1,200 examples with 2.5 % of their labels; temperature 4, hard weight 0.25,"
            " seed 3.",
        ),
        ({"hard_weight": 0}, {LABELS: 0}, "… without a label; hard weight 0, seed 3."),
        ({"hard_weight": 0}, {LABELS: 7}, "… with the labels they have; hard weight 0, seed 3."),
        ({"factor": "T^2"}, {NOTED: None}, "… with the labels they have; soft part times T², seed 3."),
        ({"hard_loss": "cross-entropy+dice"}, {}, "… labels by cross-entropy + dice, seed 3."),
        ({"class_weights": [1, 2.5]}, {}, "… class weights 1, 2.5, seed 3."),
        ({"class_weights": [1.0, *[0.25] * FEW, 3.75]}, {}, "… class weights 0.25 to 3.75, seed 3."),
        ({"main": {"class_weights": [1, 2], "hard_loss": "dice"}}, {}, "… labels by dice, class weights 1, 2, seed 3."),
        (
            {}, {NOTED: {"int8": True}},
            "Student and twin, computing as their int8 forms will, learned from 1,200 examples with the labels they"
            " have; seed 3.",
        ),
    ],
)  # fmt: skip
def test_the_setting_of_a_run_in_words(objective: dict[str, Any], notes: dict[str, Any], words: str) -> None:
    found = said(record(objective, **notes))
    start, gap, end = words.partition("… ")
    assert found.endswith(end) if gap else found == start


def test_a_student_alone_is_one() -> None:
    assert said(record(), twin=False).startswith("The student learned from 1,200 examples")
    quantised = said(record(**{NOTED: {"int8": True}}), twin=False)
    assert quantised.startswith("The student, computing as its int8 form will, learned from")


def test_what_judges_is_named_by_its_part() -> None:
    assert evaluated_in_words(1, "a & b", split="test", held_out=0) == "1 example of a & b, its test split"
    held = evaluated_in_words(1500, "set", split="train", held_out=1 / 3).replace("\u00a0", " ")
    assert held == "1,500 examples of set, the 33.33 % of its train split that were held out"


def test_every_measure_of_likeness_has_its_words() -> None:
    """Of a measure without words the page's title would say nothing."""
    for make in RUNS.values():
        found = find(unlabelled(make())).of_student
        alike = likeness_of(found)
        assert alike is not None and alike[0].name == found.measures[0].name
        headline = likeness_headline(found)
        assert alike[1].value(alike[0].value or 0.0) in headline.title
        assert headline.tone == "open"
    several = find(replace(unlabelled(numbers_run()), units=(1.0, 50.0))).of_student
    assert several.measures[0].name.startswith("standardised")
    assert "standard deviations" in likeness_headline(several).title
    assert "correlation" in likeness_headline(several).detail.lower()


def test_a_likeness_that_is_not_defined_is_not_said() -> None:
    found = find(unlabelled(tags_run())).of_student
    measures = tuple(replace(one, value=None) for one in found.measures)
    undefined: Evaluated = replace(found, measures=measures)  # type: ignore[type-var]
    assert likeness_of(undefined) is None
    headline = likeness_headline(undefined)
    assert headline.title == "The student beside its teacher on 60 examples"
    assert "None" not in headline.detail
    sentence = likeness_sentence(
        {"n": 60, "measures": [{"name": "same tags as the teacher", "value": None, "unit": "share"}]}
    )
    assert sentence == "no label to judge by: same tags as the teacher –, on 60 examples"


def test_the_likeness_of_classes_is_one_number_in_a_terminal(make_run: Callable[..., ReportData]) -> None:
    run = unlabelled(make_run())
    (line,) = summary_lines({"headline": "what was found", **report_numbers(run)})
    assert line == "no label to judge by: student and teacher agree on 0.9700 of 200 examples"
    assert set(ALIKE) >= {one.name for one in find(run).of_student.measures[:1]}


def test_errors_of_every_model_stand_below_one_another(make_run: Callable[..., ReportData]) -> None:
    headline, head, *rows = summary_lines({"headline": "what was found", **report_numbers(make_run())})
    assert headline == "what was found"
    assert head.split() == ["accuracy", "errors", "NLL", "Brier", "ECE", "agreement", "inherited"]
    assert [row.split()[:3] for row in rows] == [
        ["teacher", "0.9800", "4"], ["student", "0.9500", "10"], ["twin", "0.8000", "40"],
    ]  # fmt: skip
    assert rows[0].split()[-2:] == ["–", "–"]
    assert rows[1].endswith("4 of 4")
    assert {len(row) for row in rows} == {len(head)}
    for title in ("errors", "ECE"):
        end = head.index(title) + len(title)
        assert all(row[end - 1] != " " and row[end] == " " for row in rows)


def test_a_teacher_that_is_gone_is_said_to_be(make_run: Callable[..., ReportData]) -> None:
    for run in (make_run(), tags_run()):
        gone = [replace(card, replies=None) if card.role is Role.TEACHER else card for card in run.models]
        lines = summary_lines({"headline": "what was found", **report_numbers(replace(run, models=gone))})
        assert sum("not found again" in line for line in lines) == 1
        assert any(line.split()[:1] == ["teacher"] and line.endswith("not found again") for line in lines)


def test_other_measures_have_a_row_each_and_their_models_a_column() -> None:
    _, head, *rows = summary_lines({"headline": "what was found", **report_numbers(tags_run())})
    assert head.split() == ["teacher", "student", "twin"]
    names = [measure.name for measure in find(tags_run()).of_student.measures]
    assert [row[: len(name)] for row, name in zip(rows, names, strict=True)] == names
    assert len({len(line) for line in (head, *rows)}) == 1
    assert all(row.split()[-1] != "None" for row in rows)


def test_specs_of_a_record_are_found_from_here(tmp_path: Path) -> None:
    for name in ("pictures", "runs/first"):
        (tmp_path / name).mkdir(parents=True)
    made = record(examples="folder:pictures", targets="gone", size=64)
    found = as_found_from_here({**made, "typed_in": "../.."}, tmp_path / "runs" / "first")
    assert found["notes"] == {"examples": f"folder:{tmp_path / 'pictures'}", "targets": "gone", "size": 64}
    assert made["notes"]["examples"] == "folder:pictures"  # the record itself stays as it was
    bare = {name: value for name, value in record().items() if name != "notes"}
    assert as_found_from_here(bare, tmp_path)["notes"] == {}


def test_how_a_run_was_made_leaves_out_what_was_not_recorded() -> None:
    made = record({"temperature": 2.0}, best_of={"trial": 3})
    found = provenance_of(made, None)
    assert found == {
        "joryu": "1.0", "seconds": 2.5, "objective": {"temperature": 2.0}, "recipe": {"seed": 3, "epochs": 2},
        "examples": {"n": 1200}, "chosen by a sweep": {"trial": 3},
    }  # fmt: skip
