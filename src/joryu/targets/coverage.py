"""What is known about classes that a teacher did not answer: the tensor arithmetic of `SoftTargets.dense`."""

from __future__ import annotations

import torch
from torch import Tensor

NO_ANSWER = -1  #: the index in an empty place of a top-k row


def spread(values: Tensor, indices: Tensor, n_classes: int, fill: Tensor) -> Tensor:
    """Spread top-k rows ``[..., k]`` over all classes, ``[..., C]``; classes without an answer get ``fill [..., 1]``.

    >>> values, indices = torch.tensor([[0.7, 0.2, 0.0]]), torch.tensor([[2, 0, -1]])
    >>> spread(values, indices, n_classes=4, fill=torch.tensor([[0.05]]))
    tensor([[0.2000, 0.0500, 0.7000, 0.0500]])
    """
    full = fill.expand(*values.shape[:-1], n_classes + 1)
    return full.scatter(-1, _columns(indices, n_classes), values)[..., :-1]


def covers(indices: Tensor, n_classes: int) -> Tensor:
    """Which classes the top-k rows with these ``indices [..., k]`` answered: bool ``[..., C]``.

    >>> covers(torch.tensor([[2, 0, -1]]), n_classes=4)
    tensor([[ True, False,  True, False]])
    """
    nothing = torch.zeros(*indices.shape[:-1], n_classes + 1, dtype=torch.bool, device=indices.device)
    return nothing.scatter(-1, _columns(indices, n_classes), True)[..., :-1]


def _columns(indices: Tensor, n_classes: int) -> Tensor:
    """The column of each answer; empty places get one more column behind those of the classes."""
    return torch.where(indices == NO_ANSWER, n_classes, indices)


def tail_share(probs: Tensor, answered: Tensor, n_classes: int) -> Tensor:
    """The probability left for each class that was not answered: ``(1 - Σ p) / number of them``, ``[..., 1]``.

    If the kept answers sum to 1, what is left is below the resolution of float32, and that resolution, 1.2e-7, is used
    instead. With 0 the tail of a sure teacher would be far below its kept answers, and softening would show a gap that
    the teacher never had.

    >>> tail_share(torch.tensor([[0.7, 0.2, 0.0]]), torch.tensor([[True, True, False]]), n_classes=4).round(decimals=3)
    tensor([[0.0500]])
    """
    left = 1 - probs.masked_fill(~answered, 0).sum(-1, keepdim=True)
    absent = n_classes - answered.sum(-1, keepdim=True)
    return left.clamp_min(torch.finfo(torch.float32).eps) / absent.clamp_min(1)


def least_kept(values: Tensor, answered: Tensor, top: float) -> Tensor:
    """The smallest answer of each row; over members and sites the largest of these, ``[B]``.

    A row without an answer has ``top``, the largest possible value.

    >>> least_kept(torch.tensor([[0.9, 0.4, 0.0]]), torch.tensor([[True, True, False]]), top=1.0)
    tensor([0.4000])
    """
    return values.masked_fill(~answered, top).amin(-1).reshape(len(values), -1).amax(1)
