"""`small_mobile`: a MobileNet for small pictures, quick enough on a CPU to be trained dozens of times."""

from __future__ import annotations

import torch
from torch import nn

from joryu.experiments.channels_last import ChannelsLast
from joryu.students.head import Float32Linear

WIDTH, PATCH = 48, 4


def small_mobile(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """A stem of one convolution over fields of 4 × 4 pixels, five separable blocks, an average pool, a linear head.

    The blocks are those of Howard et al. 2017 (MobileNets, §3.1): a depthwise 3 × 3 and a pointwise convolution, each
    followed by batch norm and ReLU; from 48 to 192 channels, halving the picture twice. ``[B, C, H, W]`` to logits
    ``[B, n_classes]``.

    >>> small_mobile((3, 64, 64), 10)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    """
    stem = nn.Conv2d(input_shape[0], WIDTH, PATCH, stride=PATCH, bias=False)
    layers: list[nn.Module] = [ChannelsLast(), stem, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)]
    blocks = ((1, 1, 1), (1, 2, 2), (2, 2, 1), (2, 4, 2), (4, 4, 1))  # channels before and after in WIDTH, and stride
    for before, after, stride in blocks:
        layers += _separable(before * WIDTH, after * WIDTH, stride)
    body = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    return nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Float32Linear(4 * WIDTH, n_classes))


def _separable(before: int, after: int, stride: int) -> list[nn.Module]:
    by_channel = nn.Conv2d(before, before, 3, stride=stride, padding=1, groups=before, bias=False)
    across = nn.Conv2d(before, after, 1, bias=False)
    first, second = (nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(inplace=True)) for n in (before, after))
    return [by_channel, first, across, second]
