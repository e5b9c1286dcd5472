"""The brightness of the 16 blocks of a picture: what is compared before the pixels of two pictures are."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.examples.inputs import Inputs, is_held, on_demand

Means = npt.NDArray[np.float32]

_SIDE: Final = 4  # blocks along each side
_ENOUGH: Final = 64  # pixels along a side: of larger pictures every second, third … is taken
_BATCH: Final = 1024


def means_of(inputs: Inputs) -> Means:
    """The mean grey levels of 4×4 blocks of pictures ``[n, channels, height, width]``, float32 ``[n, 16]``."""
    if not is_held(inputs):
        return on_demand(inputs).block_means
    parts = [block_means(inputs[start : start + _BATCH]) for start in range(0, len(inputs), _BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, _SIDE * _SIDE), dtype=np.float32)


def block_means(pictures: Tensor) -> Means:
    """As `means_of`, of pictures that are held."""
    rows, columns = (max(1, side // _ENOUGH) for side in pictures.shape[2:])
    grey = brightness(pictures[:, :, ::rows, ::columns].float())
    means: Means = torch.nn.functional.adaptive_avg_pool2d(grey, _SIDE).flatten(1).numpy()
    return means


def brightness(pictures: Tensor) -> Tensor:
    """What JPEG keeps finest: the luma of ITU-R BT.601, ``[n, height, width]``."""
    if pictures.shape[1] == 1:
        return pictures[:, 0]
    return 0.299 * pictures[:, 0] + 0.587 * pictures[:, 1] + 0.114 * pictures[:, 2]
