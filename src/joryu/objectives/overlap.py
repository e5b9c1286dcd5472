"""Masks as wholes: how far a student's soft mask is from overlapping the true one.

Functions take logits ``[B, height, width, C]`` and labels as their codec has them: classes ``[B, height, width]`` or
distributions for ``softmax``, tags ``[B, height, width, C]`` for ``sigmoid``; -1 (of a distribution: all zero) is
unknown, and such pixels are left out. They return a loss for each example, ``[B]``, in at least float32: the mean over
its masks (of a softmax, over its classes) that have a known pixel, and 0 where none has.

``p`` is the student's probability of a pixel at T = 1, and ``g`` whether it is in the true mask. Sums are over the
known pixels of one mask. One pixel is added to both sides of each fraction, so that an empty mask that is answered
empty has a loss of 0 (Milletari et al. and Rahman & Wang leave 0 / 0 open), and one answered otherwise a gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from joryu.questions import UNKNOWN, Link

ONE_PIXEL = 1.0


class SoftMasks(NamedTuple):
    """A student's masks beside the true ones, ``[B, height, width, C]``; all are 0 where nothing is known."""

    probs: Tensor
    true: Tensor  #: 0 or 1, or shares after a blend
    known: Tensor

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor, link: Link) -> SoftMasks:
        """Read logits and labels of a link."""
        probs = link.probs(logits)
        if link is Link.SIGMOID:
            known, true = labels != UNKNOWN, labels
        elif labels.is_floating_point():
            known, true = (labels.sum(-1, keepdim=True) > 0).expand_as(labels), labels
        else:
            known = (labels != UNKNOWN)[..., None].expand_as(probs)
            true = F.one_hot(labels.long().clamp_min(0), probs.shape[-1])
        inside = known.to(probs.dtype)
        return cls(probs * inside, true.to(probs.dtype) * inside, inside)

    def mean(self, losses: Tensor) -> Tensor:
        """The mean ``[B]`` of losses ``[B, C]`` over the masks with a known pixel."""
        counted = self.known.flatten(1, 2).amax(1)
        return (losses * counted).sum(1) / counted.sum(1).clamp_min(1)


def soft_dice(logits: Tensor, labels: Tensor, link: Link) -> Tensor:
    """``1 - (2 Σ p g + 1) / (Σ p² + Σ g² + 1)`` (Milletari, Navab & Ahmadi 2016, "V-Net", §3; the 1 is one pixel).

    >>> import torch
    >>> logits, labels = torch.zeros(1, 1, 2, 1), torch.tensor([[[[1], [0]]]])  # p = ½ twice: 1 - (2 · ½ + 1) / 2.5
    >>> soft_dice(logits, labels, Link.SIGMOID)
    tensor([0.2000])
    """
    masks = SoftMasks.of(logits, labels, link)
    both = (masks.probs * masks.true).flatten(1, 2).sum(1)
    sizes = (masks.probs.square() + masks.true.square()).flatten(1, 2).sum(1)
    return masks.mean(1 - (2 * both + ONE_PIXEL) / (sizes + ONE_PIXEL))


def soft_jaccard(logits: Tensor, labels: Tensor, link: Link) -> Tensor:
    """``1 - (Σ p g + 1) / (Σ (p + g - p g) + 1)`` (Rahman & Wang 2016, §3; the 1 is one pixel).

    After a blend (mixup), where ``g`` is a share, it is not 0 at ``p = g``; `soft_dice` is.

    >>> import torch
    >>> logits, labels = torch.zeros(1, 1, 2, 1), torch.tensor([[[[1], [0]]]])  # p = ½ twice: 1 - (½ + 1) / (3/2 + 1)
    >>> soft_jaccard(logits, labels, Link.SIGMOID)
    tensor([0.4000])
    """
    masks = SoftMasks.of(logits, labels, link)
    both = masks.probs * masks.true
    union = (masks.probs + masks.true - both).flatten(1, 2).sum(1)
    return masks.mean(1 - (both.flatten(1, 2).sum(1) + ONE_PIXEL) / (union + ONE_PIXEL))
