"""Compute the last layer in float32, because logits in bf16 lose what a high temperature teaches.

At T = 20 a teacher's answers differ by a few hundredths of a logit. bf16 has 8 significant bits, so it rounds a logit
near 10 to steps of 1/16.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import torch
from torch import Tensor, nn


class Float32Linear(nn.Linear):
    """``nn.Linear``, computed in float32 even under autocast; its parameters and their names are the same.

    >>> with torch.autocast("cpu", dtype=torch.bfloat16):
    ...     nn.Linear(4, 3)(torch.zeros(1, 4)).dtype, Float32Linear(4, 3)(torch.zeros(1, 4)).dtype
    (torch.bfloat16, torch.float32)
    """

    def forward(self, input: Tensor) -> Tensor:
        if not torch.is_autocast_enabled(input.device.type):  # to switch off what is off costs a third of a small layer
            return super().forward(input.float())
        with torch.autocast(device_type=input.device.type, enabled=False):
            return super().forward(input.float())


class Float32Conv2d(nn.Conv2d):
    """``nn.Conv2d``, computed in float32 even under autocast: the head of networks that answer for every pixel."""

    def forward(self, input: Tensor) -> Tensor:
        if not torch.is_autocast_enabled(input.device.type):
            return super().forward(input.float())
        with torch.autocast(device_type=input.device.type, enabled=False):
            return super().forward(input.float())


def keep_head_in_float32(module: nn.Module, n_classes: int) -> nn.Module:
    """Make the last ``nn.Linear`` that has ``n_classes`` outputs a `Float32Linear`, with its parameters and hooks.

    The network is changed in place and returned. One without such a layer, such as one that ends in a convolution,
    stays as it is.

    >>> keep_head_in_float32(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3)), 3)
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
      (2): Float32Linear(in_features=3, out_features=3, bias=True)
    )
    """
    found = [one for one in module.modules() if _is_head(one, n_classes)]
    if found:
        found[-1].__class__ = Float32Linear
    return module


@contextmanager
def head_in_float32(module: nn.Module, n_classes: int) -> Iterator[None]:
    """`keep_head_in_float32` within a ``with`` block; afterwards the network is as before.

    It must be, because a network's printed form is part of its fingerprint. A network that is nothing but one linear
    layer stays as it is.

    >>> net = nn.Sequential(nn.Linear(4, 3))
    >>> with head_in_float32(net, 3), torch.autocast("cpu", dtype=torch.bfloat16):
    ...     net(torch.zeros(1, 4)).dtype
    torch.float32
    >>> type(net[0]).__name__
    'Linear'
    """
    found = [one for one in module.modules() if one is not module and _is_head(one, n_classes)]
    for one in found[-1:]:
        one.__class__ = Float32Linear
    try:
        yield
    finally:
        for one in found[-1:]:
            one.__class__ = nn.Linear


def _is_head(module: nn.Module, n_classes: int) -> TypeGuard[nn.Linear]:
    # Subclasses are left alone: their forward may do more than nn.Linear's.
    return type(module) is nn.Linear and module.out_features == n_classes
