"""The part of a picture that a student is shown, and masks resized to the whole picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import torch
from torch import Tensor

from joryu.examples.preparation import Box

_MOST: Final = 2**24  #: the most probabilities that are resized at a time


class Framing(NamedTuple):
    """A picture's width and height in pixels (upright), and the box of it that the student was shown.

    >>> Framing(1024, 640, Box(192, 0, 832, 640)).unseen
    0.375
    """

    width: int
    height: int
    box: Box

    @property
    def unseen(self) -> float:
        """The share of the picture that the student was not shown."""
        left, top, right, bottom = self.box
        return 1 - (right - left) * (bottom - top) / (self.width * self.height)


def laid_on(probs: Tensor, seen: Framing | None, decide: Callable[[Tensor], Tensor], *, outside: int) -> Tensor:
    """Resize ``probs [h, w, C]`` to the picture and decide each pixel; returns ``[height, width]``.

    ``probs`` cover the box of the picture that was shown. They are resized (bilinear), then ``decide`` turns
    ``[..., C]`` into ``[...]``. A pixel whose centre lies outside the box becomes ``outside``. Without ``seen`` the
    result has the size of ``probs``. A few rows are resized at a time, because a photograph has millions of pixels.

    >>> probs = torch.tensor([[[0.1], [0.9]]])
    >>> seen = Framing(8, 1, Box(2, 0, 6, 1))
    >>> laid_on(probs, seen, lambda part: (part[..., 0] > 0.5).int(), outside=-1)
    tensor([[-1, -1,  0,  0,  1,  1, -1, -1]], dtype=torch.int32)
    """
    if seen is None:
        return decide(probs)
    left, top, right, bottom = seen.box
    rows, columns = (
        _Axis.of(top, bottom, seen.height, probs.shape[0]),
        _Axis.of(left, right, seen.width, probs.shape[1]),
    )
    across = columns.taken(probs.transpose(0, 1)).transpose(0, 1)
    found = torch.full((seen.height, seen.width), outside, dtype=decide(probs[:1, :1]).dtype)
    step = max(1, _MOST // max(1, across.shape[1] * across.shape[2]))
    for start in range(0, len(rows.low), step):
        part = rows.select(slice(start, start + step))
        decided = decide(part.taken(across))
        found[rows.first + start :, columns.first :][: decided.shape[0], : decided.shape[1]] = decided
    return found


class _Axis(NamedTuple):
    """Bilinear weights along one axis: for each pixel from ``first`` on, its two neighbours in ``probs`` and the share
    of the second.
    """

    first: int
    low: Tensor
    high: Tensor
    share: Tensor

    @classmethod
    def of(cls, start: float, stop: float, length: int, n: int) -> _Axis:
        """The weights for ``n`` values spread over ``start .. stop`` of an axis with ``length`` pixels."""
        middles = torch.arange(length, dtype=torch.float64) + 0.5
        inside = (middles >= start) & (middles < stop)
        at = ((middles[inside] - start) * (n / (stop - start)) - 0.5).clamp(0, n - 1)
        low = at.floor().long()
        return cls(int(inside.int().argmax()), low, (low + 1).clamp_max(n - 1), (at - low).float())

    def select(self, part: slice) -> _Axis:
        return _Axis(self.first, self.low[part], self.high[part], self.share[part])

    def taken(self, probs: Tensor) -> Tensor:
        """Interpolate ``[n, ...]`` to one row per pixel."""
        share = self.share.reshape(-1, *[1] * (probs.ndim - 1))
        return torch.lerp(probs[self.low], probs[self.high], share)
