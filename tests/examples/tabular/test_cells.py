"""The values of a column: the same numbers however they are written, and nothing guessed of what is none."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.examples.tabular.cells import (
    CellKind,
    column_kind,
    is_number,
    large_numbers,
    number_text,
    numbers,
    plain,
    says_missing,
    shown,
    texts,
)
from joryu.examples.tabular.files import Sheet

FINITE = st.floats(-1e30, 1e30)


def sheet(values: list[Any], kind: pa.DataType | None = None, *, typed: bool = True) -> Sheet:
    return Sheet("x.csv", pa.table({"c": pa.array(values, kind)}), typed=typed, first_row=2)


@given(FINITE)
def test_a_number_is_read_back_from_its_text_and_written_alike_again(value: float) -> None:
    text = number_text(value)
    assert float(text) == value
    assert is_number(text)
    assert plain(text) == text


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.sampled_from(["{}", "{}.0", "{}.", "{}e0", "{}.00"]))
def test_a_whole_number_has_one_text_however_it_is_written(value: int, form: str) -> None:
    assert plain(form.format(value)) == str(value)


@given(st.lists(st.none() | FINITE, min_size=1, max_size=12))
def test_numbers_as_text_and_as_numbers_are_the_same_column(values: list[float | None]) -> None:
    as_numbers, _ = numbers(sheet(values, pa.float64()), "c")
    as_text, _ = numbers(sheet([None if value is None else repr(value) for value in values], pa.string()), "c")
    expected = np.array([math.nan if value is None else value for value in values])
    assert np.array_equal(as_numbers, expected, equal_nan=True)
    assert np.array_equal(as_text, expected, equal_nan=True)
    assert texts(sheet(values, pa.float64()), "c") == [None if v is None else number_text(v) for v in values]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", True), ("-3.5", True), ("+5", True), (".5", True), ("5.", True), ("1e-3", True), ("1E5", True),
        ("0", True), ("0.5", True), ("00", False), ("01234", False), ("-01", True), ("", False), (".", False),
        ("1,5", False), ("1.234,5", False), ("$3", False), ("5%", False), ("1e", False), ("e5", False), ("inf", False),
        ("nan", False), ("0x10", False), ("1_000", False), ("1 000", False), ("--1", False), ("one", False),
    ],
)  # fmt: skip
def test_what_is_a_plain_number(text: str, number: bool) -> None:
    assert is_number(text) is number
    if not number:
        assert plain(text) == text


@pytest.mark.parametrize("text", ["NA", "n/a", "#N/A", "NaN", "-nan", "null", "None", "nil", "?", "-"])
def test_a_word_for_no_number_is_one_in_a_column_of_numbers_and_is_told(text: str) -> None:
    assert says_missing(text)
    found, remarks = numbers(sheet(["1", f" {text} ", "3", text], pa.string(), typed=False), "c")
    assert np.array_equal(found, [1, math.nan, 3, math.nan], equal_nan=True)
    assert remarks == [f"column 'c': {text!r} in row 3 of x.csv is taken as missing"]


@pytest.mark.parametrize("text", ["", "missing", "N.A.", "0", "--", "nothing"])
def test_other_words_are_not_guessed_at(text: str) -> None:
    assert not says_missing(text)


@pytest.mark.parametrize(
    ("text", "hint"), [("three", None), ("1,5", "write decimal points"), ("007", None), ("5 kg", None)]
)
def test_what_is_no_number_is_named_by_its_row(text: str, hint: str | None) -> None:
    with pytest.raises(InputError, match=r"column 'c' holds numbers, and row 4 of x\.csv something else") as refused:
        numbers(sheet(["1", "2", text], pa.string(), typed=False), "c")
    assert repr(text) in str(refused.value)
    assert refused.value.hint == hint


@pytest.mark.parametrize("kind", [pa.float64(), pa.string()])
@pytest.mark.parametrize("value", [1e39, -1e39, 1e300])
def test_a_number_that_no_input_can_hold_is_named_by_its_row(kind: pa.DataType, value: float) -> None:
    values = [1.0, value] if kind == pa.float64() else ["1", repr(value)]
    with pytest.raises(InputError, match=r"too large, in row 3 of x\.csv .*try drop=c"):
        numbers(sheet(values, kind), "c")


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_number_is_no_missing_one(value: float) -> None:
    with pytest.raises(InputError, match="too large, in row 2"):
        numbers(sheet([value, 1.0], pa.float64()), "c")


@given(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=8))
def test_digits_that_a_float_would_lose_are_kept(values: list[int]) -> None:
    table = sheet(values, pa.int64())
    found = large_numbers(table, "c", numbers(table, "c")[0])
    assert found == {at: str(value) for at, value in enumerate(values) if abs(float(value)) >= 2**53}
    assert texts(table, "c") == list(map(str, values))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", ""], CellKind.NUMBER),
        (["1", "NA", "3"], CellKind.NUMBER),
        (["red", "blue"], CellKind.CATEGORY),
        (["red", "blue", "green", "7"], CellKind.CATEGORY),
        (["01234", "00501"], CellKind.CATEGORY),
        (["true", "false"], CellKind.CATEGORY),
    ],
)
def test_of_a_csv_file_the_values_decide(values: list[str], kind: CellKind) -> None:
    assert column_kind(sheet(values, typed=False), "c") is kind


@pytest.mark.parametrize(
    ("kind", "values", "found"),
    [
        (pa.int8(), [1, 2], CellKind.NUMBER), (pa.float32(), [1.5, None], CellKind.NUMBER),
        (pa.bool_(), [True], CellKind.CATEGORY), (pa.large_string(), ["a"], CellKind.CATEGORY),
        (pa.string(), ["1", "2"], CellKind.CATEGORY), (pa.decimal128(6, 2), [1, 2], CellKind.NUMBER),
        (pa.dictionary(pa.int32(), pa.string()), ["a", "b"], CellKind.CATEGORY),
    ],
)  # fmt: skip
def test_of_a_parquet_file_the_type_decides(kind: pa.DataType, values: list[Any], found: CellKind) -> None:
    assert column_kind(sheet(values, kind), "c") is found


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["2024-01-05", "2024-02-06"], "dates or times"),
        (["5.1.2024", "6/2/24"], "dates or times"),
        (["12:30", "08:15:00"], "dates or times"),
        (["1,5", "2,5", "3"], r"not plainly written .*numbers as 1234\.5"),
        (["$3", "$4.50"], "not plainly written"),
        (["5%", "10%"], "not plainly written"),
        (["01234", "10501"], "holds numbers and text .*'01234' in row 2"),  # a code beside what may be a number
        (["1", "2", "3", "red"], "holds numbers and text .*'red' in row 5 of x.csv"),
    ],
)
def test_what_may_be_meant_as_numbers_and_is_none_is_asked_about(values: list[str], says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        column_kind(sheet(values, typed=False), "c")
    assert "drop=c" in str(refused.value)


@pytest.mark.parametrize("kind", [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.binary()])
def test_what_is_no_column_of_a_table_is_refused(kind: pa.DataType) -> None:
    values = {"list<item: int8>": [[1]], "binary": [b"a"]}.get(str(kind), [{"a": 1}])
    with pytest.raises(InputError, match="cannot be read"):
        column_kind(sheet(values, kind), "c")


@given(st.text(max_size=200))
def test_a_value_is_shown_quoted_and_short(text: str) -> None:
    assert shown(text)[0] in "'\""
    assert shown(text) == repr(text) or "…" in shown(text)
    assert len(ast.literal_eval(shown(text))) <= 41
