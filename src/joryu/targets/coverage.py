"""What is known of the classes a teacher did not answer: the tensor arithmetic behind `SoftTargets.dense`."""

from __future__ import annotations

import torch
from torch import Tensor

NO_ANSWER = -1  #: the index of an empty place in a top-k row


def spread(values: Tensor, indices: Tensor, n_classes: int, fill: Tensor) -> Tensor:
    """Top-k rows ``[..., k]`` over all classes, ``[..., C]``; ``fill``, one for each row, where none was answered.

    >>> values, indices = torch.tensor([[0.7, 0.2, 0.0]]), torch.tensor([[2, 0, -1]])
    >>> spread(values, indices, n_classes=4, fill=torch.tensor([[0.05]]))
    tensor([[0.2000, 0.0500, 0.7000, 0.0500]])
    """
    full = fill.expand(*values.shape[:-1], n_classes + 1)
    return full.scatter(-1, _columns(indices, n_classes), values)[..., :-1]


def covers(indices: Tensor, n_classes: int) -> Tensor:
    """Which classes ``[..., C]`` top-k rows answered.

    >>> covers(torch.tensor([[2, 0, -1]]), n_classes=4)
    tensor([[ True, False,  True, False]])
    """
    nothing = torch.zeros(*indices.shape[:-1], n_classes + 1, dtype=torch.bool, device=indices.device)
    return nothing.scatter(-1, _columns(indices, n_classes), True)[..., :-1]


def _columns(indices: Tensor, n_classes: int) -> Tensor:
    """One column more than there are classes takes the empty places."""
    return torch.where(indices == NO_ANSWER, n_classes, indices)


def tail_share(probs: Tensor, answered: Tensor, n_classes: int) -> Tensor:
    """What is left for each class that was not answered, ``(1 - Σ p) / number of them``; ``[..., 1]``.

    Where the kept answers sum to 1, what is left lies below the resolution of float32, and that resolution is taken
    for it. With zero the tail of a sure teacher would lie far below its kept answers, and softening would show a gap
    that the teacher never had.

    >>> tail_share(torch.tensor([[0.7, 0.2, 0.0]]), torch.tensor([[True, True, False]]), n_classes=4).round(decimals=3)
    tensor([[0.0500]])
    """
    left = 1 - probs.masked_fill(~answered, 0).sum(-1, keepdim=True)
    absent = n_classes - answered.sum(-1, keepdim=True)
    return left.clamp_min(torch.finfo(torch.float32).eps) / absent.clamp_min(1)


def least_kept(values: Tensor, answered: Tensor, top: float) -> Tensor:
    """``[B]``: the least answer of each row, ``top`` where it has none; the highest of them over members and sites.

    >>> least_kept(torch.tensor([[0.9, 0.4, 0.0]]), torch.tensor([[True, True, False]]), top=1.0)
    tensor([0.4000])
    """
    return values.masked_fill(~answered, top).amin(-1).reshape(len(values), -1).amax(1)
