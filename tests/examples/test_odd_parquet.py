"""Parquet sets with odd values: labels no class can have, names no file can have, and damaged descriptions."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import flat, pictures, table, write_files

from joryu.errors import InputError
from joryu.examples import Examples, load_examples


def load(path: Path, options: str = "") -> Examples:
    return load_examples(f"parquet:{path}{options}")


@pytest.mark.parametrize(
    ("labels", "largest"),
    [
        (pa.array([0, 2**63 + 5], pa.uint64()), "9223372036854775813"),
        (pa.array([0, 2**40], pa.int64()), "1099511627776"),
        (pa.array([0.0, 2.0**60]), "1.15292e\\+18"),
        (pa.array([0.0, 1e300]), "1e\\+300"),
        (pa.array([None, -1e300, 1.0]), "1e\\+300"),
    ],
)
def test_numbers_that_count_no_classes_are_refused_by_the_largest(
    tmp_path: Path, labels: pa.Array, largest: str
) -> None:
    path = table(tmp_path / "train.parquet", {"image": pictures(*range(len(labels))), "label": labels})
    with pytest.raises(InputError, match=rf"column 'label' .*holds numbers, not labels .*up to {largest}\)"):
        load(path)


def test_infinite_numbers_are_neither_predicted_nor_counted(tmp_path: Path) -> None:
    path = table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": [1.0, float("inf")]})
    with pytest.raises(InputError, match=r"numbers with a fraction, which are no classes .*inf in row 1"):
        load(path)
    with pytest.raises(InputError, match="a number to learn is infinite"):
        load(path, ",kind=numbers")


TYPED = {
    "string": pa.array(["b", "a", None, "b"]),
    "large string": pa.array(["b", "a", None, "b"], pa.large_string()),
    "dictionary": pa.array(["b", "a", None, "b"]).dictionary_encode(),
    "an empty text": pa.array(["b", "a", "", "b"]),
}
NUMBERED = {
    **{str(kind): pa.array([1, 0, None, 1], kind) for kind in (pa.int8(), pa.uint16(), pa.int64(), pa.uint64())},
    **{str(kind): pa.array([1, 0, None, 1]).cast(kind) for kind in (pa.float32(), pa.float64(), pa.decimal128(24, 2))},
    "half a float": pa.array(np.array([1, 0, np.nan, 1], np.float16)),
    "minus one": pa.array([1, 0, -1, 1]),
    "a dictionary of numbers": pa.array([1, 0, None, 1]).dictionary_encode(),
}


@pytest.mark.parametrize("labels", [*TYPED.values(), *NUMBERED.values()], ids=[*TYPED, *NUMBERED])
def test_labels_are_the_same_in_every_type_that_holds_them(tmp_path: Path, labels: pa.Array) -> None:
    path = table(tmp_path / "train.parquet", {"image": pictures(*range(4)), "label": labels})
    examples = load(path)
    assert examples.labels_or_empty.tolist() == [1, 0, -1, 1]
    assert examples.classes in (("a", "b"), ("0", "1"))


@pytest.mark.parametrize("labels", NUMBERED.values(), ids=NUMBERED)
def test_numbers_to_predict_are_the_same_in_every_type_too(tmp_path: Path, labels: pa.Array) -> None:
    path = table(tmp_path / "train.parquet", {"image": pictures(*range(4)), "label": labels})
    values = load(path, ",kind=numbers").labels_or_empty[:, 0]
    missing = -1 if labels.null_count == 0 and pa.types.is_integer(labels.type) else -9
    assert values.nan_to_num(-9).tolist() == [1, 0, missing, 1]


@pytest.mark.parametrize(
    "how", [{"row_group_size": 1}, {"row_group_size": 3}, {"compression": "gzip"}, {"version": "1.0"}]
)
@pytest.mark.parametrize("cut", [[0, 7], [0, 1, 7], [0, 3, 3, 7]])
def test_rows_are_the_same_however_they_are_cut_and_packed(tmp_path: Path, how: dict[str, Any], cut: list[int]) -> None:
    rows = pa.table({"image": pictures(*range(7)), "label": list("abcabca")})
    for at, (start, end) in enumerate(pairwise(cut)):
        name = f"train-{at:05}-of-{len(cut) - 1:05}.parquet"
        pq.write_table(rows.slice(start, end - start), tmp_path / name, **how)
    examples = load(tmp_path)
    assert examples.inputs[:, 0, 0, 0].tolist() == list(range(7))
    assert examples.labels_or_empty.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert examples.encoded([6, 0, 3]) == [flat(6), flat(0), flat(3)]


@pytest.mark.parametrize("path", ["a\x00b.png", "x" * 300 + ".png", "d/" * 3000 + "1.png", "gone.png", "."])
def test_a_name_that_no_file_has_leaves_out_its_row_alone(tmp_path: Path, path: str) -> None:
    write_files(tmp_path, {"1.png": flat(1), "2.png": flat(2)})
    place = table(tmp_path / "train.parquet", {"image": ["1.png", path, "2.png"], "label": [0, 1, 0]})
    examples = load(place)
    assert examples.inputs[:, 0, 0, 0].tolist() == [1, 2]
    ((name, reason),) = examples.rejected
    assert name == "train.parquet#1"
    assert reason.endswith("is not there")


@pytest.mark.parametrize(
    "names",
    [5, "ab", {"0": "a"}, None, [], True, 1.5],
    ids=["number", "text", "object", "null", "none", "true", "point"],
)
def test_names_of_classes_that_are_no_list_are_none(tmp_path: Path, names: object) -> None:
    described = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": names}}
    path = table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": [1, 0]}, described)
    assert load(path).classes == ("0", "1")


@pytest.mark.parametrize("feature", ["text", ["a"], 5, {}, {"names": 3}])
def test_a_list_of_odd_features_is_a_list_of_numbers(tmp_path: Path, feature: object) -> None:
    described = {"image": {"_type": "Image"}, "label": {"_type": "Sequence", "feature": feature}}
    path = table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": [[1], [1, 0]]}, described)
    assert load(path).labels_or_empty.tolist() == [[0, 1], [1, 1]]


def test_names_of_classes_may_be_written_as_numbers(tmp_path: Path) -> None:
    described = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": [7, 8]}}
    path = table(tmp_path / "train.parquet", {"image": pictures(1, 2), "label": [1, 0]}, described)
    assert load(path).classes == ("7", "8")


@pytest.mark.parametrize("said", [b"{", b"[]", b"null", b'{"info": 3}', b'{"info": {"features": [1]}}', b"\xff"])
def test_a_description_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, said: bytes) -> None:
    rows = pa.table({"image": pictures(1, 2), "label": [0, 1]}).replace_schema_metadata({b"huggingface": said})
    pq.write_table(rows, tmp_path / "train.parquet")
    with pytest.raises(InputError, match=r"the huggingface metadata of .*train\.parquet cannot be read") as refused:
        load(tmp_path)
    assert "\n" not in str(refused.value)
