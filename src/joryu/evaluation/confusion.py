"""Which class a model takes for which other, and how often it recognises each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DENSE_CLASSES = 100  #: the most classes of which the whole matrix is kept; it grows with their square
PAIRS = 50  #: how many confused pairs are kept, whatever the number of classes


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """``count`` examples of class ``label`` were answered ``predicted``; both are numbers of classes, from 0."""

    label: int
    predicted: int
    count: int


def most_confused(matrix: Tensor, *, limit: int = PAIRS) -> tuple[ConfusedPair, ...]:
    """The largest cells off the diagonal of a confusion matrix ``[C, C]`` (row: label), equal ones in class order.

    >>> most_confused(torch.tensor([[5, 2], [3, 9]]))
    (ConfusedPair(label=1, predicted=0, count=3), ConfusedPair(label=0, predicted=1, count=2))
    """
    wrong = matrix.clone().fill_diagonal_(0)
    cells = wrong.nonzero()
    counts = wrong[cells[:, 0], cells[:, 1]]
    order = counts.argsort(descending=True, stable=True)[:limit]
    rows = torch.cat([cells[order], counts[order, None]], dim=1)
    return tuple(ConfusedPair(*row) for row in rows.tolist())


def per_class_accuracy(matrix: Tensor) -> tuple[float | None, ...]:
    """The recall of each class from a confusion matrix ``[C, C]`` (row: label), rounded to four digits.

    It is ``None`` for a class without examples.

    >>> per_class_accuracy(torch.tensor([[3, 1], [0, 0]]))
    (0.75, None)
    """
    rights, totals = matrix.diagonal().tolist(), matrix.sum(1).tolist()
    return tuple(round(right / total, 4) if total else None for right, total in zip(rights, totals, strict=True))
