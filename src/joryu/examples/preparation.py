"""`Preparation`: how a file or a row becomes an input. A student keeps it, so that it can read files by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from joryu.examples.decoding import Decoded, Pixels, strict_pillow
from joryu.examples.input_pixels import input_pixels
from joryu.examples.inputs import Inputs
from joryu.examples.tabular.preparation import TablePreparation


class Box(NamedTuple):
    """A rectangle in a picture, in pixels from the top left; edges may be fractions of a pixel."""

    left: float
    top: float
    right: float
    bottom: float


class PicturePreparation(BaseModel):
    """Turns a picture file into uint8 ``[channels, height, width]``, values 0 to 255, as the examples were read.

    For a square input the shorter side is resized and the centre cut out, as `joryu.examples.decoding.decode_picture`
    does with a size. For another shape the largest centred part of that shape is cut out and resized (bicubic).

    >>> PicturePreparation.of(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    PicturePreparation(kind='pictures', channels=1, height=28, width=28)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pictures"] = "pictures"
    channels: Literal[1, 3]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]

    @classmethod
    def of(cls, inputs: Inputs) -> PicturePreparation:
        """The one that gives inputs of the shape of these, ``[n, channels, height, width]``."""
        channels, height, width = inputs.shape[1:]
        return cls(channels=channels, height=height, width=width)  # type: ignore[arg-type]

    def read(self, source: Path | bytes) -> Tensor:
        """Read one picture as an input, uint8 ``[channels, height, width]``.

        Raises:
            InputError: it is not a picture, is damaged, or has values of unknown range.
        """
        with strict_pillow():
            # Pillow's memory is read-only, which torch does not accept.
            return torch.from_numpy(np.require(self.pixels(source), requirements="W"))

    def pixels(self, source: Path | bytes | Image.Image) -> Pixels:
        """As `read`, as a NumPy array and for use in threads, whose starter must hold `strict_pillow`.

        Raises:
            InputError: as `read`.
        """
        return self.decoded(source).pixels

    def decoded(self, source: Path | bytes | Image.Image) -> Decoded:
        """As `pixels`, together with the picture's own width and height (after EXIF rotation).

        A PIL picture is accepted too. For a large JPEG its values may differ slightly from those of the file, because
        files are shrunk during decompression.

        Raises:
            InputError: as `read`.
        """
        return input_pixels(source, channels=self.channels, height=self.height, width=self.width)

    def seen(self, width: int, height: int) -> Box:
        """The part of a picture of this size that becomes the input: the largest centred box of the input's shape.

        >>> PicturePreparation(channels=1, height=32, width=32).seen(101, 50)
        Box(left=25.5, top=0.0, right=75.5, bottom=50.0)
        """
        across = min(width, height * self.width / self.height)
        down = min(height, width * self.height / self.width)
        left, top = (width - across) / 2, (height - down) / 2
        return Box(left, top, left + across, top + down)


Preparation = Annotated[PicturePreparation | TablePreparation, Field(discriminator="kind")]
