"""Views that move a picture by a share of its side, so that they are the same at every resolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import Ids
from joryu.examples.hashing import Draws, Words
from joryu.examples.views.translation import MOST, mirrored, windows
from joryu.examples.views.view import require_pictures


@dataclass(frozen=True, slots=True)
class _ByShare:
    """The base of steps that move a picture by a share of its side."""

    step: ClassVar[str]
    expected: ClassVar[str]

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= MOST:
            raise InputError(
                f"a {self.step} is not usable", expected=f"a share above 0 and up to {MOST:g}, as in {self.expected}",
                received=f"{self.share:g}",
            )  # fmt: skip

    @property
    def spec(self) -> str:
        return f"{self.step}:{self.share!r}"

    @property
    def relative(self) -> bool:
        return True

    def relative_to(self, side: int) -> str:
        del side
        return self.spec


@dataclass(frozen=True, slots=True)
class RelativeShift(_ByShare):
    """``shift:0.1`` or ``shift:10%``: as `Shift`, by up to a share of the side along each axis; filled with zeros.

    The offset along an axis is uniform over ``±share``, times the side, rounded to whole pixels. So the same view at 96
    and at 32 pixels shows the same part of the picture, up to half a pixel of either size.

    >>> RelativeShift(0.1).spec
    'shift:0.1'

    Raises:
        InputError: the share is not in (0, 0.5], or the inputs are not a batch of pictures.
    """

    step: ClassVar[str] = "shift"
    expected: ClassVar[str] = "shift:0.1, shift:10% or, in pixels, shift:2"

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        require_pictures(pictures, self.spec)
        batch, channels, height, width = pictures.shape
        down, right = _most(self.share, height), _most(self.share, width)
        padded = pictures.new_full((batch, channels, height + 2 * down, width + 2 * right), fill)
        padded[:, :, down : down + height, right : right + width] = pictures
        return windows(padded, _offsets(ids, seeds, self.step, self.share, pictures), height, width)


@dataclass(frozen=True, slots=True)
class RelativeCrop(_ByShare):
    """``crop:0.125`` or ``crop:12.5%``: as `Crop`, padded by a share of the side; pictures may have any shape.

    >>> RelativeCrop(0.125).spec
    'crop:0.125'

    Raises:
        InputError: the share is not in (0, 0.5], or the inputs are not a batch of pictures.
    """

    step: ClassVar[str] = "crop"
    expected: ClassVar[str] = "crop:0.125, crop:12.5% or, in pixels, crop:32+4"

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        del fill  # the padding is mirrored
        require_pictures(pictures, self.spec)
        height, width = pictures.shape[2:]
        padded = mirrored(pictures, _most(self.share, height), _most(self.share, width))
        return windows(padded, _offsets(ids, seeds, self.step, self.share, pictures), height, width)


def _most(share: float, side: int) -> int:
    """The largest offset in pixels for a side of this length."""
    return int(np.rint(share * side))


def _offsets(ids: Ids, seeds: Words, name: str, share: float, pictures: Tensor) -> Tensor:
    """The start of each window, int64 ``[2, B]`` (down, right); the centre for seed 0."""
    draws = Draws(ids, seeds, name)
    starts = []
    for lane, side in enumerate(pictures.shape[2:]):
        moved = np.rint(draws.fractions(lane) * share * side).astype(np.int64)
        starts.append(torch.from_numpy(_most(share, side) + np.where(seeds == 0, 0, moved)))
    return torch.stack(starts)
