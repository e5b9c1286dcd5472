"""What `joryu examples` finds out about a set, and how it says so."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from picture_files import noise, save
from PIL import Image

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.examples.overview import LOOK, look
from joryu.examples.overview_text import overview_json, overview_lines, summary_line


def smooth(width: int, height: int, seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(60, 200, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """Two splits of two classes, of one size, with clutter, a damaged file, and pictures that come again."""
    root = tmp_path / "messy"
    for seed, name in enumerate(
        ("train/cat/a", "train/cat/b", "train/dog/c", "test/cat/d", "test/dog/e", "train/dog/f")
    ):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth(40, 40, seed).save(path)
    smooth(40, 40, 0).save(root / "test" / "cat" / "a again.bmp")
    smooth(40, 40, 1).save(root / "test" / "dog" / "b in another class.png")
    smooth(40, 40, 2).save(root / "train" / "dog" / "again.jpg", quality=92)
    (root / "train" / "dog" / "._c.png").write_bytes(b"resource fork")
    (root / "train" / "cat" / "Thumbs.db").write_bytes(b"thumbnails")
    (root / "train" / "dog" / "half.jpg").write_bytes(save(noise(40, 40), "JPEG")[:300])
    return root


def test_what_was_loaded(messy: Path) -> None:
    overview = look(str(messy))
    assert (overview.layout, overview.place, overview.splits) == ("folder", messy, ("train", "test"))
    assert overview.classes == ("cat", "dog")
    assert overview.sizes == {(40, 40): 9}
    assert (overview.compared_at, overview.advised_size) == (None, None)
    assert overview.rejected["train"][0].name == "dog/half.jpg"  # real pictures before clutter
    said = overview_json(overview)
    assert said["splits"]["train"]["classes"] == {"cat": 2, "dog": 3}
    assert said["splits"]["test"]["classes"] == {"cat": 2, "dog": 2}
    assert {one["name"] for one in said["splits"]["train"]["left_out"]} == {
        "dog/half.jpg",
        "dog/._c.png",
        "cat/Thumbs.db",
    }


def test_what_comes_twice(messy: Path) -> None:
    overview = look(str(messy))
    found = {one["source"]: one for one in overview_json(overview)["copies"]}
    assert set(found) == {"cat/a again.bmp", "dog/b in another class.png", "dog/c.png"}
    across, astray, saved = found["cat/a again.bmp"], found["dog/b in another class.png"], found["dog/c.png"]
    assert (across["split"], across["of_split"], across["of_source"]) == ("test", "train", "cat/a.png")
    assert across["same_pixels"]
    assert (astray["label"], astray["of_label"]) == ("dog", "cat")
    assert (saved["split"], saved["of_split"], saved["of_source"]) == ("train", "train", "dog/again.jpg")
    assert not saved["same_pixels"]
    assert [overview.in_two_classes(copy) for copy in overview.copies].count(True) == 1


def test_the_page_for_a_terminal(messy: Path) -> None:
    lines = overview_lines(look(str(messy)))
    assert lines[0] == f"messy: folder, {messy}"
    assert lines[1:3] == ["train: 5 pictures, all 40×40, colour", "test: 4 pictures, all 40×40, colour"]
    assert [line.split() for line in lines if line.startswith(("cat", "dog"))] == [["cat", "2", "2"], ["dog", "3", "2"]]
    at = lines.index("left out of train: 3")
    assert lines[at + 1].startswith("  dog/half.jpg: ")
    assert lines[at + 2] == "  2 files or folders left behind by an operating system or a program"
    assert "1 picture of train comes twice" in lines
    assert "2 pictures of test are in train too" in lines
    assert "1 of these saved anew: it looks the same" in lines
    assert "1 of these in two different classes" in lines
    assert any("b in another class.png is train cat/b.png, but is called dog, not cat" in line for line in lines)


def test_pictures_that_differ_in_size_need_none_to_be_looked_at(messy: Path) -> None:
    smooth(300, 120, 7).save(messy / "train" / "cat" / "wide.png")
    with pytest.raises(InputError, match="differ in size"):
        load_examples(str(messy))
    overview = look(str(messy))
    assert overview.compared_at == LOOK
    assert overview.sizes == {(40, 40): 9, (300, 120): 1}
    assert overview.advised_size == 40
    assert overview_json(overview)["splits"]["train"]["sizes"] == [
        {"width": 40, "height": 40, "examples": 5},
        {"width": 300, "height": 120, "examples": 1},
    ]
    lines = overview_lines(overview)
    assert "train: 6 pictures, 2 sizes, 40 to 300 wide and 40 to 120 high, colour" in lines
    assert any("--size 40" in line for line in lines)


def test_splits_that_differ_in_size_from_one_another(messy: Path) -> None:
    shutil.rmtree(messy / "test")
    for name in ("cat", "dog"):
        (messy / "test" / name).mkdir(parents=True)
        smooth(64, 64, 0).save(messy / "test" / name / "x.png")
    overview = look(str(messy))
    assert overview.compared_at == LOOK
    assert overview.sizes == {(40, 40): 5, (64, 64): 2}


def test_a_split_that_cannot_be_loaded_is_told_beside_the_others(messy: Path) -> None:
    for path in (messy / "test").rglob("*.*"):
        path.write_bytes(b"nothing")
    overview = look(str(messy))
    assert list(overview.parts) == ["train"]
    assert "none of 4 files is a usable picture" in overview.unreadable["test"]
    assert any(line.startswith("the test split cannot be loaded: none of 4") for line in overview_lines(overview))
    with pytest.raises(InputError, match="none of 4"):
        look(str(messy), split="test")


def test_a_set_without_splits_or_labels(tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / "loose").mkdir(exist_ok=True)
        smooth(20, 10, seed).save(tmp_path / "loose" / f"{seed}.png")
    overview = look(f"folder:{tmp_path / 'loose'}")
    assert overview.unsplit
    lines = overview_lines(overview)
    assert lines[1] == "no splits: 3 pictures, all 20×10, colour"
    assert lines[3].split() == ["no", "classes", "pictures"]
    assert lines[4].split() == ["(no", "label)", "3"]
    assert lines[-1] == "no copy was found"


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for number in range(60):
        place = tmp_path / "many" / f"class {number:02}"
        place.mkdir(parents=True)
        smooth(8, 8, number).save(place / "a.png")
        smooth(8, 8, number).save(place / "b.png")
        (place / "notes.txt").write_text("no picture")
    lines = overview_lines(look(str(tmp_path / "many")))
    assert "… and 20 more classes (--json has them all)" in lines
    assert "  … and 50 more" in lines
    assert lines[-1] == "  … and 50 more (--json has them all)"
    assert len(lines) < 80


@pytest.mark.parametrize("size", [None, 12])
def test_one_line_of_it(messy: Path, size: int | None) -> None:
    side = size or 40
    line = summary_line(str(messy), "train", load_examples(str(messy), size=size))
    assert line == f"messy: folder, train split, 2 classes, 5 pictures 3×{side}×{side}; 3 left out"


def test_one_line_says_what_was_guessed_and_what_has_no_label(messy: Path) -> None:
    shutil.move(messy / "train", messy / "deep" / "inside" / "train")
    shutil.copytree(messy / "deep" / "inside" / "train" / "cat", messy / "deep" / "inside" / "train" / "unlabelled")
    examples = load_examples(f"folder:{messy / 'deep'}")
    line = summary_line(f"folder:{messy / 'deep'}", "train", examples)
    assert examples.remarks
    assert all(remark in line for remark in examples.remarks)
    assert "2 classes, 7 pictures 3×40×40, 2 without label" in line


def test_digits_come_with_a_library() -> None:
    overview = look("digits", split="test")
    assert (overview.place, overview.unsplit, overview.sizes) == (None, False, Counter({(8, 8): 600}))
    assert overview_lines(overview)[0] == "digits: bundled, comes with a library"
    assert overview.source("test", 4) == "#4"


def test_splits_that_are_joined_keep_the_sizes_of_their_files(messy: Path) -> None:
    joined = load_examples(str(messy), split="all", size=16)
    assert joined.sizes is not None
    assert joined.sizes.tolist() == [[40, 40]] * 9
    assert summary_line(str(messy), "all", joined).startswith(
        "messy: folder, all splits, 2 classes, 9 pictures 3×16×16"
    )


def test_every_command_advises_the_same_size(tmp_path: Path) -> None:
    for number, side in enumerate((20, 24, 31, 24, 24)):
        place = tmp_path / "set" / "train" / ("cat", "dog")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        smooth(side, side + 3, number).save(place)
    (place.parent / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    spec = f"folder:{tmp_path / 'set'}"
    assert look(spec).advised_size == 24
    with pytest.raises(InputError, match=r"differ in size .*20×23 .*31×34.*; try --size 24$"):
        load_examples(spec)
    assert look(spec, size=16).advised_size == 16
