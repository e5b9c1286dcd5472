from __future__ import annotations

import pytest

from joryu.errors import InputError
from joryu.evaluation import summarise
from joryu.report import ResultRow, markdown_table, results_table


def test_the_claims_table_by_hand() -> None:
    rows = [
        ResultRow(name="teacher", published=67, ours=summarise([66, 70, 68])),
        ResultRow(name="student", published=74, ours=summarise([74, 72, 76]), twin=summarise([130, 132, 134])),
        ResultRow(name="words", published="text"),
    ]
    assert results_table(rows, first="test errors") == "\n".join(
        [
            "| test errors | published | ours (3 seeds) |        twin |",
            "| :---------- | --------: | -------------: | ----------: |",
            "| teacher     |        67 |     68.0 ± 2.0 |           – |",
            "| student     |        74 |     74.0 ± 2.0 | 132.0 ± 2.0 |",
            "| words       |      text |              – |           – |",
        ]
    )


def test_one_seed_has_no_spread_and_units_follow() -> None:
    row = ResultRow(name="accuracy", published=61.1, ours=summarise([60.84]), digits=2, unit=" %")
    assert results_table([row]).splitlines()[-1] == "| accuracy |    61.1 % |       60.84 % |"
    assert "ours (1 seed)" in results_table([row])


def test_different_numbers_of_seeds_are_shown() -> None:
    rows = [ResultRow(name="a", ours=summarise([1, 2, 3])), ResultRow(name="b", ours=summarise([1, 2, 3, 4, 5]))]
    assert "ours (3–5 seeds)" in results_table(rows)


def test_no_seeds_yet() -> None:
    assert results_table([ResultRow(name="a", published=1)]).splitlines()[0] == "|     | published | ours |"


def test_bars_and_line_ends_cannot_break_a_table() -> None:
    table = markdown_table(["a"], [["x|y"], ["two\nlines"]])
    assert table.splitlines()[2:] == ["| x\\|y      |", "| two lines |"]


def test_ragged_rows_are_refused() -> None:
    with pytest.raises(InputError, match="fit its header"):
        markdown_table(["a", "b"], [["1"]])
    with pytest.raises(InputError, match="needs rows"):
        results_table([])
