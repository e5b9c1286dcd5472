"""Tables that programs write: the same values come back, whatever divides and quotes them, and every digit counts."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import load, parquet, write

from joryu.errors import InputError
from joryu.examples import load_examples, split_names
from joryu.examples.tabular.cells import CellKind, plain
from joryu.examples.tabular.files import Sheet, read_sheet
from joryu.examples.tabular.preparation import TablePreparation
from joryu.examples.tabular.table import row_ids

WORDS = st.text(alphabet="abä ,;|\t\"'\n", max_size=6)
DIVIDERS = st.sampled_from(",;\t|")


@pytest.fixture(scope="module")
def any_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "any.csv"


@settings(max_examples=60)
@given(
    rows=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5),
    names=st.lists(st.text(alphabet="xyz ,;|'\"", min_size=1, max_size=5), min_size=3, max_size=3),
    divider=DIVIDERS,
)
def test_what_a_program_writes_is_what_is_read(
    any_table: Path, rows: list[tuple[str, str, str]], names: list[str], divider: str
) -> None:
    names = [f"n{at} {name}".strip() for at, name in enumerate(names)]
    with any_table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=divider, quoting=csv.QUOTE_ALL)
        writer.writerows([names, *rows])
    sheet = read_sheet(any_table)
    assert sheet.columns == tuple(names)
    expected = [[value.strip() or None for value in row] for row in rows]
    assert [list(row.values()) for row in sheet.table.to_pylist()] == expected


@pytest.mark.parametrize("name", ["set.csv", "set.tsv"])
@pytest.mark.parametrize(
    ("header", "line", "weight"),
    [
        ('"weight, in kg, dry";y', '"1,5";{}', 1.5),
        ('"weight; in kg; dry",y', '"1.5",{}', 1.5),
        ('"a ""b, c"", d"\ty', "1,5\t{}", 1.5),
        ('y|"weight, in kg; dry"', "{}|1.5", 1.5),
    ],
)
def test_what_is_quoted_in_a_name_divides_nothing(
    tmp_path: Path, name: str, header: str, line: str, weight: float
) -> None:
    place = write(tmp_path, name, "\n".join([header, line.format("u"), line.format("v").replace("1", "2")]) + "\n")
    table = load(place, target="y")
    assert len(table.preparation.columns) == 1
    assert table.preparation.columns[0].mean == weight + 0.5  # type: ignore[union-attr]
    assert table.examples.classes == ("u", "v")


VALUES = st.none() | st.floats(-1e30, 1e30) | st.integers(-5, 5).map(float)
ROWS = st.lists(
    st.tuples(VALUES, VALUES, st.none() | st.text(alphabet="a1:-=ä", min_size=1, max_size=4)), min_size=1, max_size=8
)
KINDS = {"n": CellKind.NUMBER, "m": CellKind.NUMBER, "w": CellKind.CATEGORY}


def as_text(values: list[float | str | None]) -> pa.Array:
    return pa.array([repr(value) if isinstance(value, float) else value for value in values], pa.string())


@given(ROWS, st.permutations(["n", "m", "w"]), st.data())
def test_a_row_is_known_by_its_values_and_not_by_its_place(
    rows: list[tuple[float | None, float | None, str | None]], order: list[str], data: st.DataObject
) -> None:
    columns = dict(zip("nmw", map(list, zip(*rows, strict=True)), strict=True))
    types = {"n": pa.float64(), "m": pa.float64(), "w": pa.string()}
    table = pa.table({name: pa.array(columns[name], types[name]) for name in order})
    ids = row_ids(Sheet("x", table), {name: KINDS[name] for name in order})
    pairs = set(zip(map(bytes, ids), rows, strict=True))
    assert len({word for word, _ in pairs}) == len({row for _, row in pairs}) == len(pairs)
    turn = data.draw(st.permutations(range(len(rows))))
    assert np.array_equal(row_ids(Sheet("y", table.take(turn)), KINDS), ids[turn])
    written = Sheet("z", pa.table({name: as_text(columns[name]) for name in "wnm"}), typed=False)
    assert np.array_equal(row_ids(written, KINDS), ids)


LARGE = 2**53


@pytest.mark.parametrize("written", ["{}", "{}.0", "{}.", "+{}", "{}.00"])
def test_every_digit_of_a_large_number_counts_in_a_rows_id(tmp_path: Path, written: str) -> None:
    numbers = [LARGE, LARGE + 1, LARGE + 2, 3]
    text = "n,y\n" + "".join(f"{written.format(number)},{'uv'[at % 2]}\n" for at, number in enumerate(numbers))
    ids = load(write(tmp_path, "set.csv", text)).examples.ids
    assert len(np.unique(ids, axis=0)) == 4
    assert np.array_equal(ids, load(parquet(tmp_path / "a.parquet", n=numbers, y=list("uvuv"))).examples.ids)
    decimals = pa.array(list(map(Decimal, numbers))).cast(pa.decimal128(24, 4))
    assert np.array_equal(ids, load(parquet(tmp_path / "b.parquet", n=decimals, y=list("uvuv"))).examples.ids)


def test_a_fraction_behind_a_large_number_counts_too_and_an_exponent_is_a_floats(tmp_path: Path) -> None:
    decimals = pa.array([Decimal(f"{LARGE}.{at}") for at in (25, 5, 75, 0)])
    exact = load(parquet(tmp_path / "a.parquet", n=decimals, a=[1, 1, 1, 2], y=list("uvuv"))).examples.ids
    assert len(np.unique(exact, axis=0)) == 4
    floats = [float(LARGE * 8), 1e17, 2.5e20, 1.0]
    typed = load(parquet(tmp_path / "b.parquet", n=floats, y=list("uvuv"))).examples.ids
    text = "n,y\n" + "".join(f"{number!r},{'uv'[at % 2]}\n" for at, number in enumerate(floats))
    assert np.array_equal(load(write(tmp_path, "b.csv", text)).examples.ids, typed)


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("sign", [1, -1])
def test_classes_that_a_float_cannot_tell_apart_are_two(tmp_path: Path, typed: bool, sign: int) -> None:
    names = [sign * (LARGE * 64 + at) for at in range(3)]
    columns = {"a": list(range(12)), "y": [names[at % 3] for at in range(12)]}
    place = parquet(tmp_path / "set.parquet", **columns)
    if not typed:
        lines = [f"{a},{y}" for a, y in zip(*columns.values(), strict=True)]
        place = write(tmp_path, "set.csv", "\n".join(["a,y", *lines]) + "\n")
    examples = load(place).examples
    assert examples.classes == tuple(map(str, names))
    assert examples.labels_or_empty.tolist() == [at % 3 for at in range(12)]


def test_digits_that_no_number_has_are_a_text_like_any_other(tmp_path: Path) -> None:
    codes = ["7" * 5000, "7" * 5000 + "0", "8" * 401]
    assert list(map(plain, codes)) == codes
    text = "code,a,y\n" + "".join(f"{codes[at % 3]},{at},{'uv'[at % 2]}\n" for at in range(6))
    table = load(write(tmp_path, "set.csv", text), categories="code")
    assert torch.equal(table.examples.inputs[:3, :3].argmax(dim=1), torch.arange(3))
    assert load(write(tmp_path, "set.csv", text), target="code", kind="one-of").examples.classes == tuple(sorted(codes))


@pytest.mark.parametrize(
    "kind", [pa.float16(), pa.float32(), pa.int8(), pa.uint64(), pa.decimal128(30, 3), pa.decimal256(40, 2)], ids=str
)
def test_numbers_are_the_same_in_every_type_that_holds_them(tmp_path: Path, kind: pa.DataType) -> None:
    values = np.array([1, 2, 4, 8])
    numbers = pa.array(values.astype(np.float16)) if kind == pa.float16() else pa.array(values).cast(kind)
    found = load(parquet(tmp_path / "a.parquet", n=numbers, y=list("uvuv")))
    expected = load(parquet(tmp_path / "b.parquet", n=values.astype(float), y=list("uvuv")))
    assert found.preparation == expected.preparation
    assert torch.equal(found.examples.inputs, expected.examples.inputs)
    assert np.array_equal(found.examples.ids, expected.examples.ids)
    kept = TablePreparation.model_validate_json(found.preparation.model_dump_json())
    assert np.array_equal(kept.apply(tmp_path / "a.parquet").inputs, expected.examples.inputs.numpy())


def test_what_macos_leaves_beside_a_table_is_no_table(tmp_path: Path) -> None:
    write(tmp_path / "two", "train.csv", "a,y\n1,u\n2,v\n")
    write(tmp_path / "two", "test.csv", "a,y\n3,u\n")
    write(tmp_path / "one", "leaves.csv", "a,y\n1,u\n2,v\n")
    for beside in ("two/._train.csv", "two/._test.csv", "one/._leaves.csv"):
        (tmp_path / beside).write_bytes(b"\x00\x05\x16\x07 of no interest")
    assert split_names(f"table:{tmp_path}/two,target=y") == ("train", "test")
    assert len(load_examples(f"table:{tmp_path}/two,target=y", split="all")) == 3
    assert len(load(tmp_path / "one").examples) == 2
    (tmp_path / "one" / "leaves.csv").unlink()
    with pytest.raises(InputError, match=r"holds no table that can be told .*received none"):
        load(tmp_path / "one")
