"""Tables of results: what stands in them, and that nothing in a cell can break them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.evaluation import summarise
from joryu.report import ResultRow, markdown_table, results_table
from joryu.report.tables import as_published


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


ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\\"), max_size=12)


@given(st.lists(st.lists(ANY_TEXT, min_size=3, max_size=3), min_size=1, max_size=4), st.integers(0, 3))
def test_a_table_has_a_line_for_each_row_and_as_many_cells_whatever_is_in_them(
    rows: list[list[str]], left: int
) -> None:
    """A lone carriage return ends a line of Markdown too."""
    table = markdown_table(["a", "b", "c"], rows, left=left)
    found = re.split(r"\r\n|\r|\n", table)
    assert len(found) == 2 + len(rows)
    for line, row in zip(found[2:], rows, strict=True):
        cells = re.split(r"(?<!\\)\|", line)
        assert (len(cells), cells[0], cells[-1]) == (5, "", "")
        read = [cell.replace("\\|", "|").split() for cell in cells[1:-1]]
        assert read == [text.split() for text in row]
    assert len({len(line) for line in found}) == 1
    assert [cell.strip().startswith(":") for cell in found[1].split("|")[1:-1]] == [at < left for at in range(3)]


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (138_357_544, "138357544"), (67, "67"), (61.1, "61.1"), (0.1 + 0.2, "0.3"), (1234.5678, "1234.5678"),
        (1e-5, "1e-05"), (0, "0"), (-2.5, "-2.5"), (None, "–"), ("about 70", "about 70"),
    ],
)  # fmt: skip
def test_a_published_number_keeps_all_its_digits(published: float | str | None, said: str) -> None:
    """Of more than six digits it once was rounded, and looked like another paper's."""
    unit = " %" if isinstance(published, int | float) else ""
    assert as_published(ResultRow(name="a", published=published, unit=" %")) == f"{said}{unit}"
