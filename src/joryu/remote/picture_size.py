"""Make pictures as small as an API wants them, in memory; what is small enough travels as it is."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from joryu.errors import InputError


def fitted(picture: bytes, *, longest_side: int | None, quality: int) -> bytes:
    """The picture with no side longer than ``longest_side``, as JPEG of a ``quality``, upright; small ones unchanged.

    Raises:
        InputError: it cannot be decoded.
    """
    if longest_side is None:
        return picture
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large picture: what is too large was refused when it was loaded
            with Image.open(io.BytesIO(picture)) as opened:
                if max(opened.size) <= longest_side:
                    return picture
                opened.draft("RGB", (longest_side, longest_side))
                upright = ImageOps.exif_transpose(opened)
                made = _on_white(_eight_bits(upright))
                made.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
        written = io.BytesIO()
        made.save(written, "JPEG", quality=quality)
    except Exception as error:  # damaged bytes make Pillow raise nearly anything: struct.error, EOFError
        raise InputError("a picture cannot be made smaller", received=str(error) or type(error).__name__) from error
    return written.getvalue()


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16-bit values in eight bits: ``v / 257``, as it is taught; Pillow would make all above 255 white."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert("RGB")
