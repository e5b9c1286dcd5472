"""How a picture becomes an input: from a file, from bytes, or from a picture that a program has opened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import noise, save
from PIL import Image
from pydantic import ValidationError

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


@settings(max_examples=60)
@given(
    sides=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    channels=st.sampled_from([1, 3]),
)
def test_an_input_is_the_part_that_is_seen_made_small(
    sides: tuple[int, int], shape: tuple[int, int], channels: int
) -> None:
    picture = noise(*sides, channels)
    preparation = PicturePreparation(channels=channels, height=shape[0], width=shape[1])  # type: ignore[arg-type]
    box = preparation.seen(*sides)
    assert 0 <= box.left < box.right <= sides[0]
    assert 0 <= box.top < box.bottom <= sides[1]
    assert (box.right - box.left) * shape[0] == pytest.approx((box.bottom - box.top) * shape[1])
    cut = np.asarray(picture.resize(shape[::-1], Image.Resampling.BICUBIC, box=box))
    expected = cut[None] if channels == 1 else cut.transpose(2, 0, 1)
    found = preparation.decoded(save(picture, "PNG"))
    assert np.abs(found.pixels.astype(int) - expected).max() <= 1
    assert (found.width, found.height) == sides


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_a_grey_picture_as_rgb_and_back_is_itself(kind: str) -> None:
    grey = save(noise(9, 6, 1), kind)
    one, three = (PicturePreparation(channels=n, height=6, width=9).pixels(grey) for n in (1, 3))  # type: ignore[arg-type]
    assert np.array_equal(three, np.repeat(one, 3, axis=0))
    again = save(Image.fromarray(np.ascontiguousarray(three.transpose(1, 2, 0))), "PNG")
    assert np.array_equal(PicturePreparation(channels=1, height=6, width=9).pixels(again), one)


@pytest.mark.parametrize("wrong", [{"channels": 2}, {"height": 0}, {"width": -1}, {"height": 2.5}, {"more": 1}])
def test_a_preparation_of_no_picture_cannot_be_kept(wrong: dict[str, float]) -> None:
    kept = {"kind": "pictures", "channels": 1, "height": 4, "width": 4}
    assert PicturePreparation.model_validate(kept).model_dump() == kept
    with pytest.raises(ValidationError):
        PicturePreparation.model_validate(kept | wrong)
