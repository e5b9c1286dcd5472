"""Pictures with masks: what belongs together, what the values mean, and that nothing is read as what it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import noise, save, write_files
from PIL import Image, ImageOps

from joryu.errors import InputError
from joryu.examples import has_split, load_examples, parse_views
from joryu.examples.known import sniff
from joryu.examples.pairs import load_pairs
from joryu.examples.pairs.masks import read_mask
from joryu.questions import Link

BINARY = np.array([[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]])
CLASSES = np.array([[0, 0, 1, 1], [0, 2, 2, 0], [255, 0, 0, 0], [2, 0, 0, 1]])


def picture(seed: int = 0, size: int = 4, channels: int = 1) -> bytes:
    return save(noise(size, size, channels, seed), "PNG")


def grey(values: np.ndarray) -> bytes:
    return save(Image.fromarray(values.astype(np.uint8)), "PNG")


def palette(values: np.ndarray) -> bytes:
    image = Image.fromarray(values.astype(np.uint8)).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([*(200, 0, 0), *(0, 200, 0), *(0, 0, 200)] + [0] * 759)
    return save(image, "PNG")


def set_of(root: Path, *masks: bytes, top: str = "train/") -> Path:
    files = {f"{top}images/{at}.png": picture(at) for at in range(len(masks))}
    return write_files(root, files | {f"{top}masks/{at}.png": mask for at, mask in enumerate(masks)})


def test_masks_that_are_all_empty_are_told(tmp_path: Path) -> None:
    """They were said to mark things by 255, which none of them held."""
    examples = load_pairs(set_of(tmp_path, grey(BINARY * 0), grey(BINARY * 0)))
    assert examples.remarks[0] == "no mask says foreground anywhere: all are 0"


@pytest.mark.parametrize(
    "mask",
    [
        grey(BINARY), grey(BINARY * 255), save(Image.fromarray(BINARY.astype(bool)), "PNG"),
        save(Image.fromarray((BINARY * 65535).astype(np.uint16)), "PNG"),
        save(Image.fromarray(np.repeat(BINARY[..., None] * 255, 3, axis=2).astype(np.uint8)), "PNG"),
        save(Image.fromarray(np.repeat(BINARY[..., None] * 255, 3, axis=2).astype(np.uint8)).convert("RGBA"), "PNG"),
        save(Image.fromarray((BINARY * 255).astype(np.uint8)), "TIFF"),
    ],
    ids=["0/1", "0/255", "bits", "16 bits", "three bands", "opaque", "tiff"],
)  # fmt: skip
def test_masks_of_two_values_are_one_tag(tmp_path: Path, mask: bytes) -> None:
    examples = load_pairs(set_of(tmp_path, mask, mask))
    assert examples.question is not None
    assert examples.question.link is Link.SIGMOID
    assert examples.question.grid == ("height", "width")
    assert examples.classes == ("foreground",)
    assert examples.labels is not None
    assert examples.labels.dtype == torch.int8
    assert examples.labels[1, ..., 0].tolist() == BINARY.tolist()
    assert examples.remarks[0].startswith("masks say foreground by")
    assert load_pairs(tmp_path, options={"classes": "salt"}).classes == ("salt",)


@pytest.mark.parametrize("make", [grey, palette])
def test_masks_of_many_values_are_classes_and_255_is_not_known(tmp_path: Path, make: object) -> None:
    mask = {grey: grey, palette: palette}[make](CLASSES)  # type: ignore[index]
    examples = load_pairs(set_of(tmp_path, mask))
    assert examples.classes == ("0", "1", "2")
    assert "the 3 classes of the masks have no names but their numbers" in examples.remarks
    assert examples.labels is not None
    assert examples.labels.dtype == torch.int16
    assert examples.labels[0].tolist() == np.where(CLASSES == 255, -1, CLASSES).tolist()


def test_names_come_from_a_file_or_from_the_spec(tmp_path: Path) -> None:
    root = set_of(tmp_path, grey(CLASSES))
    write_files(root, {"classes.txt": b"0: ground\n1: a tree\n2: car\n3: bus\n"})
    found = load_pairs(root)
    assert found.classes == ("ground", "a tree", "car", "bus")
    assert "the classes have the names in classes.txt" in found.remarks
    assert load_examples(f"pairs:{root},classes=a;b, c;d").classes == ("a", "b, c", "d")
    with pytest.raises(InputError, match=r"the mask masks/0.png has values that mean nothing here .*received 2\)"):
        load_examples(f"pairs:{root},classes=a;b")


def test_unknown_places_of_one_tag(tmp_path: Path) -> None:
    both = BINARY.copy()
    both[2, 2] = 255
    examples = load_pairs(set_of(tmp_path, grey(both), grey(BINARY)))
    assert examples.labels is not None
    assert examples.labels[0, 2, 2, 0] == -1
    assert examples.labels[1, ..., 0].tolist() == BINARY.tolist()
    assert examples.remarks[0] == "masks say foreground by 1, and nothing by 255"


@pytest.mark.parametrize(
    ("values", "ignore", "expected", "classes"),
    [
        ([0, 1, 9], "9", [0, 1, -1], ("foreground",)),
        ([0, 255, 128], "128", [0, 1, -1], ("foreground",)),
        ([0, 1, 2, 7], "7", [0, 1, 2, -1], ("0", "1", "2")),
        ([0, 1, 2, 3], "0", [-1, 0, 1, 2], ("1", "2", "3")),
        ([0, 1, 2, 1], "0", [-1, 0, 1, 0], ("1", "2")),
        ([0, 1, 2, 3], "3", [0, 1, 2, -1], ("0", "1", "2")),
    ],
)
def test_the_value_that_means_unknown_can_be_named(
    tmp_path: Path, values: list[int], ignore: str, expected: list[int], classes: tuple[str, ...]
) -> None:
    mask = np.resize(np.array(values), (4, 4))
    examples = load_examples(f"pairs:{set_of(tmp_path, grey(mask))},ignore={ignore}")
    assert examples.classes == classes
    assert examples.labels_or_empty.flatten().tolist() == np.resize(expected, 16).tolist()
    assert any(f"{ignore} is unknown" in told or f"nothing by {ignore}" in told for told in examples.remarks)


def test_names_go_with_the_classes_that_are_left(tmp_path: Path) -> None:
    mask = np.resize(np.array([0, 1, 2]), (4, 4))
    root = set_of(tmp_path, grey(mask))
    for classes, names, labels in (
        ("cat;dog", ("cat", "dog"), [-1, 0, 1]),
        ("1: cat;2: dog;3: bus", ("cat", "dog", "bus"), [-1, 0, 1]),
        ("0: nothing;1: cat;2: dog", ("nothing", "cat", "dog"), [-1, 1, 2]),
    ):
        found = load_examples(f"pairs:{root},ignore=0,classes={classes}")
        assert (found.classes, found.labels_or_empty.unique().tolist()) == (names, labels)
        assert "the value 1 is cat" in found.remarks
    with pytest.raises(InputError, match=r"at 0 or at 1 .*received 3: nothing, cat, dog\); try classes=1: nothing"):
        load_examples(f"pairs:{root},ignore=0,classes=nothing;cat;dog")
    write_files(root, {"classes.txt": b"1 cat\n2 dog\n3 bus\n"})
    assert load_examples(f"pairs:{root},ignore=0").classes == ("cat", "dog", "bus")


def test_a_value_that_no_mask_holds_is_told(tmp_path: Path) -> None:
    examples = load_examples(f"pairs:{set_of(tmp_path, grey(BINARY))},ignore=9")
    assert "no mask holds the value 9 that is to be ignored" in examples.remarks
    assert bool((examples.labels_or_empty >= 0).all())


@pytest.mark.parametrize(
    ("mask", "options", "says"),
    [
        (CLASSES, ",ignore=none", r"mean nothing, as those of masks/0.png .*received 0, 1, 2, 255"),
        (CLASSES, ",ignore=x", r"no value to ignore .*ignore=VALUE, a whole number, or ignore=none; received 'x'"),
        (BINARY * 0, ",ignore=0", r"all values of the masks are 0, which is to be ignored"),
        (CLASSES, ",ignore=2", r"mean nothing|one value in some masks"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_ignored(tmp_path: Path, mask: np.ndarray, options: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load_examples(f"pairs:{set_of(tmp_path, grey(mask))}{options}")
    assert "\n" not in str(caught.value)


def test_unknown_pixels_stay_unknown_in_a_view_and_at_another_size(tmp_path: Path) -> None:
    """A known picture moved to the right leaves unknown pixels behind; an unknown one is unknown wherever it goes."""
    mask = np.kron(np.array([[0, 1], [1, 9]]), np.ones((8, 8), dtype=int))
    write_files(tmp_path, {"images/1.png": grey(mask * 20), "masks/1.png": grey(mask)})
    examples = load_examples(f"pairs:{tmp_path},ignore=9")
    small = load_examples(f"pairs:{tmp_path},ignore=9", size=4)
    assert small.labels_or_empty[0, ..., 0].tolist() == [[0, 0, 1, 1]] * 2 + [[1, 1, -1, -1]] * 2
    seen = parse_views("shift:5").apply(examples, torch.zeros(20, dtype=torch.int64), torch.arange(1, 21))
    assert seen.labels is not None
    shown = seen.inputs[:, 0]
    assert bool((seen.labels[..., 0][shown == 180] == -1).all())
    assert bool((seen.labels[..., 0][shown == 20] == 1).all())
    background = seen.labels[..., 0][shown == 0].unique().tolist()
    assert background == [-1, 0]  # what came from outside is black too, and unknown


def blurred() -> np.ndarray:
    return np.array([[0, 3, 130, 255], [0, 90, 255, 255], [0, 0, 60, 255], [0, 0, 1, 255]])


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        ([grey(BINARY), grey(BINARY * 255)], "one value in some masks and another .*1 in masks/0.png, 255 in masks/1"),
        ([grey(BINARY * 255), grey(blurred())], "as those of masks/1.png .*received 0, 1, 3, 60, 90, 130, 255"),
        ([grey(BINARY * 127)], "mean nothing, as those of masks/0.png .*received 0, 127"),
        ([grey(CLASSES), grey(np.full((4, 4), 7))], "mean nothing, as those of masks/0.png"),
    ],
    ids=["mixed", "blurred", "grey", "a gap"],
)  # fmt: skip
def test_values_that_mean_nothing_are_refused_by_file(tmp_path: Path, masks: list[bytes], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_pairs(set_of(tmp_path, *masks))


def test_a_test_split_is_read_as_train_is(tmp_path: Path) -> None:
    root = set_of(tmp_path, grey(CLASSES))
    set_of(root, grey(BINARY), top="val/")
    write_files(root, {"test/images/1.png": picture(7), "depths.csv": b"id,z\n"})
    validation, test = load_pairs(root, "validation"), load_pairs(root, "test")
    assert validation.question == test.question == load_pairs(root).question
    assert validation.labels is not None
    assert validation.labels.tolist() == [BINARY.tolist()]
    assert test.labels is None
    assert {"test has no masks", "not read: depths.csv"} <= set(test.remarks)
    assert has_split(f"pairs:{root}", "test")
    write_files(root, {"val/masks/0.png": grey(np.full((4, 4), 3))})
    with pytest.raises(InputError, match=r"the mask masks/0.png has values .*expected 0 to 2.*received 3"):
        load_pairs(root, "validation")


def test_a_colour_picture_in_test_does_not_change_the_kind_of_set(tmp_path: Path) -> None:
    root = set_of(tmp_path, grey(BINARY))
    write_files(root, {"test/images/1.png": picture(7, channels=3)})
    assert load_pairs(root, "test").inputs.shape == (1, 1, 4, 4)


@pytest.mark.parametrize(
    "layout",
    [
        "imgs/{}.png annotations/{}_mask.png",
        "Images/{}.png labels/{}-gt.png",
        "images/a/{}.png masks/a/{}.png",
        "images/train/{}.png masks/train/{}.png",
    ],
)
def test_layouts(tmp_path: Path, layout: str) -> None:
    image, mask = layout.split()
    files = {image.format(at): picture(at) for at in range(3)} | {mask.format(at): grey(BINARY) for at in range(3)}
    write_files(tmp_path, files)
    examples = load_examples(str(tmp_path))
    assert len(examples) == 3
    assert examples.rejected == ()
    assert sniff(tmp_path) == "pairs"


def test_what_has_no_partner_or_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    root = set_of(tmp_path, *[grey(BINARY)] * 5, top="")
    (root / "masks" / "1.png").unlink()
    (root / "images" / "2.png").unlink()
    (root / "images" / "3.png").write_bytes(b"x")
    (root / "masks" / "4.png").write_bytes(grey(BINARY)[:50])
    write_files(root, {"images/.hidden": b""})
    examples = load_pairs(root)
    assert examples.sources == ("0.png",)
    reasons = dict(examples.rejected)
    assert reasons.pop("4.png" if "4.png" in reasons else "masks/4.png").startswith("damaged")
    assert reasons == {
        "1.png": "it has no mask", "masks/2.png": "a mask without its picture",
        "3.png": "not a picture that can be read",
        "images/.hidden": "hidden",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (save(noise(4, 4), "PNG"), "a mask in colours"),
        (save(Image.fromarray(BINARY.astype(np.uint8)).convert("RGBA").convert("CMYK"), "TIFF"), "this is no mask"),
        (save(noise(8, 8, 1), "JPEG"), "JPEG has blurred its values"),
        (save(Image.merge("LA", (Image.new("L", (4, 4)), noise(4, 4, 1))), "PNG"), "partly transparent"),
        (b"", "empty file"),
    ],
)
def test_what_is_no_mask(tmp_path: Path, mask: bytes, says: str) -> None:
    path = write_files(tmp_path, {"mask.png": mask}) / "mask.png"
    with pytest.raises(InputError, match=says):
        read_mask(path)
    root = set_of(tmp_path / "set", mask)
    with pytest.raises(InputError, match=rf"none of the masks of .*received masks/0.png: .*{says}"):
        load_pairs(root)


@pytest.mark.parametrize("size", [None, 2])
def test_a_mask_of_another_size_than_its_picture_is_named_and_left_out(tmp_path: Path, size: int | None) -> None:
    odd = grey(np.vstack([CLASSES, CLASSES]))
    examples = load_pairs(set_of(tmp_path, grey(BINARY), odd, grey(BINARY)), size=size)
    assert [tuple(one) for one in examples.rejected] == [("masks/1.png", "4×8, and its picture 4×4")]
    assert examples.sources == ("0.png", "2.png")
    assert torch.equal(examples.inputs, load_pairs(tmp_path, size=size).inputs)
    assert examples.labels_or_empty.shape == (2, size or 4, size or 4)
    # What values mean is said by all of them, whatever split is asked for.
    write_files(tmp_path, {"test/images/a.png": picture(9)} | {"test/masks/a.png": grey(BINARY)})
    assert load_pairs(tmp_path, "test", size=size).question == examples.question
    assert len(examples.classes) == 3


@pytest.mark.parametrize("size", [None, 2])
def test_masks_that_are_mostly_of_another_size_are_refused_by_name(tmp_path: Path, size: int | None) -> None:
    odd = grey(np.vstack([BINARY, BINARY]))
    root = set_of(tmp_path, grey(BINARY), odd, odd)
    says = r"2 of 3 masks are not as large as their pictures \(received masks/1.png 4×8 for 4×4, masks/2.png"
    with pytest.raises(InputError, match=says):
        load_pairs(root, size=size)


def test_pictures_of_several_sizes_need_one(tmp_path: Path) -> None:
    root = write_files(
        tmp_path,
        {"images/1.png": picture(1), "images/2.png": picture(2, 8), "masks/1.png": grey(BINARY),
         "masks/2.png": grey(np.zeros((8, 8)))},
    )  # fmt: skip
    with pytest.raises(InputError, match=r"pictures differ in size .*try --size 6"):
        load_pairs(root)
    examples = load_pairs(root, size=6)
    assert examples.labels is not None
    assert examples.labels.shape == (2, 6, 6, 1)
    assert examples.sizes is not None
    assert examples.sizes.tolist() == [[4, 4], [8, 8]]


@pytest.mark.parametrize("size", [16, 20, 40])
def test_a_mask_is_cut_and_resized_as_its_picture_is(tmp_path: Path, size: int) -> None:
    """A wide picture of two flat halves: the edge stands in the mask where it stands in the picture."""
    left = np.zeros((40, 100), dtype=np.uint8)
    left[:, :60] = 255
    write_files(tmp_path, {"images/1.png": grey(left), "masks/1.png": grey(left)})
    examples = load_pairs(tmp_path, size=size)
    assert examples.labels is not None
    assert examples.labels[0, ..., 0].tolist() == (examples.inputs[0, 0] > 127).to(torch.int8).tolist()
    assert 0 < examples.labels.float().mean() < 1


def test_views_keep_masks_and_pictures_together(tmp_path: Path) -> None:
    shapes = [np.kron(np.roll(BINARY, at, axis=1), np.ones((3, 3))) * 255 for at in range(4)]
    write_files(tmp_path, {f"images/{at}.png": grey(shape) for at, shape in enumerate(shapes)})
    write_files(tmp_path, {f"masks/{at}.png": grey(shape) for at, shape in enumerate(shapes)})
    examples = load_pairs(tmp_path)
    seen = parse_views("flip,crop:12+3").apply(examples, torch.arange(4), torch.full((4,), 3))
    assert seen.labels is not None
    assert torch.equal(seen.labels[..., 0] == 1, seen.inputs[:, 0] == 255)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"images/1.png": picture()}, "holds no pictures with masks"),
        ({"images/1.png": picture(), "masks/2.png": grey(BINARY)}, "no mask in .* is called as a picture"),
        ({"images/1.png": picture(), "images/1.jpg": picture(), "masks/1.png": b""}, "two files in .* are called 1"),
        (
            {"images/1.png": picture(), "masks/1_mask.png": grey(BINARY), "masks/1_gt.png": grey(BINARY)},
            "two masks for one picture",
        ),
        ({"images/1.png": picture(), "imgs/1.png": picture(), "masks/1.png": b""}, "several folders that may be"),
    ],
)  # fmt: skip
def test_folders_that_are_no_pairs(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_pairs(write_files(tmp_path, files))


def test_the_salt_set_as_kaggle_has_it(real_data: Path) -> None:
    place = real_data / "tgs_salt"
    if not place.is_dir():
        pytest.skip("no tgs_salt here")
    examples = load_examples("tgs_salt", data_root=real_data, size=16)
    assert examples.inputs.shape == (4000, 1, 16, 16)
    assert examples.labels is not None
    assert examples.labels.shape == (4000, 16, 16, 1)
    assert "not read: depths.csv" in examples.remarks
    assert examples.rejected == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_is_turned_as_its_file_says(tmp_path: Path, orientation: int) -> None:
    """Read from its values alone it had lost what its file says, and lay on another part of the picture."""
    exif, values = Image.Exif(), np.arange(6, dtype=np.uint8).reshape(2, 3)
    exif[0x0112] = orientation
    path = tmp_path / "mask.png"
    path.write_bytes(save(Image.fromarray(values), "PNG", exif=exif))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    mask = read_mask(path)
    assert np.array_equal(mask.values, expected)
    assert (mask.width, mask.height) == expected.shape[::-1]
