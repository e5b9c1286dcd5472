"""`ChannelsLast`: the first layer of convolutional networks that are quicker on a CPU with channels last in memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelsLast(nn.Module):
    """Keeps the channels of a pixel together in memory, where small convolutions on a CPU are nearly twice as fast.

    Shapes: ``[B, C, H, W]`` to the same; no number changes.

    >>> ChannelsLast()(torch.zeros(2, 3, 4, 4)).is_contiguous(memory_format=torch.channels_last)
    True
    """

    def forward(self, pictures: Tensor) -> Tensor:
        """The same pictures, laid out anew."""
        return pictures.contiguous(memory_format=torch.channels_last)
