"""One mask file to the values of its pixels: numbers as they stand, never colours and never scaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import fit, opened, raw_mode_of, upright
from joryu.examples.layouts import some

Values = npt.NDArray[np.integer[Any]]

_LOSSY = ("JPEG", "MPO")
_BYTES = ("1", "L", "P")
_BANDS = {"LA": 1, "PA": 1, "RGB": 3, "RGBA": 3}  #: how many of the bands are not see-through


class Mask(NamedTuple):
    """``values``: ``[height, width]``, bytes or int32; ``held``: which there are; the size that the file has."""

    values: Values
    held: frozenset[int]
    width: int
    height: int


def read_mask(path: Path, size: int | None = None) -> Mask:
    """The values of a mask: greys, indices of a palette, or black and white as 0 and 1.

    Three equal bands are one. ``size``: the centre square resized to it as `fit` does to the picture, each pixel
    taking the value of the nearest one. ``held`` is of the whole mask.

    Raises:
        InputError: no picture, damaged, in colours or partly see-through, or blurred by JPEG.
    """
    with opened(path) as image:
        raw_mode = raw_mode_of(image)
        image.load()
        whole = upright(Image.fromarray(_values(image, raw_mode)), said_by=image)
        held = frozenset(np.unique(np.asarray(whole)).tolist())
        if image.format in _LOSSY and not held <= {0, 255}:
            raise InputError("JPEG has blurred its values", received=shown(held), hint="save masks as PNG")
    fitted = whole if size is None else fit(whole, size, Image.Resampling.NEAREST)
    return Mask(np.asarray(fitted), held, *whole.size)


def shown(values: frozenset[int]) -> str:
    """The values of a mask as a message shows them."""
    return some(sorted(values), most=8)


def _values(image: Image.Image, raw_mode: str) -> Values:
    mode = image.mode
    if mode in _BYTES:
        return np.asarray(image).astype(np.uint8)
    if mode.startswith("I"):
        return np.asarray(image).astype(np.int32)
    if mode not in _BANDS or ";16" in raw_mode:  # of 16-bit colours Pillow keeps the high byte alone: 1 would be 0
        raise InputError("this is no mask", expected="one number for each pixel", received=f"mode {mode}")
    bands = np.asarray(image)
    bands = bands[..., None] if bands.ndim == 2 else bands
    opaque = bands[..., _BANDS[mode] :]
    if opaque.size and int(opaque.min()) < 255:
        raise InputError("a mask that is partly see-through", expected="opaque pixels")
    bands = bands[..., : _BANDS[mode]]
    if not (bands == bands[..., :1]).all():
        raise InputError(
            "a mask in colours", expected="one number for each pixel",
            hint="save it with a palette, or each class as a grey of its own: 0, 1, 2, …",
        )  # fmt: skip
    return np.ascontiguousarray(bands[..., 0])
