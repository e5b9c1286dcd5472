"""`UNet`: students that answer for every pixel (Ronneberger, Fischer & Brox 2015)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.students.head import Float32Conv2d


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
        self, input_shape: tuple[int, ...], n_outputs: int, *, width: int, depth: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if len(input_shape) != 3:
            raise InputError("a U-Net needs pictures", expected="[channels, height, width]", received=list(input_shape))
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(map(_two, [input_shape[0], *widths[:-1]], widths))
        self.up = nn.ModuleList(_two(3 * above, above) for above in widths[:-1])  # with those from below
        self.dropout = nn.Dropout2d(dropout)
        self.head = Float32Conv2d(width, n_outputs, kernel_size=1)
        self.multiple = 2**depth

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        x = _padded(pictures, -height % self.multiple, -width % self.multiple)
        passed = []
        for at, block in enumerate(self.down):
            x = block(x if at == 0 else F.max_pool2d(x, 2))
            passed.append(x)
        x = self.dropout(x)
        for block, beside in zip(reversed(self.up), reversed(passed[:-1]), strict=True):
            x = block(torch.cat([beside, F.interpolate(x, scale_factor=2, mode="nearest")], dim=1))
        outputs: Tensor = self.head(x)
        return outputs[..., :height, :width]


def _two(before: int, after: int) -> nn.Sequential:
    def layer(n: int) -> list[nn.Module]:
        return [nn.Conv2d(n, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

    return nn.Sequential(*layer(before), *layer(after))


def _padded(pictures: Tensor, below: int, right: int) -> Tensor:
    if not below and not right:
        return pictures
    small = below >= pictures.shape[-2] or right >= pictures.shape[-1]  # reflection needs more pixels than it adds
    return F.pad(pictures, (0, right, 0, below), mode="replicate" if small else "reflect")
