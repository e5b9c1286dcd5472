"""IDX folders in torchvision's layout, plain and packed, whole and damaged."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import idx, pixels, write_files
from picture_files import idx_files as files

from joryu.errors import InputError
from joryu.examples import labelled_splits, load_examples, split_names
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


def emnist(root: Path, place: str = "EMNIST/raw") -> Path:
    """EMNIST's letters and balanced sets as torchvision unpacks them: stored by columns, letters from 1 to 26."""
    found = {}
    for family, labels in (("letters", [1, 26]), ("balanced", [10, 46])):
        for split, start in (("train", 0), ("test", 100)):
            stored = np.ascontiguousarray(pixels(2, start).transpose(0, 2, 1))
            found[f"emnist-{family}-{split}-images-idx3-ubyte"] = idx(stored)
            found[f"emnist-{family}-{split}-labels-idx1-ubyte"] = idx(np.array(labels, dtype=np.uint8))
    return write_files(root / place, found).parents[place.count("/")]


@pytest.mark.parametrize(
    "spec", ["emnist-letters", "idx:EMNIST#letters", "EMNIST#emnist-letters", "idx:EMNIST/raw#letters"]
)
def test_a_set_of_emnist_is_named_and_upright(tmp_path: Path, spec: str) -> None:
    root = emnist(tmp_path)
    for split, start in (("train", 0), ("test", 100)):
        letters = load_examples(spec, split=split, data_root=root)
        assert np.array_equal(letters.inputs.numpy(), pixels(2, start)[:, None])
        assert letters.classes == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert letters.labels is not None
        assert [letters.classes[label] for label in letters.labels.tolist()] == ["A", "Z"]
        assert letters.name == "emnist-letters"
    assert split_names(spec, data_root=root) == labelled_splits(spec, data_root=root) == ("train", "test")
    assert len(load_examples(spec, split="all", data_root=root)) == 4


def test_the_other_sets_of_emnist_have_digits_too(tmp_path: Path) -> None:
    balanced = load_examples("emnist-balanced", data_root=emnist(tmp_path))
    assert balanced.labels is not None
    assert [balanced.classes[label] for label in balanced.labels.tolist()] == ["A", "t"]


def test_one_of_several_sets_must_be_named(tmp_path: Path) -> None:
    root = emnist(tmp_path)
    says = r"holds several sets \(expected one of emnist-balanced, emnist-letters\); try idx:.*EMNIST#letters"
    with pytest.raises(InputError, match=says):
        load_examples("EMNIST", data_root=root)
    with pytest.raises(InputError, match="has no set 'latters'"):
        load_examples("EMNIST#latters", data_root=root)
    with pytest.raises(InputError, match=r"emnist-mnist is not in|has no set 'mnist'"):
        load_examples("emnist-mnist", data_root=root)


def test_letters_outside_the_alphabet_are_refused(tmp_path: Path) -> None:
    root = emnist(tmp_path)
    write_files(root, {"EMNIST/raw/emnist-letters-train-labels-idx1-ubyte": idx(np.array([0, 3], dtype=np.uint8))})
    with pytest.raises(
        InputError, match=r"labels outside the classes of emnist-letters \(expected 1..26; received 0..3\)"
    ):
        load_examples("emnist-letters", data_root=root)


@pytest.mark.parametrize("beside", [True, False])
def test_each_file_may_lie_in_a_folder_of_its_name(tmp_path: Path, beside: bool) -> None:
    for name, content in files().items():
        write_files(tmp_path / name, {name: content})
    if beside:
        write_files(tmp_path, files(dot="."))
    train = load_idx(tmp_path)
    assert np.array_equal(train.inputs.numpy(), pixels(4)[:, None])
    assert train.labels is not None
    assert (train.labels.tolist(), train.name) == ([0, 2, 1, 0], tmp_path.name)


def test_several_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    for name in ("MNIST", "KMNIST"):
        write_files(tmp_path / name / "raw", files())
    with pytest.raises(InputError, match=r"several IDX sets \(received KMNIST, MNIST\); try idx:.*KMNIST"):
        load_idx(tmp_path)


def test_labels_of_another_form_are_not_passed_over(tmp_path: Path) -> None:
    write_files(tmp_path, {name: content for name, content in files().items() if "images" in name})
    write_files(tmp_path, {"train-labels-idx2-int": b"x"})
    with pytest.raises(InputError, match=r"train-labels-idx2-int holds no labels .*expected train-labels-idx1-ubyte"):
        load_idx(tmp_path)


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
        (gzip.compress(idx(pixels(4)), mtime=0)[:-12], "cannot be read: Compressed file ended"),
        (gzip.compress(idx(pixels(4)) + bytes(10**6), mtime=0), "damaged .*received more"),
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


@pytest.fixture(scope="module")
def any_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "any-ubyte"


@settings(max_examples=80)
@given(
    sides=st.lists(st.sampled_from([0, 1, 2, 3, 255, 65_536, 2**32 - 1]), min_size=1, max_size=3),
    body=st.binary(max_size=12),
    packed=st.booleans(),
)
def test_a_file_is_as_its_header_says_or_is_refused(
    any_file: Path, sides: list[int], body: bytes, packed: bool
) -> None:
    content = bytes([0, 0, 8, len(sides)]) + struct.pack(f">{len(sides)}I", *sides) + body
    path = any_file.with_suffix(".gz") if packed else any_file
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    if body and math.prod(sides) == len(body):
        values = read_idx(path, axes=len(sides))
        assert values.shape == tuple(sides)
        assert values.tobytes() == body
        values += 1  # its own memory
    else:
        with pytest.raises(InputError, match=r"is damaged|is empty"):
            read_idx(path, axes=len(sides))


@pytest.mark.parametrize("shape", [(0, 28, 28), (4, 0, 3), (4, 2, 0)])
def test_files_without_a_pixel_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    write_files(tmp_path, files() | {"train-images-idx3-ubyte": idx(np.zeros(shape, dtype=np.uint8))})
    said = rf"train-images-idx3-ubyte is empty .*received {'×'.join(map(str, shape))}"
    with pytest.raises(InputError, match=said):
        load_idx(tmp_path)


def test_what_macos_leaves_beside_the_files_is_no_split(tmp_path: Path) -> None:
    write_files(tmp_path, files() | {f"._{name}": b"\x00\x05\x16\x07 of no interest" for name in files()})
    assert split_names(f"idx:{tmp_path}") == labelled_splits(f"idx:{tmp_path}") == ("train", "test")
    assert np.array_equal(load_idx(tmp_path).inputs.numpy(), pixels(4)[:, None])
