"""Ranking: average precision, and precision, recall and nDCG among the ``k`` best, for many rankings at once."""

from __future__ import annotations

import torch
from torch import Tensor


def average_precision(scores: Tensor, positive: Tensor, known: Tensor, *, dim: int = 0) -> Tensor:
    """The average precision of rankings along the axis ``dim``: ``AP = Σ_k (R_k - R_(k-1)) P_k``, in float64.

    ``k`` counts the distinct scores, highest first. ``P_k`` and ``R_k`` are precision and recall if everything with at
    least the k-th score is called positive, so equal scores are not put into an arbitrary order. Nothing is
    interpolated (Zhu 2004, "Recall, precision and average precision"). It equals
    `sklearn.metrics.average_precision_score`, which takes one tag at a time. Along the tags of each example, the mean
    over the examples is the label ranking average precision (Tsoumakas et al. 2010).

    ``scores``, ``positive`` and ``known`` have the same shape; ``dim`` is left out of the result. What is not ``known``
    is left out. Without a known positive *and* a known negative the result is NaN.

    >>> scores, positive = torch.tensor([0.9, 0.8, 0.8, 0.1]), torch.tensor([True, False, True, False])
    >>> average_precision(scores, positive, torch.ones(4, dtype=torch.bool))  # 1/2 · 1/1 + 1/2 · 2/3
    tensor(0.8333, dtype=torch.float64)
    """
    scores, positive, known = (part.movedim(dim, -1) for part in (scores, positive & known, known))
    # What is not known keeps its place and counts for nothing there.
    ordered, order = scores.sort(dim=-1, descending=True)
    hits = positive.gather(-1, order).double()
    counted = known.gather(-1, order).double()
    precision = hits.cumsum(-1) / counted.cumsum(-1).clamp_min(1)
    # The place where each group of equal scores ends, seen from every member of the group.
    ends = torch.ones_like(ordered, dtype=torch.bool)
    ends[..., :-1] = ordered[..., :-1] != ordered[..., 1:]
    places = torch.arange(ordered.shape[-1], device=scores.device).expand_as(ordered)
    place = places.masked_fill(~ends, ordered.shape[-1]).flip(-1).cummin(-1).values.flip(-1)
    positives, total = hits.sum(-1), counted.sum(-1)
    found = (hits * precision.gather(-1, place)).sum(-1) / positives
    return found.where((positives > 0) & (positives < total), torch.nan)


def precision_at(scores: Tensor, positive: Tensor, known: Tensor, k: int) -> Tensor:
    """The share of positives among the ``k`` tags of each example with the highest scores, ``[n, C] -> [n]``, float64.

    Unknown tags are left out; if fewer than ``k`` are known, all of these are taken. Tags with equal scores are taken
    in their order.

    >>> scores, positive = torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[True, False, True]])
    >>> precision_at(scores, positive, torch.ones(1, 3, dtype=torch.bool), 2)
    tensor([0.5000], dtype=torch.float64)
    """
    best = _best(scores, known, k)
    return (positive & known).gather(1, best).double().sum(1) / known.sum(1).clamp(1, k).double()


def recall_at(scores: Tensor, positive: Tensor, known: Tensor, k: int) -> Tensor:
    """The share of each example's positives that are among its ``k`` best tags, ``[n, C] -> [n]``; NaN without any.

    >>> scores, positive = torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([[True, False, True]])
    >>> recall_at(scores, positive, torch.ones(1, 3, dtype=torch.bool), 2)
    tensor([0.5000], dtype=torch.float64)
    """
    positive = positive & known
    return positive.gather(1, _best(scores, known, k)).double().sum(1) / positive.sum(1).double()


def ndcg_at(scores: Tensor, gains: Tensor, known: Tensor, k: int) -> Tensor:
    """``DCG_k / ideal DCG_k`` of each example, ``[n, C] -> [n]`` in float64; NaN where nothing has a gain.

    ``DCG_k = Σ_(i = 1..k) gain_i / log₂(i + 1)`` over the ``k`` best tags in their order (Järvelin & Kekäläinen 2002,
    "Cumulated gain-based evaluation of IR techniques", with the discount that has become usual); the ideal order is
    that of the gains.

    >>> ndcg_at(torch.tensor([[3.0, 2.0]]), torch.tensor([[0.0, 1.0]]), torch.ones(1, 2, dtype=torch.bool), 2)
    tensor([0.6309], dtype=torch.float64)
    """
    gains = gains.double() * known
    best = _best(scores, known, k)
    discounts = 1 / torch.log2(torch.arange(best.shape[1], device=scores.device, dtype=torch.float64) + 2)
    ideal = gains.sort(dim=1, descending=True).values[:, :k]
    return (gains.gather(1, best) * discounts).sum(1) / (ideal * discounts).sum(1)


def _best(scores: Tensor, known: Tensor, k: int) -> Tensor:
    # A stable sort: which of equal scores topk takes differs between devices.
    return scores.masked_fill(~known, -torch.inf).sort(dim=-1, descending=True, stable=True).indices[:, :k]
