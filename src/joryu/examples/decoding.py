"""Decode one picture file to pixels; a file that cannot be decoded properly is refused with the reason."""

from __future__ import annotations

import errno
import os
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from joryu.errors import InputError
from joryu.examples.rejected import PassingError

Pixels = npt.NDArray[np.uint8]
"""``[channels, height, width]``, one channel (grey) or three (RGB)."""

Encoded = Path | bytes | BinaryIO
"""A picture that is not decoded yet: its file, its bytes, or its file that is open and stays so."""

PIXEL_LIMIT: Final = 80_000_000
"""Pictures that declare more pixels are refused before a byte of them is decompressed (Pillow itself warns at 89 M)."""

# Formats by content, not by extension. Left out on purpose: those that start another program (EPS) or draw (WMF).
_WANTED = ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")
_ORIENTATION_TAG = 0x0112
# Not `ImageOps.exif_transpose`, though it gives the same pixels: it loses the format, by which 16-bit values are known,
# copies what needs no turning, and does not say whether width and height were exchanged.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_SIXTEEN_BITS = re.compile(r";16[BLN]$")  # with a byte order; Pillow's BGR;16 is 16 bits for all three colours
_TWELVE_BITS = "I;12"
_FULL = {_TWELVE_BITS: 4095}  #: the largest value where it is not 65535 (PPM and JPEG 2000 are scaled by Pillow)

DARK: Final = 8
"""A 16-bit picture that stays under one eighth of its range is refused: of 256 levels it would keep 32 at most. The
files do not say (Pillow passes over PNG's sBIT), but values so low are nearly always 9 to 12 bits left unscaled."""

_GREY = ("1", "L", "LA", "La")
_PALETTES = ("P", "PA")


class Decoded(NamedTuple):
    """A picture's pixels, and its width and height in the file (after EXIF rotation)."""

    pixels: Pixels
    width: int
    height: int


def decode_picture(source: Encoded, *, size: int | None = None) -> Pixels:
    """Decode a file or its bytes to pixels, uint8 ``[1 or 3, height, width]``.

    The format is found from the content, not the extension. 16-bit values are scaled (``round(v / 257)``), not
    clipped; 12-bit values of a TIFF are scaled from their own range. CMYK, YCbCr and palettes become RGB (a palette of
    greys becomes grey). Transparent parts show a **white** background. Of an animation, or of several pages, the first
    is taken. The EXIF orientation is applied.

    ``size``: the shorter side is resized to ``size`` pixels (bicubic, antialiased) and the centre square is cut out.
    Large JPEGs are shrunk during decompression first, to at least twice the size.

    Raises:
        InputError: not a picture; truncated or damaged; more than `PIXEL_LIMIT` pixels; or values of unknown range:
            floats, 32-bit integers, or 16 bits of which less than an eighth of the range is used (9 to 12 bits of a
            camera or scanner, which would become nearly black).
        PassingError: an `InputError` that says nothing about the picture: the system or the memory failed.
    """
    return decode_sized(source, size=size).pixels


def decode_sized(source: Encoded, *, size: int | None = None) -> Decoded:
    """As `decode_picture`, together with the picture's size in the file.

    Raises:
        InputError: as `decode_picture`.
    """
    with opened(source) as image:
        width, height = image.size
        if size is not None:
            image.draft(None, (2 * size, 2 * size))
        pixels, lying = _loaded(image, size)
    return Decoded(pixels, height, width) if lying else Decoded(pixels, width, height)


def decode_image(image: Image.Image, *, size: int | None = None) -> Decoded:
    """As `decode_sized`, for a PIL picture.

    >>> decode_image(Image.new("CMYK", (3, 2))).pixels.shape
    (3, 2, 3)

    Raises:
        InputError: as `decode_picture`.
    """
    with _one_kind_of_error(b""):
        _refuse_bombs(image)
        width, height = image.size
        pixels, lying = _loaded(image, size)
    return Decoded(pixels, height, width) if lying else Decoded(pixels, width, height)


def _loaded(image: Image.Image, size: int | None) -> tuple[Pixels, bool]:
    """The pixels, and whether the EXIF orientation exchanged width and height."""
    raw_mode = raw_mode_of(image)
    image.load()
    orientation = _orientation(image)
    whole = _upright(_eight_bit(image, raw_mode), orientation)
    return to_channels(whole if size is None else fit(whole, size)), orientation in _LYING


@contextmanager
def opened(source: Encoded) -> Iterator[Image.Image]:
    """A context with the picture opened but not yet decompressed; every error inside becomes an `InputError`.

    Raises:
        InputError: as `decode_picture`.
    """
    with (
        _one_kind_of_error(source),
        Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=readable_formats()) as image,
    ):
        _refuse_bombs(image)
        yield image


@contextmanager
def _one_kind_of_error(source: Encoded) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError("too many pixels", expected=f"at most {PIXEL_LIMIT:,}") from None
    except UnidentifiedImageError:
        raise InputError(_not_a_picture(source)) from None
    except MemoryError:
        raise PassingError("there is no memory to decode it") from None
    except OSError as error:
        # Pillow's own, of damaged bytes, have no number. EINVAL is a place that no file has, which damaged bytes name.
        if error.errno in (None, errno.EINVAL):
            raise InputError(f"damaged: {str(error) or type(error).__name__}") from None
        raise PassingError(f"cannot be opened: {error.strerror}", error.errno) from None
    except Exception as error:  # noqa: BLE001  (damaged bytes make Pillow raise nearly anything: struct.error, KeyError, …)
        raise InputError(f"damaged: {str(error) or type(error).__name__}") from None


class _Strictness:
    """Pillow's switches as long as somebody decodes. Threads come and go in any order, so they are counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._lenient = False
        self._filters: list[Any] = []

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._lenient, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
            before = list(warnings.filters)
            warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
            self._filters = [one for one in warnings.filters if one not in before]

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
            ImageFile.LOAD_TRUNCATED_IMAGES = self._lenient
            # Taken out one by one: what others have changed meanwhile stays, which catch_warnings would undo.
            filters: list[Any] = warnings.filters  # type: ignore[assignment]  # typeshed calls it a sequence
            for one in self._filters:
                with suppress(ValueError):
                    filters.remove(one)


_STRICTNESS: Final = _Strictness()


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Pillow's process-wide switches, set as long as somebody decodes: half a picture is never accepted.

    Some libraries set `LOAD_TRUNCATED_IMAGES`, which silently fills missing parts with grey or black.
    """
    _STRICTNESS.enter()
    try:
        yield
    finally:
        _STRICTNESS.leave()


def upright(image: Image.Image, said_by: Image.Image | None = None) -> Image.Image:
    """The picture with its EXIF orientation applied, or that of the file it was made from; itself without any."""
    return _upright(image, _orientation(image if said_by is None else said_by))


def is_coloured(source: Encoded) -> bool:
    """Whether `decode_picture` would give three channels. For grey pictures only the header is read."""
    try:
        with Image.open(BytesIO(source) if isinstance(source, bytes) else source, formats=readable_formats()) as image:
            grey = image.mode in _GREY or image.mode.startswith("I")
    except Exception:  # noqa: BLE001  (as in `decode_picture`, which will give the reason)
        return False
    try:
        return not grey and len(decode_picture(source, size=1)) == 3  # decoded: what is left out has no colour
    except InputError:
        return False


def is_picture(path: Path) -> bool:
    """Whether a file has the header of a picture; the rest is not read."""
    try:
        with Image.open(path, formats=readable_formats()):
            return True
    except Exception:  # noqa: BLE001  (as in `decode_picture`)
        return False


def readable_formats() -> list[str]:
    """Pillow's names of the formats that can be read; they depend on how Pillow was built."""
    if not set(_WANTED) <= Image.OPEN.keys():
        Image.init()
    return [name for name in _WANTED if name in Image.OPEN]


def fit(image: Image.Image, size: int, resampling: Image.Resampling = Image.Resampling.BICUBIC) -> Image.Image:
    """The picture resized so that its shorter side is ``size`` pixels, cropped to the centre ``size × size`` square."""
    return ImageOps.fit(image, (size, size), resampling)


def to_channels(image: Image.Image) -> Pixels:
    """A grey or RGB picture as ``[1 or 3, height, width]``."""
    pixels = np.asarray(image)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def with_channels(pixels: Pixels, channels: int) -> Pixels:
    """A picture ``[1 or 3, height, width]`` as grey (1) or RGB (3).

    >>> with_channels(np.zeros((1, 2, 2), np.uint8), 3).shape
    (3, 2, 2)
    """
    if len(pixels) > channels:
        return to_channels(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L"))
    return np.repeat(pixels, channels, axis=0) if len(pixels) < channels else pixels


def _refuse_bombs(image: Image.Image) -> None:
    pixels = image.width * image.height
    if pixels > PIXEL_LIMIT:
        raise InputError("too many pixels", expected=f"at most {PIXEL_LIMIT:,}", received=f"{pixels:,}")


def _not_a_picture(source: Encoded) -> str:
    match source:
        case bytes():
            length = len(source)
        case Path():
            length = source.stat().st_size
        case _:
            length = os.fstat(source.fileno()).st_size
    if length and _beginning(source) == LFS_POINTER:
        return "a Git LFS pointer instead of the picture, which git lfs pull fetches"
    return "not a picture that can be read" if length else "empty file"


LFS_POINTER: Final = b"version https://git-lfs"  #: the beginning of a Git LFS pointer: the file was not downloaded


def _beginning(source: Encoded) -> bytes:
    match source:
        case bytes():
            return source[: len(LFS_POINTER)]
        case Path():
            with source.open("rb") as file:
                return file.read(len(LFS_POINTER))
        case _:
            source.seek(0)
            return source.read(len(LFS_POINTER))


def _orientation(image: Image.Image) -> int:
    orientation = 1
    with suppress(Exception):  # unreadable EXIF says nothing; the picture itself is sound
        orientation = int(image.getexif().get(_ORIENTATION_TAG, 1))
    return orientation


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def raw_mode_of(image: Image.Image) -> str:
    """Pillow's name of the values' layout in the file (``RGB;16B``); only known before the picture is loaded."""
    tiles = getattr(image, "tile", None)
    args = tiles[0].args if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _eight_bit(image: Image.Image, raw_mode: str) -> Image.Image:
    """The picture converted to mode L or RGB."""
    mode = image.mode
    if mode.startswith("I") or mode == "F":
        return _from_wide(image, _FULL.get(raw_mode, 65535))
    if _SIXTEEN_BITS.search(raw_mode) and mode in ("RGB", "RGBA"):
        # Pillow has kept only the high byte, so a dark picture may have lost all detail: refused too.
        _refuse_dark(256 * int(np.asarray(image)[..., :3].max()) + 255)
    if image.has_transparency_data:
        rgba = image.convert(_PREMULTIPLIED.get(mode, mode)).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, rgba).convert("RGB")
        grey = mode in _GREY or raw_mode.startswith("LA") or (mode in _PALETTES and _is_grey(image))
    else:
        grey = mode in _GREY
        image = image if mode in ("L", "RGB") else image.convert("L" if grey else "RGB")
        grey = grey or (mode in _PALETTES and _is_grey(image))
    return image.convert("L") if grey else image


def _is_grey(image: Image.Image) -> bool:
    pixels = np.asarray(image)
    return bool((pixels == pixels[..., :1]).all())


def _refuse_dark(brightest: int) -> None:
    if 0 < brightest < 65536 // DARK:
        raise InputError(
            "16-bit picture that would turn black",
            expected="values up to 65535",
            received=f"up to {brightest}",
            hint="multiply its values so that the largest its source can give becomes 65535, or save it with 8 bits",
        )


def _from_wide(image: Image.Image, full: int) -> Image.Image:
    """A picture of 16-bit values scaled to 8 bits; values without a known range are refused."""
    # Pillow's mode I is 32 bits wide, but PNG and PPM files come in it with values of 0..65535.
    if not (image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))):
        raise InputError("32-bit values have no known range", expected="8 or 16 bits")
    wide = np.asarray(image).astype(np.int64)
    see_through = wide == image.info.get("transparency", -1)
    if full == 65535:
        _refuse_dark(int(wide.max(where=~see_through, initial=0)))
    narrow = (wide * 255 + full // 2) // full
    narrow[see_through] = 255
    return Image.fromarray(narrow.astype(np.uint8))
