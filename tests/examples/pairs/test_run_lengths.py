"""Masks as run lengths in a table: TGS' one row for each picture, Airbus' several, Severstal's classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from picture_files import noise, save, write_files
from PIL import Image

from joryu.errors import InputError
from joryu.examples import Examples, labelled_splits, load_examples, split_names
from joryu.examples.known import sniff
from joryu.examples.pairs.runs import draw_runs, parse_runs


def written(mask: np.ndarray, *, by_rows: bool = False) -> str:
    """Run lengths of a mask by hand, one pixel at a time."""
    flat = mask.ravel("C" if by_rows else "F").tolist()
    runs, start = [], None
    for at, on in enumerate([*flat, 0], 1):
        if on and start is None:
            start = at
        elif not on and start is not None:
            runs.append(f"{start} {at - start}")
            start = None
    return " ".join(runs)


@given(mask=arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))), by_rows=st.booleans())
def test_what_is_written_is_drawn(mask: np.ndarray, by_rows: bool) -> None:
    height, width = mask.shape
    drawn = draw_runs(parse_runs(written(mask, by_rows=by_rows)), width, height, by_rows=by_rows)
    assert np.array_equal(drawn, mask)


def test_pixels_are_counted_down_the_columns_from_one() -> None:
    """By hand: three rows, two columns; pixel 2 is the second of the first column, pixel 4 the top of the second."""
    assert draw_runs(parse_runs("2 1 4 2"), 2, 3).astype(int).tolist() == [[0, 1], [1, 1], [0, 0]]
    assert draw_runs(parse_runs("2 1 4 2"), 2, 3, by_rows=True).astype(int).tolist() == [[0, 1], [0, 1], [1, 0]]
    assert draw_runs(parse_runs("1 2 3 2"), 2, 3).astype(int).tolist() == [[1, 1], [1, 0], [1, 0]]  # they touch


@pytest.mark.parametrize("text", [None, "", "  ", "-1", " -1", "nan", "NULL"])
def test_an_empty_mask(text: str | None) -> None:
    assert parse_runs(text).shape == (0, 2)


SIDE = 6
MASKS = [np.random.default_rng(at).random((SIDE, SIDE)) > 0.5 for at in range(5)]
MASKS[3][:] = False


def pictures(n: int = 5, size: int = SIDE, top: str = "images/") -> dict[str, bytes]:
    return {f"{top}p{at}.png": save(noise(size, size, 1, at), "PNG") for at in range(n)}


def tgs(n: int = 5) -> str:
    return "id,rle_mask\n" + "".join(f"p{at},{written(MASKS[at])}\n" for at in range(n))


def load(root: Path, options: str = "", split: str = "train", size: int | None = None) -> Examples:
    return load_examples(f"pairs:{root}{options}", split=split, size=size)


@pytest.mark.parametrize("place", ["train.csv", "images/train.csv", "masks.csv"])
@pytest.mark.parametrize("top", ["images/", ""])
def test_one_row_for_each_picture(tmp_path: Path, place: str, top: str) -> None:
    if top == "" and place.startswith("images"):
        pytest.skip("no such folder")
    root = write_files(tmp_path, {**pictures(top=top), place: tgs().encode()})
    examples = load(root)
    assert examples.labels is not None
    assert examples.labels[..., 0].tolist() == np.array(MASKS).astype(int).tolist()
    assert examples.classes == ("foreground",)
    name = Path(place).name
    columns = "column 'rle_mask', pictures by 'id'; pixels are counted down the columns from 1"
    assert examples.remarks[0] == f"masks from {name}: {columns}"
    assert examples.rejected == ()
    assert not any("not read" in remark for remark in examples.remarks)
    assert sniff(root) == "pairs"
    assert load(root, ",classes=salt").classes == ("salt",)


def test_it_is_the_same_set_as_with_pictures_of_its_masks(tmp_path: Path) -> None:
    grey = {
        f"masks/p{at}.png": save(Image.fromarray(mask.astype(np.uint8) * 255), "PNG") for at, mask in enumerate(MASKS)
    }
    one = load(write_files(tmp_path / "one", {**pictures(), "train.csv": tgs().encode()}), size=4)
    other = load(write_files(tmp_path / "other", {**pictures(), **grey}), size=4)
    assert torch.equal(one.labels_or_empty, other.labels_or_empty)
    assert np.array_equal(one.ids, other.ids)
    assert one.question == other.question


def test_pixels_counted_along_the_rows_if_the_spec_says_so(tmp_path: Path) -> None:
    table = "id,rle_mask\n" + "".join(f"p{at},{written(MASKS[at], by_rows=True)}\n" for at in range(5))
    examples = load(write_files(tmp_path, {**pictures(), "train.csv": table.encode()}), ",order=rows")
    assert examples.labels_or_empty[..., 0].tolist() == np.array(MASKS).astype(int).tolist()
    assert "along the rows" in examples.remarks[0]


def test_several_rows_of_a_picture_are_parts_if_the_spec_says_so(tmp_path: Path) -> None:
    """As the ships of Airbus: one row for each ship, an empty cell where there is none."""
    table = "ImageId,EncodedPixels\np0.png,1 2\np0.png,9 3\np1.png,\np2.png,36 1\n"
    root = write_files(tmp_path, {**pictures(3), "ships.csv": table.encode()})
    with pytest.raises(
        InputError, match=r"row 2 of ships.csv and row 3 of ships.csv are both about p0.png .*rows=parts"
    ):
        load(root)
    examples = load(root, ",rows=parts")
    flat = [labels[..., 0].T.flatten().tolist() for labels in examples.labels_or_empty]
    assert [[at + 1 for at, on in enumerate(one) if on] for one in flat] == [[1, 2, 9, 10, 11], [], [36]]
    root = write_files(
        tmp_path / "more", {**pictures(1), "ships.csv": b"ImageId,EncodedPixels\np0.png,1 4\np0.png,4 3\n"}
    )
    with pytest.raises(InputError, match=r"row 3 of ships.csv marks pixels that another row of p0 marks too"):
        load(root, ",rows=parts")


STEEL = {
    "ImageId_ClassId": "ImageId_ClassId,EncodedPixels\np0.png_1,1 2\np0.png_3,4 1\np1.png_1,\np1.png_3,6 2\n",
    "ImageId,ClassId": "ImageId,ClassId,EncodedPixels\np0.png,1,1 2\np0.png,3,4 1\np1.png,3,6 2\np1.png,1,\n",
}


@pytest.mark.parametrize("table", STEEL.values(), ids=STEEL)
def test_classes_beside_a_background(tmp_path: Path, table: str) -> None:
    root = write_files(tmp_path, {**pictures(2), "train.csv": table.encode()})
    examples = load(root)
    assert examples.classes == ("background", "1", "3")
    assert examples.labels_or_empty.dtype == torch.int16
    flat = [labels.T.flatten().tolist()[:8] for labels in examples.labels_or_empty]
    assert flat == [[1, 1, 0, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2, 2, 0]]
    assert load(root, ",classes=steel;pit;scratch").classes == ("steel", "pit", "scratch")
    with pytest.raises(InputError, match="expected names of the background and of 1, 3; received pit, scratch"):
        load(root, ",classes=pit;scratch")


def test_classes_that_overlap_are_tags_if_the_spec_says_so(tmp_path: Path) -> None:
    table = "image,label,rle\np0,pit,1 3\np0,rust,3 2\np1,rust,\n"
    root = write_files(tmp_path, {**pictures(2), "train.csv": table.encode()})
    with pytest.raises(InputError, match=r"row 3 of train.csv marks pixels .*if classes may overlap, try kind=tags"):
        load(root)
    examples = load(root, ",kind=tags")
    assert examples.classes == ("pit", "rust")
    assert examples.labels_or_empty.dtype == torch.int8
    flat = examples.labels_or_empty[0].transpose(0, 1).reshape(-1, 2)[:5].tolist()
    assert flat == [[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]]


def test_another_split_is_numbered_as_train_is(tmp_path: Path) -> None:
    root = write_files(tmp_path, {
        **pictures(2, top="train_images/"), **pictures(1, top="val_images/"), **pictures(1, 4, top="test_images/"),
        "train.csv": STEEL["ImageId,ClassId"].encode(), "val.csv": b"ImageId,ClassId,EncodedPixels\np0.png,3,2 1\n",
        "sample_submission.csv": b"ImageId,ClassId,EncodedPixels\np0.png,1,1 409600\n",
    })  # fmt: skip
    assert split_names(f"pairs:{root}") == ("train", "validation", "test")
    assert labelled_splits(f"pairs:{root}") == ("train", "validation")
    validation = load(root, split="validation")
    assert validation.classes == load(root).classes == ("background", "1", "3")
    assert validation.labels_or_empty[0].T.flatten()[:3].tolist() == [0, 2, 0]
    assert load(root, split="test", size=6).labels is None
    (root / "val.csv").write_text("ImageId,ClassId,EncodedPixels\np0.png,2,2 1\n")
    with pytest.raises(InputError, match=r"row 2 of val.csv is of a class that train does not have .*received '2'"):
        load(root, split="validation")


def test_pictures_without_a_row_are_refused_unless_the_spec_says_what_they_are(tmp_path: Path) -> None:
    root = write_files(tmp_path, {**pictures(), "train.csv": tgs(3).encode()})
    with pytest.raises(
        InputError, match=r"2 of 5 pictures have no row in .*train.csv .*received p3, p4.*unlisted=empty"
    ):
        load(root)
    assert load(root, ",unlisted=empty").labels_or_empty[3:].sum() == 0
    left = load(root, ",unlisted=out")
    assert left.sources == ("p0.png", "p1.png", "p2.png")
    assert ("p3.png", "it has no mask") in left.rejected


def test_rows_without_a_picture_are_named_and_left_out(tmp_path: Path) -> None:
    root = write_files(tmp_path, {**pictures(3), "train.csv": tgs().encode()})
    examples = load(root)
    assert len(examples) == 3
    assert ("p4 in train.csv", "a mask without its picture") in examples.rejected


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("1 2 3", r"row 3 of train.csv has an odd number of values in run lengths .*received 3 values"),
        (
            "1 5 4 2",
            r"row 3 of train.csv has runs that overlap .*expected a start of 6 or more after 1 5; received 4 2",
        ),
        ("9 1 4 2", r"row 3 of train.csv has runs that are not in order"),
        ("0 3", r"row 3 of train.csv has a run before the first pixel .*counted from 1; received 0"),
        ("4 0", r"row 3 of train.csv has a run without a pixel"),
        ("4 -2", r"row 3 of train.csv has no run lengths .*received '-2'"),
        ("4 2.5", r"row 3 of train.csv has no run lengths .*received '2.5'"),
        ("one two", r"row 3 of train.csv has no run lengths .*received 'one'"),
        (
            "30 8",
            r"row 3 of train.csv has run lengths that are longer than the picture .*36 pixels .6×6.; received .* 37",
        ),
        ("99999999999999999999 1", r"row 3 of train.csv has no run lengths"),
    ],
)
def test_run_lengths_that_cannot_be_meant_are_refused_by_row(tmp_path: Path, cell: str, says: str) -> None:
    table = f"id,rle_mask\np0,\np1,{cell}\n"
    root = write_files(tmp_path, {**pictures(2), "train.csv": table.encode()})
    with pytest.raises(InputError, match=says) as caught:
        load(root)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        (tgs(), ",masks=trian.csv", r"has no masks 'trian.csv' .*did you mean train.csv"),
        (tgs(), ",runs=rle", r"train.csv has no column 'rle' .*expected id, rle_mask"),
        (tgs(), ",rows=many", r"the option rows cannot be 'many' .*expected rows=one or rows=parts"),
        (tgs(), ",ignore=255", r"run lengths hold no value to ignore"),
        (tgs(), ",kind=one-of", r"these masks have no classes .*received kind=one-of"),
        (tgs(), ",kind=numbers", r"masks hold no numbers to predict"),
        ("id,rle_a,rle_b\np0,1 1,\n", "", r"which column of train.csv holds the run lengths.*received rle_a, rle_b"),
        ("id,mask\np0,1 1\n", ",masks=train.csv", r"which column of train.csv holds the run lengths.*try runs=mask"),
        ("rle\n1 1\n", "", r"holds run lengths and names no pictures"),
        ("id,rle\n,1 1\n", "", r"row 2 of train.csv does not say which picture"),
        ("id,class,rle\np0,,1 1\n", "", r"row 2 of train.csv does not say which class"),
        ("ImageId_ClassId,rle\np0.png,1 1\n", "", r"row 2 of train.csv names no picture and class"),
        ("id,rle\nx,1 1\n", ",unlisted=out", r"no mask in .*train.csv is called as a picture"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_meant_are_refused(tmp_path: Path, table: str, options: str, says: str) -> None:
    root = write_files(tmp_path, {**pictures(), "train.csv": table.encode()})
    with pytest.raises(InputError, match=says) as caught:
        load(root, options)
    assert "\n" not in str(caught.value)


def test_two_tables_for_the_same_pictures_are_refused(tmp_path: Path) -> None:
    root = write_files(tmp_path, {**pictures(), "a.csv": tgs().encode(), "b.csv": tgs().encode()})
    with pytest.raises(InputError, match=r"several masks for the same pictures .*received a.csv, b.csv.*masks=a.csv"):
        load(root)
    assert len(load(root, ",masks=b.csv")) == 5
    with pytest.raises(InputError, match=r"the option rows is about tables of run lengths"):
        grey = {f"masks/p{at}.png": save(Image.fromarray(mask), "PNG") for at, mask in enumerate(MASKS)}
        load(write_files(tmp_path / "plain", {**pictures(), **grey}), ",rows=parts")
