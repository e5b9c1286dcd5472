"""A preparation does what scikit-learn's pipeline does, by numbers and words alone, and tells what is new to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small_tables import animals, csv, load, write

from joryu.errors import InputError
from joryu.examples.tabular import CategoryColumn, NumberColumn, TablePreparation
from joryu.examples.tabular.cells import plain


def test_rows_by_hand(tmp_path: Path) -> None:
    table = load(animals(tmp_path), target="kind")
    assert table.preparation.inputs == (
        "weight", "weight is missing", "colour=black", "colour=green", "colour=white", "colour is missing", "legs"
    )  # fmt: skip
    weights = np.array([4, 5, 39.75 / 5, 30, 0.5, 0.25])
    legs = np.array([4, 4, 4, 4, 2, 2.0])
    assert table.examples.inputs.numpy() == pytest.approx(
        np.stack(
            [
                (weights - weights.mean()) / weights.std(), [0, 0, 1, 0, 0, 0],
                [1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0],
                (legs - legs.mean()) / legs.std(),
            ],
            axis=1,
        ),
        abs=1e-6,
    )  # fmt: skip


def test_it_is_what_scikit_learns_pipeline_does(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    n = 300
    numbers = np.stack([random.normal(0, 1e-6, n), random.normal(5e4, 1e3, n), random.integers(0, 9, n)], axis=1)
    numbers[random.random((n, 3)) < [0.2, 0, 0.1]] = np.nan
    words = random.choice(["ä", "b", "z z", None], (n, 2), p=[0.4, 0.3, 0.2, 0.1])
    train, test = slice(0, 200), slice(200, None)

    def text(values: np.ndarray) -> list[str]:
        return ["" if str(value) in ("None", "nan") else str(value) for value in values]

    def table(name: str, rows: slice) -> None:
        columns = {f"n{at}": text(numbers[rows, at]) for at in range(3)}
        columns |= {f"w{at}": text(words[rows, at]) for at in range(2)}
        csv(tmp_path / "made", **columns, y=(np.arange(n) % 2)[rows].tolist()).rename(tmp_path / "made" / name)

    table("train.csv", train)
    table("test.csv", test)
    by_sklearn = ColumnTransformer(
        [
            *(
                (f"n{at}", make_pipeline(SimpleImputer(), StandardScaler()), [at])
                for at in range(3)
            ),
            *((f"w{at}", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), [3 + at]) for at in range(2)),
        ]
    )  # fmt: skip
    everything = np.concatenate([numbers.astype(object), np.where(words == None, "\uffff", words)], axis=1)  # noqa: E711
    by_sklearn.fit(everything[train])
    for split, rows in (("train", train), ("test", test)):
        loaded = load(tmp_path / "made", split)
        own = loaded.examples.inputs.numpy()
        indicators = [
            at for at, name in enumerate(loaded.preparation.inputs) if name in ("n0 is missing", "n2 is missing")
        ]
        assert len(indicators) == 2
        assert np.array_equal(own[:, indicators], np.isnan(numbers[rows][:, [0, 2]]))
        assert np.delete(own, indicators, axis=1) == pytest.approx(
            by_sklearn.transform(everything[rows]).astype(float), abs=1e-5
        )


def test_it_is_plain_json_and_needs_no_scikit_learn(tmp_path: Path) -> None:
    table = load(animals(tmp_path), target="kind")
    kept = write(tmp_path, "preparation.json", table.preparation.model_dump_json())
    assert TablePreparation.model_validate_json(kept.read_text(encoding="utf-8")) == table.preparation
    script = f"""
import sys
from pathlib import Path
from joryu.examples.tabular import TablePreparation
preparation = TablePreparation.model_validate_json(Path({str(kept)!r}).read_text())
inputs = preparation.apply(Path({str(tmp_path / "animals.csv")!r})).inputs
assert 'sklearn' not in sys.modules
sys.stdout.write(inputs.tobytes().hex())
"""
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120)
    assert run.stdout == table.examples.inputs.numpy().tobytes().hex()


def test_columns_as_lists_and_columns_that_it_does_not_know() -> None:
    preparation = TablePreparation(columns=(NumberColumn(name="a", mean=1.0, std=2.0),))
    assert preparation.apply({"more": ["x", "y"], "a": [3, 5]}).inputs.tolist() == [[1.0], [2.0]]
    assert preparation.apply({"a": ["3", "5"]}).inputs.tolist() == [[1.0], [2.0]]
    with pytest.raises(InputError, match=r"column 'a' of the table holds values of several kinds"):
        preparation.apply({"a": [3, "5"]})
    with pytest.raises(InputError, match=r"the table lacks the columns a \(expected a; received b\)"):
        preparation.apply({"b": [3]})


def test_what_was_never_seen_gives_zeros_and_is_told(tmp_path: Path) -> None:
    preparation = load(animals(tmp_path), target="kind").preparation
    later = write(tmp_path, "later.csv", "weight,colour,legs\n1,pink,2\n1,red,2\n1,pink,\n")
    inputs, remarks = preparation.apply(later)
    assert not inputs[:, 2:6].any()
    assert inputs[2, 6] == 0  # the mean
    assert remarks == [
        "column 'colour' of later.csv: 3 rows of no category it was fitted on ('pink', 'red'): zeros stand for them",
        "column 'legs' of later.csv: 1 row without a number: the mean stands for them",
    ]
    bare = TablePreparation(columns=(CategoryColumn(name="c", values=("a", "b")),))
    assert bare.apply({"c": ["a", None]}).remarks == [
        "column 'c' of the table: 1 row without a category: zeros stand for them"
    ]


def test_a_number_too_far_from_those_it_was_fitted_on_is_refused(tmp_path: Path) -> None:
    preparation = TablePreparation(columns=(NumberColumn(name="a", mean=1e-9, std=1e-9),))
    assert preparation.apply({"a": [2e-9]}).inputs.tolist() == [[pytest.approx(1.0)]]
    with pytest.raises(
        InputError, match=r"column 'a' is too far from those .*expected about 1e-09 ± 1e-09; received 1e"
    ):
        preparation.apply({"a": [1e35]})


@pytest.mark.parametrize("text", ["12,5", "heavy", "inf", "1_000", "0012"])
def test_text_where_numbers_were_is_refused_by_its_row(tmp_path: Path, text: str) -> None:
    preparation = load(animals(tmp_path), target="kind").preparation
    later = write(tmp_path, "later.csv", f'weight,colour,legs\n1,black,2\n"{text}",red,2\n')
    with pytest.raises(InputError, match=rf"column 'weight' holds numbers, and row 3 of later.csv .*received '{text}'"):
        preparation.apply(later)


@pytest.mark.parametrize("text", ["n/a", "NA", "NaN", "?", "null"])
def test_the_usual_words_for_no_number_are_told(tmp_path: Path, text: str) -> None:
    preparation = load(animals(tmp_path), target="kind").preparation
    later = write(tmp_path, "later.csv", f"weight,colour,legs\n{text},black,2\n")
    inputs, remarks = preparation.apply(later)
    assert inputs[0, :2].tolist() == [0.0, 1.0]
    assert remarks == [f"column 'weight': {text!r} in row 2 of later.csv is taken as missing"]


def test_columns_that_never_vary_are_left_out_and_told(tmp_path: Path) -> None:
    place = csv(
        tmp_path, a=[1, 1, 1, 1], b=["x"] * 4, c=["", "", "", ""], d=[1, "", 1, 1], e=[1, 2, 3, 4], y=[0, 1, 0, 1]
    )
    table = load(place)
    assert table.preparation.inputs == ("d is missing", "e")
    assert [remark for remark in table.examples.remarks if "varies" in remark] == [
        f"column {name!r} never varies: left out" for name in "abc"
    ]
    with pytest.raises(InputError, match=r"no column of set.csv varies"):
        load(csv(tmp_path, a=[1, 1], y=[0, 1]))


def test_numbers_that_are_categories(tmp_path: Path) -> None:
    place = csv(tmp_path, month=[1, 12, 2, 12], y=[0, 1, 0, 1])
    assert load(place, categories="month").preparation.inputs == ("month=1", "month=12", "month=2")
    assert load(place).preparation.inputs == ("month",)
    with pytest.raises(InputError, match=r"no column 'mont' for categories=.*did you mean month"):
        load(place, categories="mont")


def many(word: str, count: int = 202) -> list[object]:
    return [f"{word}{at // 2}" for at in range(count)]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        (["2024-01-05", "2024-02-05"] * 6, "'c' of set.csv holds dates or times.*received '2024-01-05'.*try drop=c"),
        (["5.1.2024", "6.1.2024"] * 6, "holds dates or times"),
        ([f"name {at}" for at in range(12)], "'c' of set.csv has another text in every row.*'name 0'.*try drop=c"),
        (many("w"), "too many categories .expected at most 100; received 101, as 'w0'.; try drop=c"),
        ([*range(11), "old"], "column 'c' holds numbers and text .received 'old' in row 13 of set.csv.; mend it"),
        (['"1,5"', '"2,5"', "3"] * 4, "'c' of set.csv may hold numbers, .*expected numbers as 1234.5; received '1,5'"),
        (['"1,234"', '"2,345"', "7"] * 4, "may hold numbers, which are not plainly written .*received '1,234'"),
        (["5%", "6%", "70%"] * 4, "may hold numbers, which are not plainly written .*received '5%'"),
        (["$5", "$6.50", "3"] * 4, "may hold numbers, which are not plainly written .*received .\\$5'"),
        (["1e300", *range(11)], "a number in column 'c' is too large, in row 2 of set.csv .*received 1e.300"),
        ([*range(11), "1e400"], "a number in column 'c' is too large, in row 13 of set.csv .*received inf"),
    ],
    ids=["iso dates", "dates", "names", "too many", "a text among numbers", "decimal commas", "thousands",
         "percent", "dollars", "huge", "infinite"],
)  # fmt: skip
def test_columns_that_cannot_be_meant(tmp_path: Path, column: list[object], says: str) -> None:
    place = csv(tmp_path, c=column, y=[at % 2 for at in range(len(column))])
    with pytest.raises(InputError, match=says):
        load(place)
    more = csv(tmp_path, c=column, d=list(range(len(column))), y=[at % 2 for at in range(len(column))])
    assert load(more, drop="c").preparation.inputs == ("d",)


def test_numbers_of_rows_are_refused_by_their_name(tmp_path: Path) -> None:
    n = list(range(20))
    for name in ("id", "PassengerId", "row_id", "Index"):
        with pytest.raises(InputError, match=f"column {name!r} of set.csv has another number in every row"):
            load(csv(tmp_path, **{name: n}, a=n, y=[at % 2 for at in n]))
    assert load(csv(tmp_path, solid=n, a=n, y=[at % 2 for at in n])).preparation.inputs == ("solid", "a")


def test_codes_keep_their_zeros(tmp_path: Path) -> None:
    place = csv(tmp_path, code=["01", "02", "01"], y=[0, 1, 0])
    assert load(place).preparation.inputs == ("code=01", "code=02")


def test_a_category_is_the_same_with_and_without_a_decimal_point(tmp_path: Path) -> None:
    preparation = load(csv(tmp_path, month=["1.0", "12.0", "", "1.0"], y=[0, 1, 0, 1]), categories="month").preparation
    assert preparation.apply({"month": ["12", "1"]}).inputs.tolist() == [[0, 1, 0], [1, 0, 0]]
    versions = load(csv(tmp_path, v=["1.1", "1.10", "1.1", "1.10"], y=[0, 1, 0, 1]), categories="v").preparation
    assert versions.apply({"v": ["1.10", "1.1"]}).inputs.tolist() == [[0, 1], [1, 0]]


def test_columns_of_several_lengths_and_without_a_row() -> None:
    preparation = TablePreparation(columns=(NumberColumn(name="a"), CategoryColumn(name="c", values=("x", "y"))))
    with pytest.raises(InputError, match=r"columns of the table differ in length \(received 2 in 'a', 1 in 'c'\)"):
        preparation.apply({"a": [1, 2], "c": ["x"]})
    assert preparation.apply({"a": [], "c": []}).inputs.shape == (0, 3)


def test_yes_and_no_are_the_same_category_however_a_program_writes_them(tmp_path: Path) -> None:
    place = csv(tmp_path, a=["True", "False", "True", ""], y=["u", "v", "u", "v"])
    preparation = load(place).preparation
    assert preparation.inputs == ("a=False", "a=True", "a is missing")
    for written in ([True, False, None], ["true", "false", ""], ["TRUE", "FALSE", None]):
        assert preparation.apply({"a": written}).remarks == []
        assert preparation.apply({"a": written}).inputs.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    both = TablePreparation(columns=(CategoryColumn(name="a", values=("True", "true")),))
    assert both.apply({"a": ["true", "True"]}).inputs.tolist() == [[0, 1], [1, 0]]


@given(st.lists(st.none() | st.sampled_from(["a", "b", "1", "1.0", "true", "ä b"]), min_size=2, max_size=8), st.data())
def test_rows_are_prepared_one_by_one_as_together(values: list[str | None], data: st.DataObject) -> None:
    known = data.draw(st.lists(st.sampled_from(["a", "b", "1", "true"]), min_size=2, max_size=4, unique=True))
    preparation = TablePreparation(
        columns=(CategoryColumn(name="c", values=tuple(known), missing=True), NumberColumn(name="n", mean=2.0, std=0.5))
    )
    numbers = [None if at % 3 == 1 else at for at in range(len(values))]
    table = pa.table({"c": pa.array(values, pa.string()), "n": pa.array(numbers, pa.int32())})
    together = preparation.apply(table).inputs
    alone = [preparation.apply(table.slice(at, 1)).inputs for at in range(len(values))]
    assert np.array_equal(together, np.concatenate(alone))
    assert together.dtype == np.float32
    assert np.array_equal(together[:, :-1].sum(1), [float(value is None or plain(value) in known) for value in values])
