"""The last layer in float32: bf16 logits erase what a high temperature teaches.

At T = 20 the teacher's answers differ by a few hundredths of a logit; bf16 keeps 8 bits of mantissa, so a logit near 10
is rounded to steps of 1/16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Float32Linear(nn.Linear):
    """``nn.Linear`` computed in float32 even under autocast; its parameters and their names are unchanged."""

    def forward(self, input: Tensor) -> Tensor:
        with torch.autocast(device_type=input.device.type, enabled=False):
            return super().forward(input.float())


def keep_head_in_float32(module: nn.Module, n_classes: int) -> nn.Module:
    """Replace the last ``nn.Linear`` with ``n_classes`` outputs by a `Float32Linear` that shares its parameters."""
    found: tuple[nn.Module, str, nn.Linear] | None = None
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Linear and child.out_features == n_classes:
                found = (parent, name, child)
    if found is not None:
        parent, name, linear = found
        head = Float32Linear(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        head.weight, head.bias = linear.weight, linear.bias
        setattr(parent, name, head)
    return module
