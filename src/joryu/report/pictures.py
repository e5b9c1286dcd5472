"""Pictures inside the page, as PNG data URIs."""

from __future__ import annotations

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from joryu.examples.inputs import Inputs

LARGEST = 160  #: pixels on the longer side; more would only make the page heavy


def are_pictures(inputs: Inputs) -> bool:
    """Whether inputs are pictures: uint8 ``[n, 1 or 3, height, width]``.

    >>> are_pictures(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)), are_pictures(torch.zeros(2, 12))
    (True, False)
    """
    return inputs.dtype == torch.uint8 and inputs.ndim == 4 and inputs.shape[1] in (1, 3)


def data_uri(picture: Tensor) -> str:
    """One picture, uint8 ``[1 or 3, height, width]``, as ``data:image/png;base64,…``.

    >>> data_uri(torch.zeros(1, 8, 8, dtype=torch.uint8))[:22]
    'data:image/png;base64,'
    """
    pixels = picture.cpu().permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def thumbnail_uri(picture: Tensor, side: int) -> str:
    """One picture, uint8 ``[1 or 3, height, width]``, as a JPEG data URI at most ``side`` pixels on its longer side.

    Pictures of at most 32 pixels stay PNG, which is lossless and then no larger.

    >>> thumbnail_uri(torch.zeros(3, 40, 40, dtype=torch.uint8), 64)[:23]
    'data:image/jpeg;base64,'
    """
    if max(picture.shape[1:]) <= 32:
        return data_uri(picture)
    pixels = picture.cpu().permute(1, 2, 0).contiguous().numpy()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
