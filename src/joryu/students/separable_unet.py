"""`separable_unet`: a U-Net of depthwise-separable convolutions, for small devices (Howard et al. 2017)."""

from __future__ import annotations

from torch import nn

from joryu.students.unet import UNet, whole_convolution


def separable_unet(
    input_shape: tuple[int, ...], n_outputs: int, *, width: int, depth: int, dropout: float = 0.0
) -> UNet:
    """A `UNet` whose 3 × 3 convolutions are each one by channel and one across channels.

    Howard et al. 2017 ("MobileNets", §3.1): a depthwise 3 × 3 convolution, then a pointwise 1 × 1 one, each followed by
    batch norm and ReLU. From ``n`` to ``m`` channels they take ``9 n + n m`` weights instead of ``9 n m`` (their eqs. 2
    to 5). The very first convolution is whole, as theirs is: a picture has too few channels to be looked at one by one.

    >>> sizes = [sum(part.numel() for part in make((1, 32, 32), 1, width=16, depth=3).parameters())
    ...          for make in (UNet, separable_unet)]
    >>> round(sizes[0] / sizes[1], 1)
    7.6

    Raises:
        InputError: ``input_shape`` is not that of pictures.
    """
    network = UNet(input_shape, n_outputs, width=width, depth=depth, dropout=dropout, convolution=_separable)
    network.down[0] = nn.Sequential(*whole_convolution(input_shape[0], width), *_separable(width, width))
    return network


def _separable(before: int, after: int) -> list[nn.Module]:
    by_channel = nn.Conv2d(before, before, 3, padding=1, groups=before, bias=False)
    across = nn.Conv2d(before, after, 1, bias=False)
    first, second = (nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(inplace=True)) for n in (before, after))
    return [by_channel, *first, across, *second]
