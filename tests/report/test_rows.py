from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from joryu.report import ReportData, Role, find
from joryu.report.rows import flattened, latency_note, model_rows
from joryu.report.sections.class_answers import probs_of
from joryu.report.sections.class_tables import confused_rows, hardest_rows


def texts(cells: dict[Role, str]) -> dict[Role, str]:
    return {role: text.replace("\u00a0", " ") for role, text in cells.items()}


def test_the_table_by_hand(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    rows = {row.name: texts(row.cells) for row in model_rows(run, find(run))}
    measured = ["Accuracy", "Errors", "NLL", "ECE", "Brier score"]
    assert list(rows) == [*measured, "Parameters", "Size on disk", "Latency"]
    assert rows["Accuracy"] == {Role.TEACHER: "98.00 %", Role.STUDENT: "95.00 %", Role.TWIN: "80.00 %"}
    assert rows["Errors"] == {Role.TEACHER: "4", Role.STUDENT: "10", Role.TWIN: "40"}
    assert rows["Size on disk"][Role.TEACHER] == "4 KB"
    assert rows["Latency"] == {Role.TEACHER: "1 ms", Role.STUDENT: "100 µs", Role.TWIN: "100 µs"}


def test_rows_without_numbers_are_left_out(make_run: Callable[..., ReportData]) -> None:
    run = make_run()
    bare = [replace(card, parameters=None, bytes=None, latency=None) for card in run.models]
    names = {row.name for row in model_rows(replace(run, models=bare), find(run))}
    assert not names & {"Parameters", "Size on disk", "Latency", "Top-5 accuracy"}
    assert latency_note(replace(run, models=bare)) is None
    assert latency_note(run) == "Latency: median of 30 interleaved repeats, batch 1, 2 threads, cpu."


def test_confused_pairs_count_for_every_model(make_run: Callable[..., ReportData]) -> None:
    run = make_run(classes=[f"c{i}" for i in range(150)], n=300, teacher=[0], student=[0, 150], twin=[0, 1, 150])
    rows = confused_rows(run, find(run), probs_of(run))
    assert [(row.label, row.predicted) for row in rows] == [("c0", "c1"), ("c1", "c2")]
    assert rows[0].counts == {Role.TEACHER: 1, Role.STUDENT: 2, Role.TWIN: 2}
    assert rows[1].counts == {Role.TEACHER: 0, Role.STUDENT: 0, Role.TWIN: 1}


def test_hardest_classes_first_and_perfect_ones_left_out(make_run: Callable[..., ReportData]) -> None:
    run = make_run(n=30, student=[0, 3, 6, 1], twin=None, teacher=None)  # three cats of ten, one dog of ten
    rows = hardest_rows(run, find(run))
    assert [(row.name, row.cells[Role.STUDENT].replace("\u00a0", " ")) for row in rows] == [
        ("cat", "70.0 %"),
        ("dog", "90.0 %"),
    ]


def test_flattened_texts() -> None:
    record = {"a": {"b": {"c_d": 0.123456}}, "on": True, "big": 123456, "many": list(range(100)), "none": []}
    assert list(flattened(record)) == [
        ("a · b · c d", "0.1235"),
        ("on", "yes"),
        ("big", "123,456"),
        ("many", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … (100 in all)"),
        ("none", "–"),
    ]


def test_a_run_without_errors_confuses_nothing(make_run: Callable[..., ReportData]) -> None:
    run = make_run(student=[], twin=[], inputs=torch.rand(200, 2))
    assert confused_rows(run, find(run), probs_of(run)) == []
    assert hardest_rows(run, find(run)) == []
