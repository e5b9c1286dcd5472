"""`Preparation`: how a file or a row becomes an input; what a student keeps, so that it needs nothing but itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from joryu.examples.decoding import Pixels, decode_image, decode_picture, strict_pillow, to_channels
from joryu.examples.tabular.preparation import TablePreparation


class PicturePreparation(BaseModel):
    """A picture file to uint8 ``[channels, height, width]``, values 0 to 255, just as the examples were read.

    A square is cut out and resized as `joryu.examples.decoding.decode_picture` does with a size: shorter side to it,
    then the centre. What is to have another shape is cut to that shape about its centre and resized (bicubic).

    >>> PicturePreparation.of(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    PicturePreparation(kind='pictures', channels=1, height=28, width=28)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pictures"] = "pictures"
    channels: Literal[1, 3]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]

    @classmethod
    def of(cls, inputs: Tensor) -> PicturePreparation:
        """The one that gives inputs of the shape of these, ``[n, channels, height, width]``."""
        channels, height, width = inputs.shape[1:]
        return cls(channels=channels, height=height, width=width)  # type: ignore[arg-type]

    def read(self, source: Path | bytes) -> Tensor:
        """The input of one picture.

        Raises:
            InputError: not a picture, damaged, or of values without a known range.
        """
        with strict_pillow():
            # Pillow lends its memory for reading alone, which torch does not take.
            return torch.from_numpy(np.require(self.pixels(source), requirements="W"))

    def pixels(self, source: Path | bytes | Image.Image) -> Pixels:
        """As `read`, for many threads at once: whoever starts them holds `joryu.examples.decoding.strict_pillow`.

        A picture that a program has opened itself is welcome; of a large JPEG it may differ in the last digit, for a
        file is shrunk while it is decompressed.

        Raises:
            InputError: as `read`.
        """
        size = self.height if self.height == self.width else None
        if isinstance(source, Image.Image):
            pixels = decode_image(source, size=size)
        else:
            pixels = decode_picture(source, size=size)
        if pixels.shape[1:] != (self.height, self.width):
            image = ImageOps.fit(_image(pixels), (self.width, self.height), Image.Resampling.BICUBIC)
            pixels = to_channels(image)
        if len(pixels) > self.channels:
            pixels = to_channels(_image(pixels).convert("L"))
        elif len(pixels) < self.channels:
            pixels = np.repeat(pixels, self.channels, axis=0)
        return pixels


Preparation = Annotated[PicturePreparation | TablePreparation, Field(discriminator="kind")]


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
