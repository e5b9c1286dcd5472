"""What is found out about a picture that is looked at and let go: its hashes, its size, the means of its blocks.

Imports no PyTorch: it also runs in the processes that decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from joryu.examples.content import content_key
from joryu.examples.decoding import Pixels, to_channels
from joryu.examples.grey_blocks import block_means
from joryu.examples.picture import Picture, Read, Unusable, read_picture

ENTRY: Final = np.dtype(
    [
        ("stamp", "<i8", 3),  # size and times of the file
        ("key", "V16"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("coloured", "?"),
        ("colour_key", "V16"),  # of the pixels as three channels
        ("grey_key", "V16"),  # and as one
        ("means", "<f4", 16),
    ]
)
"""One picture: `Stamp`, `key_of` its bytes, its own size, and what it looks like at the size it was read."""

Entries = npt.NDArray[Any]


def look_at(pictures: Sequence[Picture], *, size: int | None, channels: int | None) -> list[Entries | Unusable]:
    """The entry of each picture, without a stamp, or the reason why it has none."""
    reads = [read_picture(picture, size) for picture in pictures]
    looks = [read if isinstance(read, Unusable) else _entry(read, channels) for read in reads]
    usable = [
        (look, read.picture.pixels)
        for look, read in zip(looks, reads, strict=True)
        if not isinstance(look, Unusable) and isinstance(read, Read)
    ]
    for shape in {pixels.shape for _, pixels in usable}:  # all at once: one by one they take twice as long
        alike = [(look, pixels) for look, pixels in usable if pixels.shape == shape]
        means = block_means(np.stack([pixels for _, pixels in alike]))
        for (look, _), row in zip(alike, means, strict=True):
            look["means"] = row
    return looks


def _entry(read: Read, channels: int | None) -> Entries:
    entry = np.zeros((), ENTRY)
    pixels = read.picture.pixels
    coloured = len(pixels) == 3
    entry["key"] = read.key
    entry["width"], entry["height"], entry["coloured"] = read.picture.width, read.picture.height, coloured
    if channels != 1:
        entry["colour_key"] = content_key(pixels if coloured else np.repeat(pixels, 3, axis=0))
    if channels == 1 or not coloured:
        entry["grey_key"] = content_key(_grey(pixels) if coloured else pixels)
    return entry


def _grey(pixels: Pixels) -> Pixels:
    return to_channels(Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).convert("L"))
