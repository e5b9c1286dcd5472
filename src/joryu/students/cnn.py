"""A small convolutional family for pictures from 8 x 8 up."""

from __future__ import annotations

from torch import nn

from joryu.errors import InputError
from joryu.students.head import Float32Linear


def cnn(input_shape: tuple[int, ...], n_classes: int, *, width: int, depth: int, dropout: float = 0.0) -> nn.Sequential:
    """``depth`` blocks of conv 3x3, batch norm, ReLU; every second block halves the picture and doubles the width.

    A global average pool makes the family independent of the picture's size.

    Shapes: ``[B, C, H, W]`` to logits ``[B, n_classes]``.

    Raises:
        InputError: inputs that are not pictures.
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
