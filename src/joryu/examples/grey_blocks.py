"""The mean grey levels of the 16 blocks of a picture. Imports no PyTorch: it also runs in the processes that decode."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_SIDE: Final = 4  # blocks along each side
_ENOUGH: Final = 64  # pixels along a side: of larger pictures every second, third … is taken
_LUMA: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def block_means(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The means of the 4×4 blocks of pictures ``[n, 1 or 3, height, width]``, float32 ``[n, 16]``.

    A block reaches from ``floor(i h / 4)`` to ``ceil((i + 1) h / 4)``. Sums are whole numbers that float32 holds
    exactly, so that a mean does not depend on where and beside which others it is computed.

    >>> block_means(np.full((1, 3, 8, 8), 7, dtype=np.uint8))[0, :3].tolist()
    [7.0, 7.0, 7.0]
    """
    rows, columns = (max(1, side // _ENOUGH) for side in pictures.shape[2:])
    taken = pictures[:, :, ::rows, ::columns].astype(np.float32)
    down, across = (_blocks(side) for side in taken.shape[2:])
    sums = (down @ taken @ across.T).astype(np.float64)  # [n, channels, 4, 4]
    grey = sums[:, 0] if sums.shape[1] == 1 else np.einsum("c,ncij->nij", _LUMA, sums)
    means: npt.NDArray[np.float64] = grey / np.outer(down.sum(1), across.sum(1))
    return means.astype(np.float32).reshape(len(pictures), _SIDE * _SIDE)


def _blocks(side: int) -> npt.NDArray[np.float32]:
    """Which pixels along a side lie in each block, ``[4, side]``, 1 where they do."""
    inside = np.zeros((_SIDE, side), dtype=np.float32)
    for block in range(_SIDE):
        inside[block, block * side // _SIDE : -(-(block + 1) * side // _SIDE)] = 1
    return inside
