"""Decide a teacher's tags and pixels at probability 0.5, and measure how far two sets of pixels overlap."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from joryu.questions import UNKNOWN
from joryu.targets.soft_targets import SoftTargets

HITS = 10  #: the number of thresholds 0.50, 0.55, …, 0.95


def teacher_answers(teacher: SoftTargets) -> tuple[Tensor, Tensor]:
    """Which tags a teacher gives a probability above 0.5, and where this is known: bool ``[B, (height, width,) C]``.

    Members are averaged. A tag that the teacher did not return has only a bound: it is known to be negative if the
    bound is at most 0.5, and not known otherwise.
    """
    dense = teacher.combined(1.0).dense()
    answer = dense.probs(1.0) > 0.5
    # Of a tag that was not returned the value is a bound: at most 0.5, it is known not to hold.
    return answer, torch.ones_like(answer) if dense.coverage is None else dense.coverage | ~answer


class Overlap(NamedTuple):
    """Counts of known pixels for each picture and output, int64 ``[B, C]``."""

    both: Tensor  #: answered and true
    answered: Tensor
    true: Tensor
    known: Tensor  #: all known pixels
    counted: Tensor  #: bool: which outputs count in a picture's mean

    @classmethod
    def of_tags(cls, answer: Tensor, true: Tensor, known: Tensor) -> Overlap:
        """Count masks, bool ``[B, height, width, C]``. A mask counts in the pictures in which it has a known pixel."""
        answer, true = answer & known, true & known
        both, answered, present, total = (
            part.flatten(1, -2).sum(1).cpu() for part in (answer & true, answer, true, known)
        )
        return cls(both, answered, present, total, total > 0)

    @classmethod
    def of_classes(cls, answer: Tensor, true: Tensor, n_classes: int) -> Overlap:
        """Count classes, int ``[B, height, width]``. A class counts in the pictures whose answer or label has it."""
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
        """``|A ∪ B|``: pixels that are answered or true, int64 ``[B, C]``."""
        return self.answered + self.true - self.both

    def iou(self) -> Tensor:
        """``|A ∩ B| / |A ∪ B|`` (Jaccard 1901), 1 if both are empty: for each picture the mean over its outputs."""
        return self.mean(_ratio(self.both, self.union))

    def dice(self) -> Tensor:
        """``2 |A ∩ B| / (|A| + |B|)`` (Dice 1945), 1 if both are empty: for each picture the mean over its outputs."""
        return self.mean(_ratio(2 * self.both, self.answered + self.true))

    def hits(self) -> Tensor:
        """The share of the thresholds 0.50, 0.55, …, 0.95 below the IoU: for each picture the mean over its outputs.

        It is computed in whole numbers, so that 11 of 20 pixels, an IoU of 0.55, is not above 0.55 by rounding.
        """
        thresholds = torch.arange(HITS, 2 * HITS)
        union, both = self.union[..., None], self.both[..., None]
        above = (2 * HITS * both > thresholds * union) | (union == 0)
        return self.mean(above.double().mean(-1))

    def mean(self, values: Tensor) -> Tensor:
        """For each picture ``[B]`` the mean of ``[B, C]`` over the outputs that count in it."""
        counted = self.counted.double()
        return (values * counted).sum(1) / counted.sum(1)


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole == 0, 1.0, part.double() / whole.clamp_min(1).double())
