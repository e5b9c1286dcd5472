"""What the values of masks mean is what train says: whichever split is loaded, and whatever cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_files import noise, save, write_files
from PIL import Image

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.examples.pairs import load_pairs

BINARY = np.array([[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]])
CLASSES = np.array([[0, 0, 1, 1], [0, 2, 2, 0], [255, 0, 0, 0], [2, 0, 0, 1]])


def grey(values: np.ndarray) -> bytes:
    return save(Image.fromarray(values.astype(np.uint8)), "PNG")


def set_of(root: Path, *masks: bytes, top: str = "train/") -> Path:
    files = {f"{top}images/{at}.png": save(noise(4, 4, 1, at), "PNG") for at in range(len(masks))}
    return write_files(root, files | {f"{top}masks/{at}.png": mask for at, mask in enumerate(masks)})


def test_a_split_of_other_values_than_train_is_refused_with_both_files(tmp_path: Path) -> None:
    """Every pixel of what was there was silently unknown."""
    root = set_of(tmp_path, grey(BINARY * 0), grey(BINARY))
    set_of(root, grey(BINARY * 255), top="test/")
    with pytest.raises(InputError, match=r"1 in masks/1.png of another split, 255 in masks/0.png of this one"):
        load_pairs(root, "test")


@pytest.mark.parametrize("tiles", [{}, {"tiles": "8"}], ids=["whole", "in tiles"])
@pytest.mark.parametrize("harm", ["a damaged picture", "a mask of another size"])
def test_a_picture_that_cannot_be_used_does_not_change_the_question(
    tmp_path: Path, tiles: dict[str, str], harm: str
) -> None:
    """Train had three classes, and test, which asks what train does, four."""
    more = np.where(CLASSES == 255, 3, CLASSES)
    odd = np.vstack([more, more]) if harm == "a mask of another size" else more
    root = set_of(tmp_path, grey(CLASSES), grey(odd), grey(BINARY))
    set_of(root, grey(more), top="test/")
    if harm == "a damaged picture":
        picture_of_it = root / "train" / "images" / "1.png"
        picture_of_it.write_bytes(picture_of_it.read_bytes()[:50])
    train, test = (load_pairs(root, split, options=tiles) for split in ("train", "test"))
    assert len(train.rejected) == 1
    assert train.question == test.question
    assert train.classes == ("0", "1", "2", "3")
    assert len(load_examples(f"pairs:{root}" + (",tiles=8" if tiles else ""), split="all")) == 3
