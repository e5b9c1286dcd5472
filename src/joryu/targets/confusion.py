"""Count which class is taken for which."""

from __future__ import annotations

import torch
from torch import Tensor


def confusion_matrix(predicted: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """How often each label got each prediction, int64 ``[C, C]``: row = label, column = prediction.

    Both arguments are class numbers, int64 ``[n]``, all known.

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    return torch.bincount(labels * n_classes + predicted, minlength=n_classes**2).view(n_classes, n_classes)
