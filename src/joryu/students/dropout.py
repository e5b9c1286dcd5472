"""Dropout whose masks cost a CPU a quarter: four units share a random number of 64 bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVELS = 1 << 16  #: of a unit's own 16 bits; rates are multiples of 1 / LEVELS
_PER_DRAW = 4  #: units to a draw of 64 bits


class Dropout(nn.Dropout):
    """``nn.Dropout`` (Srivastava et al. 2014), ``x · m / (1 - p)`` with ``m ~ Bernoulli(1 - p)``, from fewer draws.

    PyTorch draws a number for every unit, which takes half of a step of Hinton's MNIST teacher in bf16. Here every unit
    is dropped where 16 bits of its own are below ``p``, which is thereby rounded to a multiple of 1/65,536; what is
    kept is scaled by the share that really is, so the mean is exact. The bits are PyTorch's, of its global generator:
    its state brings the same masks again, on any number of threads.

    Evaluation, other devices, which draw in parallel, and ``torch.compile``, which draws within its kernels, are
    ``nn.Dropout``'s. So are the printed form and the settings.

    >>> Dropout(0.5)(torch.ones(1000)).unique()
    tensor([0., 2.])
    >>> Dropout(0.5).eval()(torch.ones(1, 3)), Dropout(0.5)
    (tensor([[1., 1., 1.]]), Dropout(p=0.5, inplace=False))
    """

    def forward(self, input: Tensor) -> Tensor:
        drawn = self.training and input.device.type == "cpu" and not torch.compiler.is_compiling()
        if not drawn or self.inplace or not 0 < self.p < 1:
            return super().forward(input)
        dropped = min(round(self.p * LEVELS), LEVELS - 1)
        n = input.numel()
        bits = torch.empty(-(-n // _PER_DRAW), dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[:n].view(input.shape) >= dropped - LEVELS // 2
        return input * kept.to(input.dtype).mul_(LEVELS / (LEVELS - dropped))
