"""Networks of somebody else, for ``module:`` specs: what ONNX has no operation for, and what follows numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Special(nn.Module):
    """Airy functions are in no ONNX."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(5, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.special.airy_ai(x))


class Branching(nn.Module):
    """Which way it takes depends on the numbers in it."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(5, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x)
        return y if y.sum() > 0 else -y


class Depthwise(nn.Module):
    """Two of its convolutions are depthwise."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, n_classes)
        self.first, self.second = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(self.stem(x)).relu()).mean((2, 3)))


def special(n_classes: int) -> nn.Module:
    return Special(n_classes)


def branching(n_classes: int) -> nn.Module:
    return Branching(n_classes)


def depthwise(n_classes: int) -> nn.Module:
    return Depthwise(n_classes)
