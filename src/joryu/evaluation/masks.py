"""Answers at probability 0.5, and how far two sets of pixels overlap."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from joryu.questions import UNKNOWN
from joryu.targets.soft_targets import SoftTargets

HITS = 10  #: thresholds 0.50, 0.55, …, 0.95


def decided(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which tags (or pixels) hold, and of which that is known: above 0.5 they do, at exactly 0.5 nobody knows.

    >>> decided(torch.tensor([1.0, 0.7, 0.5, 0.0, -1.0]))
    (tensor([ True,  True, False, False, False]), tensor([ True,  True, False,  True, False]))
    """
    known = labels != UNKNOWN
    if not labels.is_floating_point():
        return labels == 1, known
    return labels > 0.5, known & (labels != 0.5)


def teacher_answers(teacher: SoftTargets) -> tuple[Tensor, Tensor]:
    """What a teacher of tags says at probability 0.5, members averaged, and where it is known that it says so."""
    dense = teacher.mean(1.0).dense()
    answer = dense.probs(1.0) > 0.5
    # Of a tag that was not returned the value is a bound: at most 0.5, it is known not to hold.
    return answer, torch.ones_like(answer) if dense.coverage is None else dense.coverage | ~answer


class Overlap(NamedTuple):
    """Pixels of each picture and output, int64 ``[B, C]``, those that are not known left out."""

    both: Tensor
    answered: Tensor
    true: Tensor
    known: Tensor  #: pixels that are known at all
    counted: Tensor  #: bool: which outputs count in a picture's mean

    @classmethod
    def of_tags(cls, answer: Tensor, true: Tensor, known: Tensor) -> Overlap:
        """Masks bool ``[B, height, width, C]``, each output for itself; it counts in a picture where it is known."""
        answer, true = answer & known, true & known
        both, answered, present, total = (
            part.flatten(1, -2).sum(1).cpu() for part in (answer & true, answer, true, known)
        )
        return cls(both, answered, present, total, total > 0)

    @classmethod
    def of_classes(cls, answer: Tensor, true: Tensor, n_classes: int) -> Overlap:
        """Numbers of classes ``[B, height, width]``; a class counts in a picture where either of the two has it."""
        rows = torch.arange(len(answer), device=answer.device).reshape(-1, 1, 1) * n_classes
        known, answer, true = true != UNKNOWN, answer.long(), true.long()

        def counts(cells: Tensor, where: Tensor) -> Tensor:
            found = torch.bincount((rows + cells)[where], minlength=len(cells) * n_classes)
            return found.reshape(-1, n_classes).cpu()

        both, answered, present = counts(true, answer == true), counts(answer, known), counts(true, known)
        total = present.sum(1, keepdim=True).expand_as(present)
        return cls(both, answered, present, total, (answered + present) > 0)

    @property
    def union(self) -> Tensor:
        """Pixels that either has."""
        return self.answered + self.true - self.both

    def iou(self) -> Tensor:
        """``|A ∩ B| / |A ∪ B|`` of each picture ``[B]``, 1 where both are empty: the mean over what counts."""
        return self._mean(_ratio(self.both, self.union))

    def dice(self) -> Tensor:
        """``2 |A ∩ B| / (|A| + |B|)`` of each picture ``[B]``, 1 where both are empty."""
        return self._mean(_ratio(2 * self.both, self.answered + self.true))

    def hits(self) -> Tensor:
        """The share ``[B]`` of the thresholds 0.50, 0.55, …, 0.95 that the IoU is greater than.

        In whole numbers: 11 of 20 pixels is 0.55, and not greater.
        """
        thresholds = torch.arange(HITS, 2 * HITS)
        union, both = self.union[..., None], self.both[..., None]
        above = (2 * HITS * both > thresholds * union) | (union == 0)
        return self._mean(above.double().mean(-1))

    def _mean(self, values: Tensor) -> Tensor:
        counted = self.counted.double()
        return (values * counted).sum(1) / counted.sum(1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole == 0, 1.0, part.double() / whole.clamp_min(1).double())
