"""`Normalise`: the first layer of a network, which turns raw inputs into what the network expects.

So a teacher trained on ImageNet statistics and a student trained on raw grey values take the same tensor, and an
exported student needs no other code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.examples.inputs import Inputs

_PART = 256  # pictures decoded at a time
_AT_ONCE = 2**26  # values of held pictures; as float32, and once more scaled, they take 512 MiB


class Normalise(nn.Module):
    """``(x * scale - mean) / std`` per channel, after resizing and matching the number of channels where asked.

    Args:
        mean: one number, or one per channel, in scaled units.
        std: likewise.
        scale: 1/255 for uint8 pictures, 1 for data that is already real-valued.
        size: height and width the network expects; pictures of another size are resized bilinearly (antialiased).
        channels: the number of channels the network expects. Grey pictures are repeated; colour ones become grey for 1
            (ITU-R BT.601 luma, ``0.299 R + 0.587 G + 0.114 B``).
        takes: the shape of an input that the network learned from. If ``channels`` is not given, pictures with another
            number of channels are refused, but for grey ones, which are repeated.

    Shapes: ``[B, C, H, W]`` (any real dtype) or ``[B, features]`` to float32 of the same layout.

    >>> Normalise(mean=0.5, std=0.5, scale=1 / 255)(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8)).item()
    1.0

    Raises:
        InputError: a standard deviation is not positive; when called: the pictures have another number of channels.
    """

    mean: Tensor
    std: Tensor
    _factor: Tensor
    _offset: Tensor

    def __init__(
        self,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        *,
        scale: float = 1.0,
        size: tuple[int, int] | None = None,
        channels: int | None = None,
        takes: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self._takes = takes  # not among the public settings, which a teacher's fingerprint covers
        self.scale, self.size, self.channels = scale, size, channels
        std_values = torch.as_tensor(std, dtype=torch.float32)
        if not bool((std_values > 0).all()):
            raise InputError("the standard deviation of an input must be positive", received=std)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32).clone())
        self.register_buffer("std", std_values.clone())
        self.register_buffer("_factor", scale / self.std, persistent=False)
        self.register_buffer("_offset", self.mean / self.std, persistent=False)

    def _load_from_state_dict(self, *arguments: Any, **settings: Any) -> None:
        super()._load_from_state_dict(*arguments, **settings)
        self._factor, self._offset = self.scale / self.std, self.mean / self.std

    def forward(self, inputs: Tensor) -> Tensor:
        x = inputs.to(torch.float32)
        if self.size is not None and tuple(x.shape[-2:]) != self.size:
            x = F.interpolate(x, size=self.size, mode="bilinear", align_corners=False, antialias=True)
        if self.channels is not None and x.shape[1] != self.channels:
            x = self._match_channels(x)
        elif self._takes is not None and x.shape[1:2] != self._takes[:1]:
            self._require_channels(x)
        # One multiply and one subtraction, of numbers worked out beforehand: this runs on every batch.
        return x * _along_channels(self._factor, x) - _along_channels(self._offset, x)

    def _require_channels(self, x: Tensor) -> None:
        """A grey picture passes for a colour one whose channels are the same; all else fails or is silently another."""
        takes = self._takes or ()
        if len(takes) == 3 and x.ndim == 4 and x.shape[1] != 1:
            raise InputError(
                "the network takes pictures of other channels", expected=list(takes), received=list(x.shape[1:]),
                hint="convert them first, as Pillow's image.convert('L') makes grey ones",
            )  # fmt: skip

    def _match_channels(self, x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            return x.expand(-1, self.channels or 1, *x.shape[2:])
        if self.channels == 1 and x.shape[1] == 3:
            return (x * x.new_tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)).sum(1, keepdim=True)
        raise InputError("the network and the pictures differ in channels", expected=self.channels, received=x.shape[1])


def _along_channels(numbers: Tensor, x: Tensor) -> Tensor:
    """One number, or one per channel, in a shape that multiplies ``[B, C, ...]``."""
    return numbers.reshape(-1, *[1] * (x.ndim - 2)) if numbers.ndim and x.ndim > 2 else numbers


def measure_normalisation(inputs: Inputs) -> tuple[list[float], list[float], float]:
    """Measure ``mean, std, scale`` of inputs ``[n, ...]`` for `Normalise`.

    - Pictures ``[n, channels, height, width]`` have a mean and a standard deviation for each channel.
    - Tables of floats ``[n, columns]`` have them for each column, because grams and kilometres share no scale.
    - Anything else has one of each for the whole set.

    ``scale`` is 1/255 for uint8 and 1 otherwise. Of a large set, 10,000 to 20,000 examples are read, evenly spaced, so
    that the result does not depend on chance. What never varies gets a standard deviation of 1.

    >>> measure_normalisation(torch.tensor([[1.0, 500.0], [3.0, 700.0]]))
    ([2.0, 600.0], [1.4142135623730951, 141.4213562373095], 1.0)

    Raises:
        InputError: the inputs are not finite.
    """
    scale = 1 / 255 if inputs.dtype == torch.uint8 else 1.0
    every = max(1, len(inputs) // 10_000)
    rows = torch.arange(0, len(inputs), every)
    if not isinstance(inputs, Tensor) or (inputs.ndim == 4 and len(rows) * inputs[0].numel() > _AT_ONCE):
        return *_in_parts(inputs, rows, scale), scale
    sample = inputs[::every].to(torch.float32) * scale
    if inputs.ndim == 2 and inputs.is_floating_point():
        return *_per_column(sample.double()), scale
    axes = [axis for axis in range(sample.ndim) if axis != 1] if sample.ndim == 4 else list(range(sample.ndim))
    std, mean = torch.std_mean(sample, dim=axes)
    _require_finite(mean)
    return mean.reshape(-1).tolist(), torch.where(std > 1e-6, std, 1.0).reshape(-1).tolist(), scale


def _in_parts(pictures: Inputs, rows: Tensor, scale: float) -> tuple[list[float], list[float]]:
    """Per channel, of pictures that are decoded, or turned into numbers, a few at a time."""
    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for part in torch.split(rows, _PART):
        values = pictures[part].movedim(1, 0).flatten(1).double() * scale
        count, total, squares = count + values.shape[1], total + values.sum(1), squares + values.square().sum(1)
    mean = total / count
    _require_finite(mean)
    std = ((squares / count - mean.square()) * count / max(1, count - 1)).clamp_min(0).sqrt()
    return mean.float().tolist(), torch.where(std > 1e-6, std, 1.0).float().tolist()


def _per_column(sample: Tensor) -> tuple[list[float], list[float]]:
    std, mean = torch.std_mean(sample, dim=0, correction=min(1, len(sample) - 1))
    _require_finite(mean)
    # Columns have units of their own: what counts as never varying is a matter of float32's grain, not of a number.
    grain = mean.abs() * torch.finfo(torch.float32).eps
    return mean.tolist(), torch.where(std > grain, std, 1.0).tolist()


def _require_finite(mean: Tensor) -> None:
    if not bool(torch.isfinite(mean).all()):
        raise InputError("these inputs cannot be normalised", expected="finite numbers", received="NaN or infinity")
