"""`cnn`: small convolutional students for pictures of 8 × 8 pixels or more."""

from __future__ import annotations

from torch import nn

from joryu.errors import InputError
from joryu.students.head import Float32Linear


def cnn(input_shape: tuple[int, ...], n_classes: int, *, width: int, depth: int, dropout: float = 0.0) -> nn.Sequential:
    """Make ``depth`` blocks of 3 × 3 convolution, batch norm and ReLU, then a global average pool and a linear head.

    After every second block, max pooling halves the picture and the next block has twice as many channels, as long as
    the shorter side has 4 pixels or more. The first block has ``width`` channels. Because of the average pool, a
    network takes pictures of any size. ``dropout`` is the rate before the head.

    Shapes: ``[B, C, H, W]`` to logits ``[B, n_classes]``.

    >>> import torch
    >>> cnn((1, 8, 8), 10, width=4, depth=2)(torch.zeros(2, 1, 12, 12)).shape
    torch.Size([2, 10])

    Raises:
        InputError: ``input_shape`` is not that of pictures.
    """
    if len(input_shape) != 3:
        raise InputError(
            "a convolutional student needs pictures",
            expected="inputs of shape [channels, height, width]",
            received=list(input_shape),
            hint="try --student mlp:128x2",
        )
    layers: list[nn.Module] = []
    channels, out, side = input_shape[0], width, min(input_shape[1:])
    for block in range(depth):
        layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
        if block % 2 == 1 and side >= 4:
            layers.append(nn.MaxPool2d(2))
            side, out = side // 2, out * 2
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers, Float32Linear(channels, n_classes))
