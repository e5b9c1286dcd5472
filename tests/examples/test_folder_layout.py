"""Folders of class folders: order, labels, splits, and everything in a folder that is no picture."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from picture_files import flat, noise, save, write_files
from PIL import Image

from joryu.errors import InputError
from joryu.examples.folder import has_class_folders, load_folder


def roses(root: Path) -> Path:
    files = {"b/2.png": 3, "b/1.png": 2, "a/z.png": 1, "a/deep/er/x.png": 0, "c/10.png": 5, "c/1.png": 4}
    return write_files(root / "roses", {name: flat(value) for name, value in files.items()})


def test_classes_and_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    examples = load_folder(roses(tmp_path))
    assert examples.classes == ("a", "b", "c")
    assert examples.sources == ("a/deep/er/x.png", "a/z.png", "b/1.png", "b/2.png", "c/1.png", "c/10.png")
    assert examples.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert examples.labels is not None
    assert examples.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert examples.name == "roses"
    assert examples.rejected == ()


def test_splits_have_the_classes_of_train(tmp_path: Path) -> None:
    files = {"train/a/1.png": 1, "train/c/1.png": 2, "val/c/1.png": 3}
    root = write_files(tmp_path, {name: flat(value) for name, value in files.items()})
    train, validation = load_folder(root, "train"), load_folder(root, "validation")
    assert train.classes == validation.classes == ("a", "c")
    assert train.labels is not None
    assert validation.labels is not None
    assert (train.labels.tolist(), validation.labels.tolist()) == ([0, 1], [1])
    assert train.sources == ("a/1.png", "c/1.png")
    with pytest.raises(InputError, match=r"no split 'test' \(expected train or validation\); try --split train"):
        load_folder(root, "test")


def test_train_may_be_a_class(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"train/1.png": flat(1), "bus/1.png": flat(2)})
    assert load_folder(root).classes == ("bus", "train")


def test_a_set_without_splits_has_no_test_split(tmp_path: Path) -> None:
    root = roses(tmp_path)
    with pytest.raises(InputError, match=r"one set without splits.*expected train or all; received test"):
        load_folder(root, "test")
    assert len(load_folder(root, "all")) == 6


def test_a_folder_of_pictures_alone_is_unlabelled(tmp_path: Path) -> None:
    examples = load_folder(write_files(tmp_path, {"1.png": flat(1), "2.png": flat(2)}))
    assert (examples.labels, examples.classes, len(examples)) == (None, (), 2)


def test_everything_odd_is_reported_by_name(tmp_path: Path, broken: dict[str, tuple[bytes, str]]) -> None:
    root = roses(tmp_path)
    write_files(root, {f"b/{name}": content for name, (content, _) in broken.items()})
    write_files(
        root,
        {
            ".git/config": b"x",
            ".kept/1.png": flat(9),
            "a/.hidden.png": flat(9),
            "readme.txt": b"x",
            "b/notes.txt": b"x",
        },
    )
    outside = write_files(tmp_path / "outside", {"1.png": flat(9)})
    (root / "a" / "away.png").symlink_to(outside / "1.png")
    (root / "a" / "gone.png").symlink_to(root / "nothing.png")
    (root / "a" / "round.png").symlink_to(root / "a" / "round.png")
    (root / "a" / "around").symlink_to(root)
    (root / "d").symlink_to(outside)
    os.mkfifo(root / "c" / "pipe.png")

    examples = load_folder(root)
    assert examples.inputs[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert examples.classes == ("a", "b", "c")
    reasons = dict(examples.rejected)
    expected = {
        ".git": "left behind by",
        ".kept": "hidden",
        "a/.hidden.png": "hidden",
        "readme.txt": "beside the class folders",
        "b/notes.txt": "not a picture",
        "a/away.png": "link that leads out of the folder",
        "a/gone.png": "broken link",
        "a/round.png": "broken link",
        "a/around": "link to a folder",
        "d": "link that leads out of the folder",
        "c/pipe.png": "not a regular file",
    } | {f"b/{name}": reason for name, (_, reason) in broken.items()}
    assert reasons.keys() == expected.keys()
    for name, reason in expected.items():
        assert re.search(reason, reasons[name]), (name, reasons[name])
    assert list(examples.rejected)[:-1] == sorted(examples.rejected[:-1])
    assert examples.rejected[-1].name == ".git"  # nobody misses it


def test_a_link_inside_the_root_is_followed(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"train/a/1.png": flat(1), "train/b/1.png": flat(2), "test/a/1.png": flat(3)})
    (root / "train" / "a" / "2.png").symlink_to(root / "test" / "a" / "1.png")
    assert load_folder(root).sources == ("a/1.png", "a/2.png", "b/1.png")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(roses(tmp_path))
    assert len(load_folder(tmp_path / "link")) == 6


def test_names_that_are_not_utf8_can_be_printed_and_hashed(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        write_files(folder, {os.fsdecode(b"\xff.png"): flat(1)})
        write_files(tmp_path, {"tea/1.png": flat(2)})
    except (OSError, UnicodeError):
        pytest.skip("this file system takes valid UTF-8 names only")
    examples = load_folder(tmp_path)
    assert examples.classes == ("caf\ufffd", "tea")
    assert examples.sources == ("caf\ufffd/\ufffd.png", "tea/1.png")
    assert len(examples.fingerprint) == 32


def test_pictures_of_different_sizes_need_a_size(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"a/1.png": save(noise(9, 7), "PNG"), "a/2.png": save(noise(7, 9), "PNG")})
    with pytest.raises(InputError, match=r"expected 9×7 as in a/1.png; received 7×9 in a/2.png\); try --size 7"):
        load_folder(root)
    assert load_folder(root, size=6).inputs.shape == (2, 3, 6, 6)


def test_folders_without_a_picture_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"no picture in .*received nothing"):
        load_folder(tmp_path)
    write_files(tmp_path, {"b/.x": b""})
    with pytest.raises(InputError, match=r"received b/\.x: hidden"):
        load_folder(tmp_path)


def test_the_same_pictures_have_the_same_ids_wherever_they_lie(tmp_path: Path) -> None:
    first, second = load_folder(roses(tmp_path)), load_folder(roses(tmp_path / "elsewhere"))
    assert np.array_equal(first.ids, second.ids)
    assert first.fingerprint == second.fingerprint


def test_class_folders_are_recognised(tmp_path: Path) -> None:
    assert has_class_folders(roses(tmp_path))
    assert has_class_folders(write_files(tmp_path / "s", {"train/a/1.jpg": b"", "train/b/1.JPG": b"", "test/a/1": b""}))
    assert not has_class_folders(write_files(tmp_path / "t", {"a/1.txt": b"", "b/1.txt": b""}))
    masks = write_files(tmp_path / "m", {"train/images/1.png": b"", "train/masks/1.png": b""})
    with pytest.raises(
        InputError, match=r"what was drawn about them, not classes.*try pairs:.*m/train, or .* folder:.*m/train/images"
    ):
        has_class_folders(masks)


def colour(value: int) -> bytes:
    return save(Image.new("RGB", (4, 4), (value, 0, 0)), "PNG")


@pytest.mark.parametrize(("train", "test", "channels"), [(flat, colour, 1), (colour, flat, 3), (flat, flat, 1)])
def test_the_other_splits_are_grey_or_coloured_as_train_is(
    tmp_path: Path, train: Callable[[int], bytes], test: Callable[[int], bytes], channels: int
) -> None:
    files = {f"{split}/{name}/{n}.png": flat(n) for split in ("train", "test") for name in "ab" for n in (1, 2)}
    alone = load_folder(write_files(tmp_path / "alone", files | {"train/b/3.png": train(100)}), "train")
    root = write_files(tmp_path / "both", files | {"train/b/3.png": train(100), "test/b/3.png": test(100)})
    (root / "train" / "a" / "torn.png").write_bytes(colour(7)[:40])  # left out, so it has no say
    found, evaluation_set = load_folder(root, "train"), load_folder(root, "test")
    assert found.inputs.shape[1] == evaluation_set.inputs.shape[1] == channels
    assert (found.ids == alone.ids).all()  # what was taught keeps its identity, whatever lies in test
    if channels == 1:
        assert evaluation_set.inputs[-1].unique().tolist() == [30 if test is colour else 100]  # 0.299 of the red


def test_a_palette_of_greys_has_no_colour(tmp_path: Path) -> None:
    grey = save(Image.new("L", (4, 4), 9).convert("P"), "PNG")
    root = write_files(tmp_path, {"train/a/1.png": grey, "test/a/1.png": colour(100)})
    assert load_folder(root, "test").inputs.shape[1] == 1


def test_a_validation_split_alone_is_as_it_is(tmp_path: Path) -> None:
    root = write_files(tmp_path, {"validation/a/1.png": flat(1), "validation/b/1.png": colour(100)})
    assert load_folder(root, "validation").inputs.shape[1] == 3
