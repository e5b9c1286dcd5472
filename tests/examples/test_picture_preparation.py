"""How a picture becomes an input: from a file, from bytes, or from a picture that a program has opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import PIXEL_LIMIT, decode_image, decode_picture
from joryu.examples.preparation import PicturePreparation


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I;16", "1"])
def test_a_picture_at_hand_is_read_as_its_file_is(mode: str, tmp_path: Path) -> None:
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    wide = Image.fromarray(np.random.default_rng(0).integers(0, 65536, (9, 7)).astype(np.uint16))
    picture = wide if mode == "I;16" else colours.convert(mode)
    path = tmp_path / "picture.tif"
    picture.save(path)
    assert np.array_equal(decode_image(picture).pixels, decode_picture(path))
    preparation = PicturePreparation(channels=1, height=4, width=4)
    read = preparation.read(path)
    assert read.shape == (1, 4, 4)
    assert np.array_equal(read.numpy(), preparation.pixels(picture))
    read += 1  # its own memory


def test_what_a_file_is_refused_for_a_picture_at_hand_is_too() -> None:
    with pytest.raises(InputError, match="no known range"):
        decode_image(Image.new("F", (2, 2)))
    with pytest.raises(InputError, match="too many pixels"):
        decode_image(Image.new("1", (PIXEL_LIMIT // 8, 9)))
