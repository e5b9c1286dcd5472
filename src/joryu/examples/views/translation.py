"""Views that move a picture within its frame: `Shift` fills with zeros, `Crop` with the mirrored border."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import Ids
from joryu.examples.hashing import Draws, Words
from joryu.examples.views.view import require_pictures

MOST = 0.5  #: the largest share of a side; a picture moved by more than half of it is hardly visible any more


@dataclass(frozen=True, slots=True)
class Shift:
    """``shift:N``: move by up to ``N`` whole pixels along each axis, every offset equally likely; filled with zeros.

    ``shift:2`` is the jitter of Hinton, Vinyals & Dean 2015, §3. For pictures on a black background.

    >>> Shift(2).spec
    'shift:2'

    Raises:
        InputError: ``pixels`` is not positive or more than half of a side, or the inputs are not a batch of pictures.
    """

    pixels: int

    def __post_init__(self) -> None:
        if self.pixels < 1:
            raise InputError("a shift is not usable", expected="at least 1 pixel, as in shift:2", received=self.pixels)

    @property
    def spec(self) -> str:
        return f"shift:{self.pixels}"

    @property
    def relative(self) -> bool:
        return False

    def relative_to(self, side: int) -> str:
        return f"shift:{self.pixels / side:.2g}"

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        require_pictures(pictures, self.spec)
        n = self.pixels
        batch, channels, height, width = pictures.shape
        if n > (most := int(MOST * min(height, width))):
            raise InputError(
                f"the view {self.spec} would move pictures out of sight",
                expected=f"at most half of a side, {most} of {width}×{height}", received=f"{n} pixels",
                hint=f"try shift:{most}" if most else "leave it out",
            )  # fmt: skip
        padded = pictures.new_full((batch, channels, height + 2 * n, width + 2 * n), fill)
        padded[:, :, n : n + height, n : n + width] = pictures
        return windows(padded, _offsets(ids, seeds, "shift", n), height, width)


@dataclass(frozen=True, slots=True)
class Crop:
    """``crop:S+P``: a random ``S × S`` window of the picture after padding it by ``P`` mirrored pixels on each side.

    Mirrored padding is that of Zagoruyko & Komodakis 2016 ("Wide residual networks"); it leaves no black bars in
    photographs. The pictures must be ``S × S`` themselves, because a view has the shape of its example.

    >>> Crop(28, 4).spec
    'crop:28+4'

    Raises:
        InputError: ``size`` or ``padding`` is out of range, or the pictures have another size.
    """

    size: int
    padding: int

    def __post_init__(self) -> None:
        if not 1 <= self.padding < self.size:
            raise InputError(
                "a crop is not usable",
                expected="crop:SIZE+PADDING with 1 <= PADDING < SIZE, as in crop:32+4",
                received=self.spec,
            )

    @property
    def spec(self) -> str:
        return f"crop:{self.size}+{self.padding}"

    @property
    def relative(self) -> bool:
        return False

    def relative_to(self, side: int) -> str:
        return f"crop:{self.padding / side:.2g}"

    def __call__(self, pictures: Tensor, ids: Ids, seeds: Words, *, fill: float = 0) -> Tensor:
        del fill  # the padding is mirrored
        require_pictures(pictures, self.spec)
        height, width = pictures.shape[2:]
        if (height, width) != (self.size, self.size):
            raise InputError(
                f"the view {self.spec} would change the shape of the pictures",
                expected=f"{self.size}×{self.size}",
                received=f"{width}×{height}",
                hint=f"try crop:{width}+{self.padding}" if height == width else f"try --size {self.size}",
            )
        padded = mirrored(pictures, self.padding, self.padding)
        return windows(padded, _offsets(ids, seeds, "crop", self.padding), height, width)


def _offsets(ids: Ids, seeds: Words, name: str, most: int) -> Tensor:
    """The start of each window, int64 ``[2, B]`` (down, right) in ``0 .. 2 · most``; the centre for seed 0."""
    draws = Draws(ids, seeds, name)
    down, right = (torch.from_numpy(draws.integers(2 * most + 1, lane)) for lane in range(2))
    itself = torch.from_numpy(seeds == 0)
    return torch.stack((down, right)).masked_fill_(itself, most)


def windows(padded: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    """Cut a window from each padded picture: ``[B, channels, height, width]``.

    The padded memory is viewed as overlapping rows: entry ``i`` is the ``width`` values from ``i`` on. So a single
    `index_select` copies whole rows of pixels, five times faster than indexing by pixel.
    """
    batch, channels, padded_height, padded_width = padded.shape
    down, right = offsets.to(padded.device)
    planes = torch.arange(batch * channels, device=padded.device).view(batch, channels, 1) * padded_height
    lines = planes + down.view(batch, 1, 1) + torch.arange(height, device=padded.device)
    starts = lines * padded_width + right.view(batch, 1, 1)
    entries = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
    return entries.index_select(0, starts.flatten()).view(batch, channels, height, width)


def mirrored(pictures: Tensor, down: int, right: int) -> Tensor:
    """Pad pictures on all sides with their mirror image, not repeating the edge (as ``pad(mode="reflect")``).

    Torch's own function does not take uint8. The columns come from one vectorised flip of the whole batch; selecting
    columns by index takes twice as long.
    """
    height, width = pictures.shape[2:]
    flipped = pictures.flip(-1)
    wide = torch.cat((flipped[..., width - 1 - right : -1], pictures, flipped[..., 1 : right + 1]), dim=-1)
    places = torch.arange(-down, height + down, device=pictures.device).abs()
    return wide.index_select(2, torch.minimum(places, 2 * (height - 1) - places))
