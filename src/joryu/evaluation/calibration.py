"""Calibration: when the student says 80 %, is it right 80 times in a hundred?"""

from __future__ import annotations

from torch import Tensor

from joryu.targets.calibration import BINS, ReliabilityBin, reliability_of


def reliability(probs: Tensor, labels: Tensor, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Confidence ``max_c p_c`` against accuracy (`joryu.targets.calibration.reliability_of`).

    ``probs [n, C]``, ``labels [n]``.

    >>> import torch
    >>> probs = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    >>> [(b.count, b.accuracy) for b in reliability(probs, torch.tensor([0, 1, 0]), bins=2)]
    [(0, None), (3, 0.6666666666666666)]
    """
    confidence, predicted = probs.double().max(dim=-1)
    return reliability_of(confidence, predicted == labels, bins=bins)
