"""Parquet that names its pictures by the paths of files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from picture_files import STRUCT, flat, pictures, table, write_files

from joryu.errors import InputError
from joryu.examples import Examples, load_examples, with_column


def load(place: Path) -> Examples:
    return load_examples(f"parquet:{place}")


def named(examples: Examples) -> list[str]:
    return [] if examples.labels is None else [examples.classes[label] for label in examples.labels.tolist()]


PATHS = ["images/0.png", "images/1.png"]


@pytest.mark.parametrize(
    "image",
    [
        pa.array([{"bytes": None, "path": path} for path in PATHS], STRUCT),
        pa.array([{"path": path} for path in PATHS]),
        pa.array(PATHS),
        pa.array(PATHS).dictionary_encode(),
    ],
    ids=["no bytes", "path alone", "text", "dictionary"],
)
@pytest.mark.parametrize("place", ["", "data/", "elsewhere"])
def test_pictures_are_read_from_the_files_that_a_column_names(tmp_path: Path, image: pa.Array, place: str) -> None:
    files = {path: flat(at + 1) for at, path in enumerate(PATHS)}
    root = tmp_path / "set"
    write_files(tmp_path / "far" if place == "elsewhere" else root, files)
    table(root / f"{place if place == 'data/' else ''}train.parquet", {"image": image, "label": ["a", "b"]})
    if place == "elsewhere":
        with pytest.raises(InputError, match=r"names files that are not there .*paths seen from .*,root=FOLDER"):
            load(root)
    spec = f"parquet:{root}" + (f",root={tmp_path / 'far'}" if place == "elsewhere" else "")
    examples = load_examples(spec)
    assert (named(examples), examples.inputs[:, 0, 0, 0].tolist()) == (["a", "b"], [1, 2])
    assert examples.encoded([1, 0]) == [files[PATHS[1]], files[PATHS[0]]]
    assert any(
        remark.startswith("pictures from the files that column image names below") for remark in examples.remarks
    )
    assert not any("not read: images/" in remark for remark in examples.remarks)
    assert load_examples(f"{spec}", column="image,label").labels is not None
    said = with_column(spec, "image,label")
    assert (load_examples(said).ids == examples.ids).all()


def test_a_column_called_as_files_are_may_name_them(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.png": flat(1), "b.png": flat(2)})
    path = table(tmp_path / "train.parquet", {"file_name": ["a.png", "b.png"], "label": [1, 0]})
    examples = load(path)
    assert named(examples) == ["1", "0"]
    assert examples.remarks[0] == "pictures from column file_name, labels from column label"
    table(path, {"image": pictures(1, 2), "path": ["x", "y"], "label": [0, 1]})
    assert load(path).remarks == ()


def test_bytes_nulls_and_paths_in_one_column_are_told_apart(tmp_path: Path) -> None:
    write_files(tmp_path, {"there.png": flat(7)})
    cells = [
        {"bytes": flat(1), "path": "/elsewhere/1.png"}, {"bytes": None, "path": "there.png"}, None,
        {"bytes": None, "path": None}, {"bytes": b"", "path": "there.png"}, {"bytes": None, "path": "gone.png"},
    ]  # fmt: skip
    examples = load(table(tmp_path / "train.parquet", {"image": pa.array(cells, STRUCT), "label": [0, 1, 0, 1, 0, 1]}))
    assert examples.inputs[:, 0, 0, 0].tolist() == [1, 7]
    assert examples.encoded([1, 0, 1]) == [flat(7), flat(1), flat(7)]
    assert [reason for _, reason in examples.rejected] == [
        "null: no picture at all", "null: no picture at all", "empty file", "the file gone.png is not there"
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["../1.png", "/1.png", "C:\\1.png", "link.png"])
def test_no_path_in_a_column_leads_out_of_the_folder(tmp_path: Path, path: str) -> None:
    write_files(tmp_path, {"1.png": flat(1), "set/2.png": flat(2)})
    (tmp_path / "set" / "link.png").symlink_to("../1.png")
    table(tmp_path / "set" / "train.parquet", {"image": ["2.png", path], "label": [0, 1]})
    with pytest.raises(InputError, match=r"train.parquet#1 names a picture outside the folder"):
        load(tmp_path / "set")


def test_text_where_bytes_are_expected_is_no_path(tmp_path: Path) -> None:
    """It was opened as one, wherever it led: a set from elsewhere could show any picture of this machine."""
    write_files(tmp_path, {"1.png": flat(1), "set/2.png": flat(2)})
    cells = [{"bytes": str(tmp_path / "1.png"), "path": None}] * 2
    image = pa.array(cells, pa.struct([("bytes", pa.string()), ("path", pa.string())]))
    table(tmp_path / "set" / "train.parquet", {"image": image, "label": [0, 1]})
    with pytest.raises(InputError, match=r"column 'image' .*holds no pictures .*bytes: string"):
        load(tmp_path / "set")
