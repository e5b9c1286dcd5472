"""All splits of a set as one: a split without labels beside one with them, and splits that cannot stand together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import flat, noise, pictures, save, table, write_files
from PIL import Image

from joryu.errors import InputError
from joryu.examples import load_examples, split_examples
from joryu.examples.overview import look

ANIMALS = b"weight,colour,y\n1,red,a\n2,blue,b\n3,red,a\n5,blue,b\n"
Make = Callable[[Path], str]


def with_tags(root: Path) -> str:
    write_files(root, {"train.csv": b"a,red,round\n1,1,0\n2,0,1\n3,1,1\n", "test.csv": b"a\n4\n5\n"})
    return f"table:{root},target=red;round"


def with_numbers(root: Path) -> str:
    write_files(root, {"train.csv": b"a,y\n1,1.5\n2,0.5\n3,7.25\n", "test.csv": b"a\n4\n5\n"})
    return f"table:{root},kind=numbers"


def with_classes(root: Path) -> str:
    write_files(root, {"train.csv": b"a,y\n1,u\n2,v\n3,v\n", "test.csv": b"a\n4\n5\n"})
    return f"table:{root}"


def with_lists(root: Path) -> str:
    table(root / "train.parquet", {"image": pictures(1, 2, 3), "label": [["a"], ["a", "b"], []]})
    table(root / "test.parquet", {"image": pictures(4, 5)})
    return f"parquet:{root}"


def with_masks(root: Path, most: int = 2, on: int = 255) -> str:
    files = {f"{split}/images/{at}.png": save(noise(5, 4, 1, at), "PNG") for at, split in enumerate(("train", "test"))}
    values = np.random.default_rng(0).integers(0, most, (4, 5)) * on
    files["train/masks/0.png"] = save(Image.fromarray(values.astype(np.uint8)), "PNG")
    return f"pairs:{write_files(root, files)}"


def with_masks_of_classes(root: Path) -> str:
    return with_masks(root, 4, 1)


@pytest.mark.parametrize(
    "make", [with_tags, with_numbers, with_classes, with_lists, with_masks, with_masks_of_classes]
)  # fmt: skip
def test_a_split_without_labels_is_unknown_beside_one_with_them(make: Make, tmp_path: Path) -> None:
    spec = make(tmp_path)
    train, test, whole = (load_examples(spec, split=split) for split in ("train", "test", "all"))
    assert test.labels is None
    assert train.labels is not None
    assert whole.labels is not None
    assert whole.labels.dtype == train.labels.dtype
    assert torch.equal(whole.labels[: len(train)], train.labels)
    assert whole.known.tolist() == [True] * len(train) + [False] * len(test)
    assert torch.equal(whole.labelled().labels_or_empty, train.labels)
    assert np.array_equal(whole.ids, np.concatenate([train.ids, test.ids]))
    parts = split_examples(whole, (0.5, 0.5), seed=0)
    assert sum(map(len, parts)) == len(train) + len(test)


def test_where_no_split_has_labels_all_of_them_have_none(tmp_path: Path) -> None:
    for split in ("train", "test"):
        table(tmp_path / f"{split}.parquet", {"image": pictures(*range(3))})
    assert load_examples(f"parquet:{tmp_path}", split="all").labels is None


@pytest.mark.parametrize(
    "other",
    [
        b"weight,colour,y\n10,red,a\n20,blue,b\n30,red,b\n",
        b"weight,colour,y\n1,red,a\n2,green,b\n3,blue,a\n",
        b"weight,y\n1,a\n2,b\n",
    ],
    ids=["other numbers", "other categories", "other columns"],
)
def test_splits_of_a_table_without_a_train_are_looked_at_and_are_no_one_set(tmp_path: Path, other: bytes) -> None:
    write_files(tmp_path, {"validation.csv": ANIMALS, "test.csv": other})
    said = r"each measured on themselves, as none is called train .*in test\); try --split validation"
    with pytest.raises(InputError, match=said):
        load_examples(f"table:{tmp_path},target=y", split="all")
    overview = look(f"table:{tmp_path},target=y")
    assert list(overview.parts) == ["validation", "test"]
    assert (overview.unreadable, overview.compared_at, overview.advised_size) == ({}, None, None)


def test_a_row_of_two_splits_is_found_by_a_look(tmp_path: Path) -> None:
    write_files(tmp_path, {"train.csv": ANIMALS, "test.csv": b"colour,weight,y\nred,3.0,b\nred,4,a\n"})
    (copy,) = look(f"table:{tmp_path},target=y").copies
    assert (copy.split, copy.row, copy.of_split, copy.of_row) == ("test", 0, "train", 2)


@pytest.mark.parametrize("grey_first", [True, False])
def test_grey_and_coloured_splits_without_a_train_are_no_one_set(tmp_path: Path, grey_first: bool) -> None:
    grey, coloured = ("validation", "test") if grey_first else ("test", "validation")
    files = {f"{grey}/{name}/1.png": flat(9) for name in "ab"}
    files |= {f"{coloured}/{name}/1.png": save(noise(4, 4, seed=at), "PNG") for at, name in enumerate("ab")}
    spec = f"folder:{write_files(tmp_path, files)}"
    with pytest.raises(InputError, match=rf"are grey in {grey} and coloured in {coloured} .*expected a train split"):
        load_examples(spec, split="all")
    assert look(spec).compared_at is None
