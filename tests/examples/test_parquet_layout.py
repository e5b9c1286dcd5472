"""Parquet picture sets as Hugging Face writes them, and files that only look like them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from picture_files import features, flat, noise, save
from picture_files import write_parquet as write
from PIL import Image

from joryu.errors import InputError
from joryu.examples import UNLABELLED, load_examples
from joryu.examples.parquet import load_parquet


def test_pictures_labels_and_names_of_classes(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [1, 0], metadata=features(["rose", "daisy"]))
    write(tmp_path / "test.parquet", [flat(3)], [1], metadata=features(["rose", "daisy"]))
    train, test = load_parquet(tmp_path), load_parquet(tmp_path, "test")
    assert train.classes == test.classes == ("rose", "daisy")
    assert train.inputs[:, 0, 0, 0].tolist() == [1, 2]
    assert train.labels is not None
    assert train.labels.tolist() == [1, 0]
    assert train.sources == ("train.parquet#0", "train.parquet#1")
    assert test.inputs[0, 0, 0, 0] == 3


def test_shards_are_joined_in_order_and_may_lie_in_the_one_sub_folder(tmp_path: Path) -> None:
    for shard in range(2):
        name = f"train-0000{shard}-of-00002.parquet"
        contents: list[bytes | None] = [flat(10 * shard + i) for i in range(4)]
        write(
            tmp_path / "plain_text" / name,
            contents,
            [shard] * 4,
            metadata=features(["a", "b"], "img"),
            columns=("img", "label"),
        )
    examples = load_parquet(tmp_path)
    assert examples.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    assert examples.labels is not None
    assert examples.labels.tolist() == [0] * 4 + [1] * 4
    assert examples.sources is not None
    assert examples.sources[5] == "train-00001-of-00002.parquet#1"


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    jpeg = save(noise(40, 30), "JPEG")
    contents = [flat(0), b"text", None, flat(3), jpeg[:200], b"", flat(6)]
    path = write(tmp_path / "train.parquet", contents, [0, 1, 2, 3, 4, 5, 6])
    examples = load_parquet(path)
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 3, 6]
    assert examples.inputs[:, 0, 0, 0].tolist() == [0, 3, 6]
    assert examples.sources == ("train.parquet#0", "train.parquet#3", "train.parquet#6")
    assert [name for name, _ in examples.rejected] == [f"train.parquet#{row}" for row in (1, 2, 4, 5)]
    assert [reason.split(":")[0] for _, reason in examples.rejected] == [
        "not a picture that can be read",
        "null",
        "damaged",
        "empty file",
    ]


def test_without_metadata_classes_are_numbered_over_all_splits(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [0, 1])
    write(tmp_path / "test.parquet", [flat(3)], [4])
    assert load_parquet(tmp_path).classes == tuple("01234")


def test_missing_labels_are_unlabelled(tmp_path: Path) -> None:
    contents: list[bytes | None] = [flat(1), flat(2), flat(3)]
    some = load_parquet(write(tmp_path / "a.parquet", contents, [1, None, -1], metadata=features(["x", "y"])))
    assert some.labels is not None
    assert some.labels.tolist() == [1, UNLABELLED, UNLABELLED]
    narrow = load_parquet(write(tmp_path / "c.parquet", contents, pa.array([1, None, 0], pa.uint8())))
    assert narrow.labels is not None
    assert narrow.labels.tolist() == [1, UNLABELLED, 0]
    none = load_parquet(write(tmp_path / "b.parquet", contents, None))
    assert (none.labels, none.classes) == (None, ())


def test_bytes_may_lie_in_the_column_itself(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([flat(1), None, flat(2)]), "label": pa.array([0, 0, 1])})
    pq.write_table(table, tmp_path / "train.parquet")
    examples = load_parquet(tmp_path)
    assert examples.inputs[:, 0, 0, 0].tolist() == [1, 2]
    assert examples.rejected[0].name == "train.parquet#1"


def test_a_file_answers_to_the_split_in_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "test-00000-of-00001.parquet", [flat(1)], [0])
    assert len(load_parquet(path, "test")) == len(load_examples(f"parquet:{path}", split="all")) == 1
    with pytest.raises(InputError, match=r"has no split 'train' \(expected test\); try --split test"):
        load_parquet(path, "train")
    other = write(tmp_path / "roses.parquet", [flat(1)], [0])
    assert len(load_parquet(other, "train")) == 1
    with pytest.raises(InputError, match="one set without splits"):
        load_parquet(other, "test")


def test_splits_have_several_spellings(tmp_path: Path) -> None:
    write(tmp_path / "valid.parquet", [flat(1)], [0])
    write(tmp_path / "background.parquet", [flat(2)], [0])
    for split in ("valid", "val", "validation"):
        assert load_parquet(tmp_path, split).inputs[0, 0, 0, 0] == 1
    assert load_parquet(tmp_path, "background").inputs[0, 0, 0, 0] == 2
    with pytest.raises(InputError, match=r"no split 'train' \(expected validation or background\)"):
        load_parquet(tmp_path)


@pytest.mark.parametrize(
    ("table", "metadata", "says"),
    [
        ({"picture": [1]}, None, "no column of pictures .*expected a column 'image'; received picture"),
        ({"image": [1]}, None, "holds no pictures .*expected bytes, or the paths of files; received int64"),
        ({"image": [b"x"], "label": [0.5]}, None, "holds numbers with a fraction, which are no classes"),
        ({"image": [b"x"]}, {b"huggingface": b"{not json"}, "metadata of .* cannot be read"),
        ({"image": [b"x"]}, {b"huggingface": b"[1]"}, "metadata of .* cannot be read"),
    ],
)
def test_another_schema_is_refused(
    tmp_path: Path, table: dict[str, list[Any]], metadata: dict[bytes, bytes] | None, says: str
) -> None:
    pq.write_table(pa.table(table).replace_schema_metadata(metadata), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=says):
        load_parquet(tmp_path)


def test_labels_outside_the_named_classes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [flat(1), flat(2)], [0, 2], metadata=features(["a", "b"]))
    with pytest.raises(InputError, match=r"labels outside the classes .*received 0\.\.2"):
        load_parquet(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "train.parquet", [save(noise(60, 60, seed=i), "PNG") for i in range(9)], [0] * 9)
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        load_parquet(tmp_path)
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(InputError, match=r"damaged|not a readable"):
        load_parquet(tmp_path)


def test_damaged_labels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    table = pa.table({"image": [flat(1)] * 400, "label": np.random.default_rng(0).integers(0, 10**15, 400)})
    pq.write_table(table, path, compression="gzip", use_dictionary=False)
    place = pq.ParquetFile(path).metadata.row_group(0).column(1).data_page_offset
    content = bytearray(path.read_bytes())
    content[place + 40 : place + 1000] = bytes(960)
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        load_parquet(tmp_path)


def test_folders_without_or_with_several_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Parquet files"):
        load_parquet(tmp_path)
    for name in ("letters", "digits"):
        write(tmp_path / name / "train.parquet", [flat(1)], [0])
    with pytest.raises(InputError, match=r"several Parquet sets \(received digits, letters\); try parquet:"):
        load_parquet(tmp_path)


@pytest.mark.parametrize("named", [False, True])
def test_an_empty_file_is_refused(tmp_path: Path, named: bool) -> None:
    write(tmp_path / "train.parquet", [], [], metadata=features(["a", "b"]) if named else None)
    with pytest.raises(InputError):
        load_parquet(tmp_path)


def test_the_test_split_is_grey_or_coloured_as_train_is(tmp_path: Path) -> None:
    red = save(Image.new("RGB", (4, 4), (100, 0, 0)), "PNG")
    for name, train in (("grey", [flat(1), flat(2)]), ("coloured", [flat(1), red])):
        write(tmp_path / name / "train.parquet", list(train), [0, 1])
        write(tmp_path / name / "test.parquet", [flat(1), red], [0, 1], metadata=features(["a", "b"]))
    assert load_parquet(tmp_path / "grey", "test").inputs.shape[1] == 1
    assert load_parquet(tmp_path / "coloured", "test").inputs.shape[1] == 3
    write(tmp_path / "grey" / "train.parquet", [], [], metadata=features(["a", "b"]))
    assert load_parquet(tmp_path / "grey", "test").inputs.shape[1] == 3  # nothing to go by
