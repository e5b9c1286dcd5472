"""IDX folders in torchvision's layout, plain and packed, whole and damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from picture_files import idx, pixels, write_files
from picture_files import idx_files as files

from joryu.errors import InputError
from joryu.examples.idx import load_idx, read_idx


@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_the_files_may_lie_in_three_places(tmp_path: Path, place: str, packed: bool, dot: str) -> None:
    write_files(tmp_path / place, files(packed, dot))
    train, test = load_idx(tmp_path), load_idx(tmp_path, "test")
    assert np.array_equal(train.inputs.numpy(), pixels(4)[:, None])
    assert np.array_equal(test.inputs.numpy(), pixels(2, start=100)[:, None])
    assert train.labels is not None
    assert test.labels is not None
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 2, 1, 0], [3, 1])
    assert train.classes == test.classes == ("0", "1", "2", "3")


def test_the_set_is_named_by_its_folder_and_fashion_has_names(tmp_path: Path) -> None:
    fashion = load_idx(write_files(tmp_path / "FashionMNIST" / "raw", files()))
    assert fashion.name == "FashionMNIST"
    assert fashion.classes[0] == "T-shirt/top"
    assert len(fashion.classes) == 10


def test_pictures_without_labels_are_unlabelled(tmp_path: Path) -> None:
    write_files(tmp_path, {"train-images-idx3-ubyte": files()["train-images-idx3-ubyte"]})
    examples = load_idx(tmp_path)
    assert (examples.labels, examples.classes) == (None, ())


def test_pictures_can_be_resized(tmp_path: Path) -> None:
    assert load_idx(write_files(tmp_path, files()), size=5).inputs.shape == (4, 1, 5, 5)


def test_several_families_are_told_apart(tmp_path: Path) -> None:
    letters = {f"emnist-letters-{name}": content for name, content in files().items()}
    many = {"emnist-byclass-train-images-idx3-ubyte": idx(pixels(1))}
    many["emnist-byclass-train-labels-idx1-ubyte"] = idx(np.array([61], dtype=np.uint8))
    write_files(tmp_path, letters | many)
    with pytest.raises(
        InputError, match="expected emnist-byclass-train or emnist-letters-t10k or emnist-letters-train"
    ):
        load_idx(tmp_path)
    assert len(load_idx(tmp_path, "emnist-letters-train").classes) == 4


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not an IDX file .*received an empty file"),
        (b"\x00\x00\x08", "not an IDX file"),
        (b"text, not numbers at all", "not an IDX file .*expected magic 00000803; received 74657874"),
        (idx(pixels(4), code=13), "received 00000d03"),
        (idx(np.zeros(4, dtype=np.uint8)), "not an IDX file"),
        (idx(pixels(4))[:-1], r"damaged \(expected 24 bytes after its header; received 23\)"),
        (idx(pixels(4)) + b"x", "damaged .*received more"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "damaged .*received 0"),
    ],
)
def test_files_that_are_not_idx_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_idx(path, axes=3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not packed", "cannot be read: Not a gzipped file"),
        (gzip.compress(idx(pixels(4)))[:-12], "cannot be read: Compressed file ended"),
        (gzip.compress(idx(pixels(4)) + bytes(10**6)), "damaged .*received more"),
    ],
)
def test_packed_files_that_are_damaged_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_idx(path, axes=3)


def test_labels_must_fit_the_pictures(tmp_path: Path) -> None:
    write_files(tmp_path, files() | {"train-labels-idx1-ubyte": idx(np.zeros(3, dtype=np.uint8))})
    with pytest.raises(InputError, match=r"labels do not fit .*expected 4; received 3"):
        load_idx(tmp_path)


def test_what_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no IDX files in"):
        load_idx(tmp_path)
    write_files(tmp_path, {name: content for name, content in files().items() if "train" in name})
    with pytest.raises(InputError, match=r"no split 'test' \(expected train\); try --split train"):
        load_idx(tmp_path, "test")
