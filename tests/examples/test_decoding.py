"""Odd pictures one at a time: read to known pixels, or refused with a reason."""

from __future__ import annotations

import errno
import re
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import noise, png, save
from PIL import Image, ImageOps

from joryu.errors import InputError
from joryu.examples.decoding import Pixels, decode_picture, is_coloured
from joryu.examples.picture import Picture, Unusable, read_picture

WHITE, BLACK = 255, 0


def planes(image: Image.Image) -> Pixels:
    return np.asarray(image).transpose(2, 0, 1)


def test_colour_and_grey_come_as_they_are() -> None:
    colour, grey = noise(7, 5), noise(7, 5, channels=1)
    assert np.array_equal(decode_picture(save(colour, "PNG")), planes(colour))
    assert np.array_equal(decode_picture(save(grey, "PNG")), np.asarray(grey)[None])
    assert decode_picture(save(grey.convert("1"), "PNG")).max() == WHITE


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "JPEG2000"])
def test_content_decides_and_not_the_extension(kind: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (6, 4), (250, 10, 20))
    options = {"lossless": True} if kind == "WEBP" else {}
    path = tmp_path / "picture.jpg"
    path.write_bytes(save(picture, kind, **options))
    assert np.array_equal(decode_picture(path), planes(picture))


def test_cmyk_is_converted() -> None:
    cyan, magenta, yellow, black = 200, 100, 0, 51
    jpeg = save(Image.new("CMYK", (16, 16), (cyan, magenta, yellow, black)), "JPEG", quality=100)
    expected = [(255 - ink) * (255 - black) / 255 for ink in (cyan, magenta, yellow)]
    assert np.abs(decode_picture(jpeg).mean((1, 2)) - expected).max() < 2.5  # JPEG itself loses one or two


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.array([[0, 128, 129, 257, 385, 386], [1000, 20_000, 32_767, 32_768, 65_534, 65_535]], dtype=np.uint16)
    expected = np.rint(values / 257).astype(np.uint8)[None]
    assert np.array_equal(decode_picture(save(Image.fromarray(values), "PNG")), expected)
    assert np.array_equal(decode_picture(save(Image.fromarray(values), "TIFF")), expected)
    assert np.array_equal(decode_picture(b"P5 6 2 65535\n" + values.astype(">u2").tobytes()), expected)


def test_sixteen_bits_of_colour_are_scaled() -> None:
    line = struct.pack(">6H", 0, 32_768, 65_535, 257, 65_278, 51_400)
    pixels = decode_picture(png(2, 1, 16, 2, [line]))
    assert (
        np.abs(pixels[:, 0].T.ravel() - np.array([0, 128, 255, 1, 254, 200])).max() <= 1
    )  # Pillow keeps the high byte


def test_sixteen_bits_that_would_turn_black_are_refused() -> None:
    dark = Image.fromarray(np.full((4, 4), 255, dtype=np.uint16))
    with pytest.raises(InputError, match=r"would turn black .*received up to 255"):
        decode_picture(save(dark, "PNG"))
    assert decode_picture(save(Image.fromarray(np.zeros((4, 4), dtype=np.uint16)), "PNG")).max() == BLACK


@pytest.mark.parametrize("bits", [9, 10, 12, 13])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_fewer_bits_in_sixteen_are_refused_by_name(bits: int, kind: str) -> None:
    top = 2**bits - 1
    camera = Image.fromarray(np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8))
    with pytest.raises(InputError, match=rf"would turn black .*received up to {top}\); multiply its values"):
        decode_picture(save(camera, kind))
    scaled = Image.fromarray((np.asarray(camera).astype(np.int64) * 65535 // top).astype(np.uint16))
    assert decode_picture(save(scaled, kind)).max() == WHITE


def test_sixteen_bits_that_are_only_dark_are_read() -> None:
    dark = Image.fromarray(np.full((4, 4), 8192, dtype=np.uint16))
    assert decode_picture(save(dark, "PNG")).max() == 32


@pytest.mark.parametrize("colours", [2, 6])  # PNG's RGB and RGBA
def test_few_bits_of_colour_are_refused_by_name(colours: int) -> None:
    n = {2: 3, 6: 4}[colours]
    for value in (200, 1023, 4095):
        line = struct.pack(f">{2 * n}H", *[*[value] * 3, *[65_535] * (n - 3)] * 2)
        with pytest.raises(InputError, match="16-bit picture that would turn black"):
            decode_picture(png(2, 1, 16, colours, [line]))


def test_a_see_through_value_does_not_hide_few_bits() -> None:
    wide = Image.fromarray(np.array([[65_535, 1023, 5]], dtype=np.uint16))
    with pytest.raises(InputError, match="received up to 1023"):
        decode_picture(save(wide, "PNG", transparency=65_535))


def test_twelve_bits_that_the_file_declares_are_scaled_from_their_own_range() -> None:
    values = [0, 100, 2000, 4095]
    packed = b"".join(((a << 12) | b).to_bytes(3, "big") for a, b in zip(values[::2], values[1::2], strict=True))
    tags = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    tiff = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags)) + entries + bytes(4)
    assert decode_picture(tiff).tolist() == [[[round(value * 255 / 4095) for value in values]]]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_of_unknown_range_are_refused(kind: type) -> None:
    picture = Image.fromarray(np.full((4, 4), 7, dtype=kind))
    with pytest.raises(InputError, match=r"no known range.*expected 8 or 16 bits"):
        decode_picture(save(picture, "TIFF"))


def test_a_palette_is_looked_up() -> None:
    picture = Image.new("P", (4, 2), 1)
    picture.putpalette([9, 9, 9, 200, 100, 50])
    assert decode_picture(save(picture, "PNG"))[:, 1, 3].tolist() == [200, 100, 50]


def test_a_palette_of_greys_is_grey() -> None:
    picture = Image.new("P", (4, 2), 1)
    picture.putpalette([9, 9, 9, 200, 200, 200])
    assert np.array_equal(decode_picture(save(picture, "PNG")), np.full((1, 2, 4), 200))


def test_what_is_transparent_shows_white() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 9, 9, 200, 100, 50])
    palette.putdata([0, 1])
    pixels = decode_picture(save(palette, "PNG", transparency=0))
    assert pixels[:, 0].T.tolist() == [[WHITE] * 3, [200, 100, 50]]

    half = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    half.putpixel((1, 0), (100, 0, 255, 51))  # a fifth of it, four fifths of white
    assert decode_picture(save(half, "PNG"))[:, 0].T.tolist() == [[WHITE] * 3, [224, 204, 255]]


def test_grey_with_transparency_stays_grey() -> None:
    picture = Image.new("LA", (2, 1), (0, 0))
    picture.putpixel((1, 0), (100, 255))
    assert decode_picture(save(picture, "PNG")).tolist() == [[[WHITE, 100]]]
    marked = Image.fromarray(np.array([[3, 200]], dtype=np.uint8))
    assert decode_picture(save(marked, "PNG", transparency=3)).tolist() == [[[WHITE, 200]]]
    wide = Image.fromarray(np.array([[771, 51_400]], dtype=np.uint16))
    assert decode_picture(save(wide, "PNG", transparency=771)).tolist() == [[[WHITE, 200]]]


def test_sixteen_bits_of_grey_with_transparency_stay_grey() -> None:
    line = struct.pack(">6H", 51_400, 65_535, 0, 0, 0, 65_535)
    grey = png(3, 1, 16, 4, [line])  # PNG's grey with alpha
    assert decode_picture(grey).tolist() == [[[200, WHITE, BLACK]]]
    assert not is_coloured(grey)
    with pytest.raises(InputError, match="would turn black"):
        decode_picture(png(1, 1, 16, 4, [struct.pack(">2H", 4095, 65_535)]))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    red, blue = (Image.new("RGB", (8, 6), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    options = {"lossless": True} if kind == "WEBP" else {}
    animation = save(red, kind, save_all=True, append_images=[blue], duration=100, **options)
    assert decode_picture(animation)[:, 3, 4].tolist() == [255, 0, 0]


def test_of_a_file_of_pages_the_first_is_taken() -> None:
    pages = save(Image.new("L", (4, 4), 10), "TIFF", save_all=True, append_images=[Image.new("L", (4, 4), 200)])
    assert decode_picture(pages).max() == 10


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = save(noise(24, 16), kind, exif=exif, **options)
    with Image.open(BytesIO(content)) as image:
        expected = planes(ImageOps.exif_transpose(image))
    pixels = decode_picture(content)
    assert pixels.shape == ((3, 24, 16) if orientation >= 5 else (3, 16, 24))
    assert np.array_equal(pixels, expected)


@pytest.mark.parametrize("orientation", [b"\x00\x09", b"\xff\xff"])
def test_a_senseless_orientation_is_none(orientation: bytes) -> None:
    tiff = (
        b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01"
        + orientation
        + b"\x00\x00\x00\x00\x00\x00"
    )
    content = save(noise(24, 16), "JPEG", exif=b"Exif\x00\x00" + tiff)
    assert decode_picture(content).shape == (3, 16, 24)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (33, 100), (5, 5), (8, 8), (1, 6)], ids=str)
def test_the_centre_square_may_begin_within_a_pixel(shape: tuple[int, int]) -> None:
    """Ids by pixels and published results hang on these very pixels."""
    width, height = shape
    picture, side = noise(width, height), min(shape)
    left, top = (width - side) / 2, (height - side) / 2
    cut = picture.resize((8, 8), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    assert np.array_equal(decode_picture(save(picture, "PNG"), size=8), planes(cut))


def test_unreadable_exif_does_not_spoil_the_picture() -> None:
    picture = noise(24, 16)
    content = save(picture, "PNG", exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff garbage")
    assert np.array_equal(decode_picture(content), planes(picture))


def test_size_takes_the_centre_square() -> None:
    stripes = np.zeros((10, 30, 3), dtype=np.uint8)
    stripes[:, :10, 0] = stripes[:, 10:20, 1] = stripes[:, 20:, 2] = 255
    wide = save(Image.fromarray(stripes), "PNG")
    assert np.array_equal(decode_picture(wide, size=10), stripes[:, 10:20].transpose(2, 0, 1))
    tall = save(Image.fromarray(stripes.transpose(1, 0, 2)), "PNG")
    assert np.array_equal(decode_picture(tall, size=10), stripes[:, 10:20].transpose(2, 1, 0))


def test_size_equals_resizing_the_shorter_side_and_cropping() -> None:
    smooth = noise(4, 3).resize((120, 90), Image.Resampling.BICUBIC)
    resized = smooth.resize((40, 30), Image.Resampling.BICUBIC).crop((5, 0, 35, 30))
    assert np.abs(decode_picture(save(smooth, "PNG"), size=30).astype(int) - planes(resized)).max() <= 1


def test_small_pictures_are_enlarged() -> None:
    assert np.array_equal(decode_picture(save(Image.new("L", (3, 5), 77), "PNG"), size=16), np.full((1, 16, 16), 77))


def test_large_jpegs_are_shrunk_while_decompressing_without_harm() -> None:
    detailed = noise(120, 80).resize((1200, 800), Image.Resampling.BICUBIC)
    quick = decode_picture(save(detailed, "JPEG", quality=95), size=200).astype(int)
    thorough = decode_picture(save(detailed, "PNG"), size=200).astype(int)
    assert np.abs(quick - thorough).mean() < 1.2  # 0.8; shrunk to the size itself first it would be 1.6


def test_broken_files_are_refused_with_a_reason(broken: dict[str, tuple[bytes, str]], tmp_path: Path) -> None:
    for name, (content, reason) in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        for source in (content, path):
            with pytest.raises(InputError) as caught:
                decode_picture(source, size=8)
            assert re.search(reason, str(caught.value)), (name, str(caught.value))
            assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened: No such file"):
        decode_picture(tmp_path / "nothing.png")


def sound_files() -> list[bytes]:
    animation = save(noise(9, 9), "GIF", save_all=True, append_images=[noise(9, 9, seed=1)])
    sixteen = save(Image.fromarray(np.arange(81, dtype=np.uint16).reshape(9, 9) * 800), "TIFF")
    return [save(noise(9, 9), "JPEG"), save(noise(9, 9), "PNG"), animation, sixteen, save(noise(9, 9), "WEBP")]


SOUND = sound_files()


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=300, deadline=None)
@given(
    which=st.integers(0, len(SOUND) - 1),
    damage=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    length=st.floats(0, 1),
)
def test_damaged_bytes_give_a_picture_or_a_reason(which: int, damage: list[tuple[float, int]], length: float) -> None:
    content = bytearray(SOUND[which])
    for place, value in damage:
        content[int(place * len(content))] = value
    try:
        pixels = decode_picture(bytes(content[: round(length * len(content))]), size=4)
    except InputError as error:
        assert error.what
    else:
        assert pixels.shape in ((1, 4, 4), (3, 4, 4))
        assert pixels.dtype == np.uint8


@given(size=st.integers(1, 40), width=st.integers(1, 40), height=st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_any_size_of_any_picture_has_that_shape(size: int, width: int, height: int) -> None:
    pixels = decode_picture(save(Image.new("RGB", (width, height), (5, 6, 7)), "PNG"), size=size)
    assert pixels.shape == (3, size, size)
    assert np.array_equal(np.unique(pixels.reshape(3, -1), axis=1).T, [[5, 6, 7]])


@pytest.mark.parametrize("size", [None, 8])
def test_what_git_left_in_place_of_a_picture_says_how_to_fetch_it(tmp_path: Path, size: int | None) -> None:
    pointer = tmp_path / "rose.png"
    pointer.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pointer.open("rb") as opened:
        for source in (pointer, pointer.read_bytes(), opened):
            with pytest.raises(InputError, match=r"a Git LFS pointer instead of .*git lfs pull fetches"):
                decode_picture(source, size=size)


@pytest.mark.parametrize(
    ("failure", "says", "passing", "gone"),
    [
        (OSError(errno.EIO, "Input/output error"), "cannot be opened: Input/output error", True, True),
        (OSError(errno.EMFILE, "Too many open files"), "cannot be opened: Too many open files", True, False),
        (MemoryError(), "there is no memory to decode it", True, False),
        (OSError("broken data stream when reading image file"), "damaged: broken data stream", False, False),
        (OSError(errno.EINVAL, "Invalid argument"), "damaged: .*Invalid argument", False, False),  # a place before 0
        (IndexError(), "damaged: IndexError", False, False),
    ],
)
def test_what_the_system_failed_in_is_told_from_damage(
    failure: Exception, says: str, passing: bool, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(image: Image.Image, size: int | None) -> None:
        raise failure

    content = save(noise(4, 4), "PNG")
    monkeypatch.setattr("joryu.examples.decoding._loaded", failing)
    with pytest.raises(InputError, match=rf"^{says}"):
        decode_picture(content)
    read = read_picture(Picture("a.png", content), None)
    assert isinstance(read, Unusable)
    assert (read.passing, read.gone) == (passing, gone)
