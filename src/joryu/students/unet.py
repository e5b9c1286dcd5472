"""`UNet`: students that answer for every pixel (Ronneberger, Fischer & Brox 2015)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.students.head import Float32Conv2d

Convolution = Callable[[int, int], list[nn.Module]]
"""From the number of channels before and after to the layers that make the one of the other, pictures kept in size."""


class UNet(nn.Module):
    """A U-Net: pictures ``[B, C, H, W]`` to outputs ``[B, n_outputs, H, W]``, one answer for each pixel.

    Going down, ``depth`` times: two convolutions, then 2 × 2 max pooling. At the bottom: two convolutions, then
    ``dropout`` of whole channels. Going up, ``depth`` times: double the size, concatenate what had this size going
    down, then two convolutions. The number of channels starts at ``width`` and doubles with each pooling.

    This is figure 1 of Ronneberger et al. 2015 with three changes, for int8 and small devices: convolutions are padded
    and followed by batch norm, and the size is doubled by repeating pixels. A picture may have any size. If a side is
    not a multiple of 2^depth, the picture is padded with its mirror image or its edge, and the answer is cut back.

    >>> UNet((1, 37, 50), 2, width=4, depth=2)(torch.zeros(1, 1, 37, 50)).shape
    torch.Size([1, 2, 37, 50])

    Raises:
        InputError: ``input_shape`` is not that of pictures.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        n_outputs: int,
        *,
        width: int,
        depth: int,
        dropout: float = 0.0,
        convolution: Convolution | None = None,
    ) -> None:
        super().__init__()
        if len(input_shape) != 3:
            raise InputError("a U-Net needs pictures", expected="[channels, height, width]", received=list(input_shape))
        widths = [width * 2**level for level in range(depth + 1)]
        layers = whole_convolution if convolution is None else convolution
        self.down = nn.ModuleList(
            _two(layers, *pair) for pair in zip([input_shape[0], *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(_two(layers, 3 * above, above) for above in widths[:-1])  # with those from below
        self.dropout = nn.Dropout2d(dropout)
        self.head = Float32Conv2d(width, n_outputs, kernel_size=1)
        self.multiple = 2**depth

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        x = padded(pictures, -height % self.multiple, -width % self.multiple)
        passed = []
        for at, block in enumerate(self.down):
            x = block(x if at == 0 else F.max_pool2d(x, 2))
            passed.append(x)
        x = self.dropout(x)
        for block, beside in zip(reversed(self.up), reversed(passed[:-1]), strict=True):
            x = block(torch.cat([beside, F.interpolate(x, scale_factor=2, mode="nearest")], dim=1))
        outputs: Tensor = self.head(x)
        return outputs[..., :height, :width]


def whole_convolution(before: int, after: int) -> list[nn.Module]:
    """A 3 × 3 convolution, batch norm and ReLU."""
    return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


def _two(layers: Convolution, before: int, after: int) -> nn.Sequential:
    return nn.Sequential(*layers(before, after), *layers(after, after))


def padded(pictures: Tensor, below: int, right: int) -> Tensor:
    """Pictures with so many rows below and columns at the right: their mirror image, or of small ones their edge."""
    if not below and not right:
        return pictures
    small = below >= pictures.shape[-2] or right >= pictures.shape[-1]  # reflection needs more pixels than it adds
    return F.pad(pictures, (0, right, 0, below), mode="replicate" if small else "reflect")
