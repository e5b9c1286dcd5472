"""`conv_pool_twice`: the network of the experiment `brain`, which is in no family of students."""

from __future__ import annotations

from torch import nn


def conv_pool_twice(input_shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """Make a network of two convolutions (3 × 3; 32 and 64 channels), each with pooling, and two dense layers (128).

    Shapes: ``[B, C, H, W]`` to logits ``[B, n_classes]``.

    >>> import torch
    >>> conv_pool_twice((3, 32, 32), 3)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 3])
    """
    channels, height, width = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * (height // 4) * (width // 4), 128), nn.ReLU(),
        nn.Linear(128, n_classes),
    )  # fmt: skip
