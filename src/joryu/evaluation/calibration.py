"""Calibration of one of many: of the answers that a model gives with 80 % confidence, are 80 % right?"""

from __future__ import annotations

from torch import Tensor

from joryu.targets.calibration import BINS, ReliabilityBin, reliability_of


def reliability(probs: Tensor, labels: Tensor, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The reliability diagram of a classifier: confidence ``max_c p_c`` and accuracy in bins of equal width.

    ``probs [n, C]``, ``labels [n]``. The definition is that of Guo et al. 2017, "On Calibration of Modern Neural
    Networks", §2 (`joryu.targets.calibration.reliability_of`).

    >>> import torch
    >>> probs = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4]])
    >>> [(b.count, b.accuracy) for b in reliability(probs, torch.tensor([0, 1, 0]), bins=2)]
    [(0, None), (3, 0.6666666666666666)]
    """
    confidence, predicted = probs.double().max(dim=-1)
    return reliability_of(confidence, predicted == labels, bins=bins)
