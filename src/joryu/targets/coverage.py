"""What is known of the classes a teacher did not answer: the tensor arithmetic behind `SoftTargets.dense`."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NO_ANSWER = -1  #: the index of an empty place in a top-k row


def spread(values: Tensor, indices: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Top-k rows ``[..., k]`` over all classes: values ``[..., C]``, zero where none was answered, and what they cover.

    >>> values, covered = spread(torch.tensor([[0.7, 0.2, 0.0]]), torch.tensor([[2, 0, -1]]), n_classes=4)
    >>> values, covered
    (tensor([[0.2000, 0.0000, 0.7000, 0.0000]]), tensor([[ True, False,  True, False]]))
    """
    # One column more than there are classes takes the empty places.
    columns = torch.where(indices == NO_ANSWER, n_classes, indices)
    full = values.new_zeros(*values.shape[:-1], n_classes + 1)
    covered = torch.zeros_like(full, dtype=torch.bool).scatter_(-1, columns, True)
    return full.scatter_(-1, columns, values)[..., :-1], covered[..., :-1]


def tail_log_probs(log_probs: Tensor, covered: Tensor) -> Tensor:
    """``[..., 1]``: the log-probability of each class not covered, given those that are.

    The mass left over, ``1 - Σ p``, is shared evenly, and no class gets more than the least answer: the maximum-entropy
    reading of what is known. Mass below float32's resolution counts as unknown, not as zero: otherwise a sure teacher's
    tail would lie far below its kept answers, and softening would show a gap that the teacher never had.

    >>> log_probs = torch.tensor([[0.7, 0.2, 0.0, 0.0]]).log()
    >>> tail_log_probs(log_probs, torch.tensor([[True, True, False, False]])).exp().round(decimals=3)
    tensor([[0.0500]])
    """
    mass = -log_probs.masked_fill(~covered, -math.inf).logsumexp(-1, keepdim=True).expm1()
    share = mass.clamp_min(torch.finfo(torch.float32).eps) / (~covered).sum(-1, keepdim=True).clamp_min(1)
    least = log_probs.masked_fill(~covered, math.inf).amin(-1, keepdim=True)
    return torch.minimum(share.log(), least)


def least_kept(values: Tensor, covered: Tensor, top: float) -> Tensor:
    """``[B]``: the least answer of each row, ``top`` where it has none; the highest of them over members and sites.

    >>> least_kept(torch.tensor([[0.9, 0.4, 0.0]]), torch.tensor([[True, True, False]]), top=1.0)
    tensor([0.4000])
    """
    return values.masked_fill(~covered, top).amin(-1).reshape(len(values), -1).amax(1)
