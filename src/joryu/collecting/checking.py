"""Look at the bytes that are said to be a picture: the format by its content, all of it decoded, its size bounded."""

from __future__ import annotations

from typing import Final, NamedTuple

from joryu.errors import InputError
from joryu.examples.decoding import decode_sized, opened
from joryu.examples.original_bytes import key_of

_ENDINGS: Final = {
    "JPEG": ("jpg", "image/jpeg"), "MPO": ("jpg", "image/jpeg"), "PNG": ("png", "image/png"),
    "GIF": ("gif", "image/gif"), "BMP": ("bmp", "image/bmp"), "TIFF": ("tif", "image/tiff"),
    "WEBP": ("webp", "image/webp"), "PPM": ("ppm", "image/x-portable-anymap"), "JPEG2000": ("jp2", "image/jp2"),
    "AVIF": ("avif", "image/avif"),
}  # fmt: skip
_SIDE: Final = 64  #: pixels to which a picture is decoded: all of its bytes are needed for that, and little time


class Checked(NamedTuple):
    """A picture that can be used: its id in hexadecimal, the ending and the type of its format, its size in pixels."""

    picture: str
    ending: str
    type: str
    width: int
    height: int

    @property
    def file(self) -> str:
        """Where it is kept, seen from the folder of pictures: two letters keep each folder small."""
        return f"{self.picture[:2]}/{self.picture}.{self.ending}"


def check_picture(content: bytes) -> Checked:
    """What a picture's bytes are.

    Raises:
        InputError: they are no picture, or one that examples would leave out too: cut off, damaged, of too many pixels,
            of values without a known range.
    """
    with opened(content) as image:
        ending, kind = _ENDINGS[image.format or ""]
    decoded = decode_sized(content, size=_SIDE)
    return Checked(key_of(content).hex(), ending, kind, decoded.width, decoded.height)


def require_size(size: int, largest: int) -> None:
    """Check the size of a file before it is read.

    Raises:
        InputError: it is empty or too large.
    """
    if not 0 < size <= largest:
        raise InputError(
            "too large" if size else "empty file", expected=f"at most {largest:,} bytes", received=f"{size:,}"
        )
