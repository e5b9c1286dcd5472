"""Tiles of large pictures: cut with an overlap, and what was said about them joined again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from joryu.examples.decoding import Decoded, Pixels, decode_image, decode_sized, with_channels


class Corner(NamedTuple):
    """The upper left pixel of a tile in its picture."""

    left: int
    top: int


class TilePreparation(BaseModel):
    """Cuts a picture into tiles, uint8 ``[tiles, channels, height, width]``; nothing is resized.

    Tiles cover the whole picture; neighbours share ``overlap`` pixels or more, evenly. A picture smaller than a tile
    is filled up with black on the right and at the bottom (the overlap-tile strategy of Ronneberger et al. 2015,
    "U-Net", figure 2, with answers averaged where tiles overlap).

    >>> tiling = TilePreparation(channels=1, height=4, width=4, overlap=1)
    >>> [corner.left for corner in tiling.corners(10, 4)], len(tiling.corners(10, 5))
    ([0, 3, 6], 6)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["tiles"] = "tiles"
    channels: Literal[1, 3]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    overlap: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _require_progress(self) -> Self:
        if self.overlap >= min(self.width, self.height):
            raise ValueError(f"tiles of {self.width}×{self.height} cannot overlap by {self.overlap} pixels")
        return self

    def corners(self, width: int, height: int) -> list[Corner]:
        """The tiles of a picture of this size, row by row."""
        rows, columns = _starts(height, self.height, self.overlap), _starts(width, self.width, self.overlap)
        return [Corner(left, top) for top, left in itertools.product(rows, columns)]

    def decoded(self, source: Path | bytes | Image.Image) -> Decoded:
        """A whole picture, with the channels of the tiles, and its width and height.

        Raises:
            InputError: as `joryu.examples.preparation.PicturePreparation.read`.
        """
        read = decode_image(source) if isinstance(source, Image.Image) else decode_sized(source)
        return Decoded(with_channels(read.pixels, self.channels), *read[1:])

    def cut(self, pixels: Pixels) -> Pixels:
        """The tiles of a picture ``[..., height, width]``, as ``[tiles, ..., height, width]``."""
        height, width = pixels.shape[-2:]
        missing = (max(0, self.height - height), max(0, self.width - width))
        filled = np.pad(pixels, [*[(0, 0)] * (pixels.ndim - 2), (0, missing[0]), (0, missing[1])])
        return np.stack([
            filled[..., top : top + self.height, left : left + self.width] for left, top in self.corners(width, height)
        ])  # fmt: skip

    def joined(self, tiles: Iterable[Tensor], width: int, height: int) -> Tensor:
        """What was said about each tile, ``[tile height, tile width, C]``, joined to ``[height, width, C]``.

        Where tiles overlap, the mean; a tile's weight falls linearly over the overlap towards its edge, where it knows
        least of what lies beside.
        """
        weight = _ramp(self.height, self.overlap)[:, None] * _ramp(self.width, self.overlap)
        found, total = None, torch.zeros(height, width, 1)
        for (left, top), tile in zip(self.corners(width, height), tiles, strict=True):
            rows, columns = min(self.height, height - top), min(self.width, width - left)
            place = (slice(top, top + rows), slice(left, left + columns))
            share = weight[:rows, :columns, None]
            if found is None:
                found = torch.zeros(height, width, tile.shape[-1])
            found[place] += tile[:rows, :columns] * share
            total[place] += share
        return torch.zeros(height, width, 0) if found is None else found / total


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along an axis: as few as cover it, spread evenly."""
    if length <= tile:
        return [0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(at * (length - tile) / (count - 1)) for at in range(count)]


def _ramp(length: int, overlap: int) -> Tensor:
    """Weights along an axis: 1 in the middle, falling over ``overlap`` pixels to each end."""
    distance = torch.arange(1, length + 1)
    return (torch.minimum(distance, distance.flip(0)) / (overlap + 1)).clamp_max(1)
