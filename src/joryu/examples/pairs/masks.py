"""Read one mask file as numbers per pixel: never as colours, and never scaled."""

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
_BANDS = {"LA": 1, "PA": 1, "RGB": 3, "RGBA": 3}  #: the number of bands without transparency


class Sides(NamedTuple):
    """The width and height of a picture."""

    width: int
    height: int


class Mask(NamedTuple):
    """A mask: ``values`` ``[height, width]``, uint8 or int32; ``held``: the set of its values; the file's size."""

    values: Values
    held: frozenset[int]
    width: int
    height: int


def read_mask(path: Path, size: int | None = None) -> Mask:
    """Read the values of a mask: grey values, indices of a palette, or black and white as 0 and 1.

    An RGB file with three equal bands is grey. ``size``: the centre square is resized to ``size × size`` as `fit` does
    with the picture, but with the nearest value. ``held`` are the values of the whole mask, before it is resized.

    Raises:
        InputError: the file is not a picture, is damaged, coloured or partly transparent, or was blurred by JPEG.
    """
    with opened(path) as image:
        raw_mode = raw_mode_of(image)
        image.load()
        whole = upright(Image.fromarray(_values(image, raw_mode)), said_by=image)
        held = frozenset(np.unique(np.asarray(whole)).tolist())
        if image.format in _LOSSY and not held <= {0, 255}:
            raise InputError("JPEG has blurred its values", received=shown(held), hint="save masks as PNG")
    return Mask(fitted(whole, size), held, *whole.size)


def fitted(whole: Image.Image, size: int | None) -> Values:
    """The values of a mask, cropped and resized as `fit` does with its picture, but with the nearest value."""
    return np.asarray(whole if size is None else fit(whole, size, Image.Resampling.NEAREST))


def shown(values: frozenset[int]) -> str:
    """The values of a mask as text for a message."""
    return some(sorted(values), most=8)


def _values(image: Image.Image, raw_mode: str) -> Values:
    mode = image.mode
    if mode in _BYTES:
        return np.asarray(image).astype(np.uint8)
    if mode.startswith("I"):
        return np.asarray(image).astype(np.int32)
    if mode not in _BANDS or ";16" in raw_mode:  # of 16-bit colours Pillow keeps only the high byte: 1 would be 0
        raise InputError("this is no mask", expected="one number for each pixel", received=f"mode {mode}")
    bands = np.asarray(image)
    bands = bands[..., None] if bands.ndim == 2 else bands
    opaque = bands[..., _BANDS[mode] :]
    if opaque.size and int(opaque.min()) < 255:
        raise InputError("a mask that is partly transparent", expected="opaque pixels")
    bands = bands[..., : _BANDS[mode]]
    if not (bands == bands[..., :1]).all():
        raise InputError(
            "a mask in colours", expected="one number for each pixel",
            hint="save it with a palette, or each class as a grey of its own: 0, 1, 2, …",
        )  # fmt: skip
    return np.ascontiguousarray(bands[..., 0])
