"""Tables as examples: files and splits, ids, sources and the specs that name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from sklearn import datasets
from small_tables import ANIMALS, animals, csv, load, parquet, write

from joryu.errors import InputError
from joryu.examples import Examples, has_split, load_examples, locate, split_examples
from joryu.examples.loading import load_prepared_table, split_names
from joryu.examples.tabular.files import read_sheet


def as_parquet(path: Path) -> Path:
    return parquet(
        path, kind=["cat", "cat", "cat", "dog", "bird", "bird"], legs=[4, 4, 4, 4, 2, 2],
        colour=pa.array(["black", "white", "black", None, "green", "white"]).dictionary_encode(),
        weight=[4.0, 5.0, None, 30.0, 0.5, 0.25],
    )  # fmt: skip


def test_csv_and_parquet_in_any_order_are_the_same_rows(tmp_path: Path) -> None:
    one = load(animals(tmp_path), target="kind").examples
    other = load(as_parquet(tmp_path / "animals.parquet"), target="kind").examples
    assert np.array_equal(one.ids, other.ids)
    assert one.labels is not None
    assert other.labels is not None
    assert torch.equal(one.labels, other.labels)
    assert one.name == other.name == "animals"
    lines = ANIMALS.splitlines()
    turned = write(tmp_path, "turned.csv", "\n".join([lines[0], *lines[:0:-1]]))
    assert np.array_equal(load(turned, target="kind").examples.ids, one.ids[::-1])


def test_a_row_has_one_id_whatever_was_fitted(tmp_path: Path) -> None:
    few = load(animals(tmp_path), target="kind").examples
    more = write(tmp_path, "more.csv", ANIMALS + "900.0,grey,4,cow\n")
    assert np.array_equal(load(more, target="kind").examples.ids[:6], few.ids)
    assert not np.array_equal(load(more, target="kind").examples.inputs[0, 0], few.inputs[0, 0])
    assert len(np.unique(few.ids, axis=0)) == 6
    dropped = load(animals(tmp_path), target="kind", drop="weight").examples
    assert len(np.unique(dropped.ids, axis=0)) == 5  # two black ones are then the same


def test_numbers_that_floats_cannot_tell_apart_are_two_rows(tmp_path: Path) -> None:
    place = csv(tmp_path, a=[1, 2, 3], n=[2**63, 2**63 + 1, "n/a"], y=["u", "v", "u"])
    one = load(place, drop="a", categories="n").examples.ids
    numbers = load(csv(tmp_path, n=[2**62, 2**62 + 1, 0], y=["u", "v", "u"])).examples.ids
    typed = load(parquet(tmp_path / "set.parquet", n=[2**62, 2**62 + 1, 0], y=["u", "v", "u"])).examples.ids
    assert len(np.unique(one, axis=0)) == len(np.unique(numbers, axis=0)) == 3
    assert np.array_equal(numbers, typed)


def test_values_do_not_run_together(tmp_path: Path) -> None:
    rows = {"a": ["x", "xy", "", "1"], "b": ["yz", "z", "1", ""], "y": [0, 1, 0, 1]}
    ids = load(csv(tmp_path, **rows)).examples.ids
    assert len(np.unique(ids, axis=0)) == 4


def test_a_folder_of_splits_is_measured_on_train(tmp_path: Path) -> None:
    write(tmp_path / "set", "train.csv", "id,a,y\n7,1,0\n8,3,1\n")
    write(tmp_path / "set", "test.csv", "id,a\n9,5\n")
    write(tmp_path / "set", "sample_submission.csv", "id,y\n9,0\n")
    train, test = (load(tmp_path / "set", split, drop="id") for split in ("train", "test"))
    assert train.preparation == test.preparation
    assert train.examples.inputs.tolist() == [[-1.0], [1.0]]
    assert test.examples.inputs.tolist() == [[3.0]]
    assert test.examples.labels is None
    assert test.examples.question == train.examples.question
    assert test.examples.sources == ("test.csv#2",)
    assert "test.csv has no y: its rows have no labels" in test.examples.remarks
    assert "beside the splits and not read: sample_submission.csv" in test.examples.remarks
    assert split_names(f"table:{tmp_path / 'set'},target=y") == ("train", "test")
    assert not has_split(f"table:{tmp_path / 'set'}", "validation")


def test_columns_that_a_split_lacks_or_has_beside(tmp_path: Path) -> None:
    write(tmp_path / "set", "train.csv", "a,b,y\n1,2,0\n3,1,1\n")
    write(tmp_path / "set", "test.csv", "a,more,y\n5,1,0\n")
    with pytest.raises(InputError, match=r"test.csv lacks the columns b .expected a, b; received a, more, y"):
        load(tmp_path / "set", "test")
    write(tmp_path / "set", "test.csv", "b,more,a,y\n5,1,0,1\n")
    assert load(tmp_path / "set", "test").examples.inputs.tolist() == [[-2.0, 7.0]]


def test_a_split_that_lacks_one_of_two_targets(tmp_path: Path) -> None:
    write(tmp_path / "set", "train.csv", "a,u,v\n1,2,0\n3,1,1\n")
    write(tmp_path / "set", "test.csv", "a,u\n1,2\n")
    with pytest.raises(InputError, match=r"test.csv lacks the targets v"):
        load(tmp_path / "set", "test", target="u;v")


def test_one_table_is_one_set(tmp_path: Path) -> None:
    place = animals(tmp_path)
    assert len(load(place, "all", target="kind").examples) == 6
    with pytest.raises(InputError, match="one set without splits"):
        load(place, "test", target="kind")
    alone = load(tmp_path, target="kind").examples
    assert alone.remarks[0] == "read animals.csv"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.csv": ANIMALS, "b.csv": ANIMALS}, "holds no table that can be told .*received a.csv, b.csv"),
        ({"train.csv": ANIMALS, "Training.tsv": ANIMALS}, "has the split train more than once"),
        ({"notes.txt": "x"}, "holds no table that can be told .*received none"),
    ],
)
def test_folders_that_cannot_be_told(tmp_path: Path, files: dict[str, str], says: str) -> None:
    for name, text in files.items():
        write(tmp_path / "set", name, text)
    with pytest.raises(InputError, match=says):
        load(tmp_path / "set", target="kind")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n1,2\n", "names no columns"),
        (b"a,y\n", "has no row"),
        (b"a,y\n1,2\n3\n", r"cannot be read as a table .*Row #3: Expected 2 columns, got 1"),
        (b"a,y\n" + b"1,x\n" * 9000 + b"1,\xe9\n", "cannot be read as a table .*UTF8.*save it as UTF-8"),
        (b"\xe9,y\n1,2\n", "no UTF-8 text .*save it as UTF-8"),
        (b"a,a,y\n1,2,3\n", "a column's name comes twice in set.csv .received 'a'"),
        (b"a,,y\n1,7,3\n", "column 2 of set.csv has no name"),
        (b"5.1,3.5\n4.9,3.0\n", r"does not name its columns .*received 5.1, 3.5.*write a line of names"),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "set.csv").write_bytes(content)
    with pytest.raises(InputError, match=says):
        load(tmp_path / "set.csv", target="y")


def test_a_damaged_parquet_file_and_columns_that_are_no_columns_of_a_table(tmp_path: Path) -> None:
    whole = as_parquet(tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"torn.parquet cannot be read as a table"):
        load(tmp_path / "torn.parquet", target="kind")
    when = pa.array([0, 1], pa.timestamp("s"))
    for column in (pa.array([[1], [2]]), when, pa.array([b"1", b"2"])):
        place = parquet(tmp_path / "odd.parquet", a=column, b=[1, 2], y=[0, 1])
        with pytest.raises(InputError, match=r"column 'a' of odd.parquet .*try drop=a"):
            load(place)
        assert load(place, drop="a").preparation.inputs == ("b",)


def test_the_types_that_a_parquet_column_may_have(tmp_path: Path) -> None:
    place = parquet(
        tmp_path / "set.parquet", nothing=pa.nulls(3), none=pa.array([None] * 3, pa.string()),
        half=pa.array([1.5, 2, float("nan")], pa.float32()), money=pa.array([1, 2, 3]).cast(pa.decimal128(21, 2)),
        words=pa.array(["a", "b", None], pa.large_string()), truth=[True, False, None],
        y=pa.array(["u", "v", "u"]).dictionary_encode(),
    )  # fmt: skip
    table = load(place)
    assert table.preparation.inputs == (
        "half", "half is missing", "money", "words=a", "words=b", "words is missing",
        "truth=false", "truth=true", "truth is missing",
    )  # fmt: skip
    assert table.examples.inputs[:, 3:6].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert table.examples.inputs[:, 6:].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    left_out = [remark for remark in table.examples.remarks if "left out" in remark]
    assert left_out == [f"column {name!r} never varies: left out" for name in ("nothing", "none")]


def test_other_dividers_and_decimal_commas_are_told(tmp_path: Path) -> None:
    place = write(tmp_path, "set.csv", "\ufeffä x;b;y\n1,5;u,v;0\n2;w;1\n")
    table = load(place)
    assert table.preparation.inputs == ("ä x", "b=u,v", "b=w")
    assert table.examples.remarks[:2] == (
        "the values of set.csv are divided by semicolons",
        "the commas in ä x of set.csv are taken as decimal points",
    )
    assert table.preparation.columns[0].mean == 1.75  # type: ignore[union-attr]
    tabbed = write(tmp_path, "set.tsv", "a\tb\ty\n1\t2,5\t0\n3\t1\t1\n")
    assert load(tabbed).examples.inputs.shape == (2, 2)


def test_quotes_lines_in_values_and_a_column_that_counts_rows(tmp_path: Path) -> None:
    place = write(tmp_path, "set.csv", ',a,y\n0,"one\n""two"", three",x\n1, plain ,z\n')
    table = load(place)
    assert table.preparation.inputs == ('a=one\n"two", three', "a=plain")
    assert "a column of set.csv without a name only counts its rows: left out" in table.examples.remarks
    trailing = load(write(tmp_path, "set.csv", "a,y,\n1,x,\n2,z,\n"))
    assert trailing.preparation.inputs == ("a",)
    assert "a column of set.csv without a name is empty: left out" in trailing.examples.remarks


@pytest.mark.parametrize(
    ("name", "shape", "link"),
    [
        ("iris", (150, 4), "softmax"), ("wine", (178, 13), "softmax"),
        ("breast-cancer", (569, 30), "softmax"), ("diabetes", (442, 10), "identity"),
    ],
)  # fmt: skip
def test_bundled_tables(name: str, shape: tuple[int, int], link: str) -> None:
    examples = load_examples(f"table:{name}")
    assert examples.inputs.shape == shape
    assert examples.question is not None
    assert examples.question.link == link
    assert examples.inputs.mean(0).abs().max() < 1e-5
    bunch = getattr(datasets, f"load_{name.replace('-', '_')}")()
    assert examples.labels is not None
    if link == "softmax":
        names = [examples.classes[label] for label in examples.labels.tolist()]
        assert names == [str(bunch.target_names[at]) for at in bunch.target]
    else:
        assert examples.labels[:, 0].tolist() == bunch.target.tolist()
    parts = split_examples(examples, (0.7, 0.3), seed=0)
    assert all(isinstance(part, Examples) for part in parts)


def test_a_table_has_no_pictures_to_resize() -> None:
    with pytest.raises(InputError, match=r"table:iris has no pictures to resize .received size 8.; leave --size out"):
        load_examples("table:iris", size=8)


def test_the_path_of_a_table_alone_is_told_what_to_say(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no layout that is known .*; try table:.*animals.csv,target=COLUMN"):
        load_examples(str(animals(tmp_path)))


def test_specs_with_commas_spaces_and_semicolons(tmp_path: Path) -> None:
    place = write(tmp_path, "my, set; 1.csv", '"a, b;c",d,"the y"\n1,2,0\n3,5,1\n')
    table = load_prepared_table(f"table:{place},target=the y,drop=a, b;c")
    assert table.preparation.inputs == ("d",)
    assert load_examples("table:my, set; 1.csv,target=the y", data_root=tmp_path).inputs.shape == (2, 2)
    assert locate(f"table:{place},target=the y") == ("table", place)
    with pytest.raises(InputError, match=r"iris.* comes with scikit-learn and lies in no folder of its own"):
        locate("table:iris,target=target")


def test_a_table_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = animals(tmp_path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"table:.*animals.csv,target=kind cannot be read: Permission denied"):
        load_prepared_table(f"table:{place},target=kind")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("table:irs", "no such file or folder: irs; did you mean iris"),
        ("table:iris,targt=target", "no option is called 'targt' .expected target, kind, drop, .*did you mean target"),
        ("table:iris,target=", "the option target says nothing"),
        ("table:iris,drop=target,drop=x", "the option drop comes twice"),
        ("table:", "no such file or folder: .empty."),
        ("tabel:iris", "did you mean table:iris"),
        ("iris", r"no examples are known as 'iris' .*; did you mean table:iris\?"),
    ],
)  # fmt: skip
def test_specs_that_cannot_be_read(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_examples(spec)


def test_a_row_may_be_as_long_as_its_file(tmp_path: Path) -> None:
    """As run lengths of a large picture are: rows of more than two MiB were refused."""
    runs = " ".join(f"{at} 1" for at in range(1, 800_001, 2))
    path = tmp_path / "runs.csv"
    path.write_text(f"id,rle\na,{runs}\nb,\nc,{runs}\n")
    sheet = read_sheet(path)
    assert len(runs) > 2**21
    assert sheet["rle"].to_pylist() == [runs, None, runs]
    assert sheet["id"].to_pylist() == ["a", "b", "c"]
