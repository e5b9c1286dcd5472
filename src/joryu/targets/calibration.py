"""Calibration: of the answers that are given with 80 % confidence, are 80 % right?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15  #: equal-width bins of confidence, as in Guo et al. 2017


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The answers whose confidence lies in ``(low, high]`` (the first bin also takes 0)."""

    low: float
    high: float
    count: int
    confidence: float | None  #: mean confidence, ``None`` in an empty bin
    accuracy: float | None  #: share of right answers, ``None`` in an empty bin


def reliability_of(confidence: Tensor, right: Tensor, *, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Mean confidence and accuracy in bins of equal width, from each answer's confidence ``[n]`` and success ``[n]``.

    ``right`` is bool, or a share between 0 and 1. This is the reliability diagram of Guo et al. 2017, §2, "On
    Calibration of Modern Neural Networks" (arXiv 1706.04599).

    >>> table = reliability_of(torch.tensor([0.9, 0.9, 0.6]), torch.tensor([True, False, True]), bins=2)
    >>> [(b.count, b.accuracy) for b in table]
    [(0, None), (3, 0.6666666666666666)]
    """
    confidence, right = confidence.double().cpu(), right.double().cpu()
    edges, index = _binned(confidence, bins)
    counts = torch.bincount(index, minlength=bins)
    confidences = torch.bincount(index, weights=confidence, minlength=bins)
    rights = torch.bincount(index, weights=right, minlength=bins)
    return tuple(
        ReliabilityBin(
            low=edges[i].item(),
            high=edges[i + 1].item(),
            count=count,
            confidence=confidences[i].item() / count if count else None,
            accuracy=rights[i].item() / count if count else None,
        )
        for i, count in enumerate(counts.tolist())
    )


def expected_calibration_error(table: tuple[ReliabilityBin, ...]) -> float:
    """``ECE = Σ_b (n_b / n) |accuracy_b - confidence_b|`` over the bins of `reliability_of` (Guo et al. 2017, eq. 3).

    It is in [0, 1], and 0 is best. It depends on the number of bins and is too high on few examples, so compare only
    models that were evaluated on the same examples.

    >>> expected_calibration_error((ReliabilityBin(0.0, 1.0, 4, 0.9, 0.75),))
    0.15000000000000002
    """
    total = sum(b.count for b in table)
    return sum(b.count * abs((b.accuracy or 0.0) - (b.confidence or 0.0)) for b in table) / total


def calibration_errors(confidence: Tensor, right: Tensor, known: Tensor, *, bins: int = BINS) -> Tensor:
    """`expected_calibration_error` of each column over its known rows, ``[n, C] -> [C]`` in float64.

    It is computed as ``Σ_b |Σ_{i in b} (right_i - confidence_i)| / n``, which is equal. A column without a known row
    gives NaN.

    >>> confidence, right = torch.tensor([[0.9], [0.9], [0.6]]), torch.tensor([[1.0], [0.0], [1.0]])
    >>> calibration_errors(confidence, right, torch.ones(3, 1, dtype=torch.bool), bins=2).round(decimals=4)
    tensor([0.1333], dtype=torch.float64)
    """
    confidence, right = confidence.double().cpu(), right.double().cpu()
    _, index = _binned(confidence, bins)
    gaps = torch.zeros(bins, confidence.shape[1], dtype=torch.float64)
    gaps.scatter_add_(0, index, right * known - confidence * known)
    return gaps.abs().sum(0) / known.sum(0)


def _binned(confidence: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """The edges of the bins, and in which of them each confidence lies.

    Bins closed on the right keep a confidence of exactly 1, which a saturated float32 softmax gives often, inside the
    last bin; torchmetrics 1.9 opens a sixteenth bin for it.
    """
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    return edges, (torch.bucketize(confidence, edges) - 1).clamp(0, bins - 1)
