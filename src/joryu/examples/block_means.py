"""The brightness of the 16 blocks of a picture: what is compared before the pixels of two pictures are."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from torch import Tensor

from joryu.examples.grey_blocks import block_means
from joryu.examples.inputs import Inputs, is_held, on_demand

Means = npt.NDArray[np.float32]

_BATCH: Final = 256


def means_of(inputs: Inputs) -> Means:
    """The mean grey levels of 4×4 blocks of pictures ``[n, channels, height, width]``, float32 ``[n, 16]``."""
    if not is_held(inputs):
        return on_demand(inputs).block_means
    parts = [block_means(inputs[start : start + _BATCH].numpy()) for start in range(0, len(inputs), _BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, 16), dtype=np.float32)


def brightness(pictures: Tensor) -> Tensor:
    """What JPEG keeps finest: the luma of ITU-R BT.601, ``[n, height, width]``."""
    if pictures.shape[1] == 1:
        return pictures[:, 0]
    return 0.299 * pictures[:, 0] + 0.587 * pictures[:, 1] + 0.114 * pictures[:, 2]
