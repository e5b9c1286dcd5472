"""A picture as the pixels of an input of a given shape. Imports no PyTorch, so that processes that decode are light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from joryu.examples.decoding import Decoded, Pixels, decode_image, decode_sized, to_channels


def input_pixels(source: Path | bytes | Image.Image, *, channels: int, height: int, width: int) -> Decoded:
    """Pixels uint8 ``[channels, height, width]``, together with the picture's own width and height.

    The shorter side is resized and the centre cut out; for another shape than a square, the largest centred part of
    that shape (bicubic).

    >>> input_pixels(Image.new("RGB", (40, 30)), channels=1, height=8, width=12).pixels.shape
    (1, 8, 12)

    Raises:
        InputError: as `joryu.examples.decoding.decode_picture`.
    """
    size = height if height == width else None
    if isinstance(source, Image.Image):
        pixels, *sides = decode_image(source, size=size)
    else:
        pixels, *sides = decode_sized(source, size=size)
    if pixels.shape[1:] != (height, width):
        pixels = to_channels(ImageOps.fit(_image(pixels), (width, height), Image.Resampling.BICUBIC))
    if len(pixels) > channels:
        pixels = to_channels(_image(pixels).convert("L"))
    elif len(pixels) < channels:
        pixels = np.repeat(pixels, channels, axis=0)
    return Decoded(pixels, *sides)


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
