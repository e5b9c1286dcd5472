"""`boundary_loss`: how far from a true mask's boundary a student is wrong, and the distances that it needs."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from joryu.objectives.overlap import SoftMasks
from joryu.questions import Link

KEPT_BYTES = 256 * 2**20  #: distances of so many bytes are kept, so that a mask is measured once and not in each epoch

Mask = NDArray[np.bool_]
Distances = NDArray[np.float16]


def boundary_loss(logits: Tensor, labels: Tensor, link: Link) -> Tensor:
    """``1/n Σ φ (p - g)`` over the ``n`` known pixels of a mask (Kervadec et al. 2019, eqs. 3 to 5).

    ``φ`` is a pixel's distance to the boundary of the true mask, negative inside (`signed_distances`). Their eq. 5
    drops ``Σ φ g``, which has no gradient; it is kept here, so that the loss is 0 at the true mask and never below.
    ``p`` and the shapes are those of `joryu.objectives.overlap`. After a blend (mixup) a pixel is in the mask whose
    share exceeds a half.

    What is wrong beside a boundary costs almost nothing, so add it to a loss that says what is in the mask, as they do:
    ``cross-entropy+boundary``.

    >>> logits, labels = torch.zeros(1, 1, 2, 1), torch.tensor([[[[1], [0]]]])  # ½ pixel off √5, p wrong by ½, twice
    >>> boundary_loss(logits, labels, Link.SIGMOID)
    tensor([0.1118])
    """
    masks = SoftMasks.of(logits, labels, link)
    true = (masks.true > 0.5).to(masks.probs.dtype)
    signed = _signed(true, masks.known).to(masks.probs.dtype)
    known = masks.known.flatten(1, 2).sum(1)
    return masks.mean((signed * (masks.probs - true)).flatten(1, 2).sum(1) / known.clamp_min(1))


def signed_distances(true: Mask, known: Mask) -> Distances:
    """``φ`` of one mask, ``[height, width]``: the distance to its boundary, in diagonals of the picture; < 0 inside.

    The boundary lies half way between a pixel in the mask and one out of it, so the distance is that to the nearest
    known pixel of the other kind, less a half. Where there is none, as in an empty mask, it is the whole diagonal, 1.
    What is not known has 0.

    >>> (100 * signed_distances(np.array([[True, False, False]]), np.ones((1, 3), bool))).round().tolist()
    [[-16.0, 16.0, 47.0]]
    """
    diagonal = math.hypot(*true.shape)
    inside, outside = true & known, ~true & known
    found = np.zeros(true.shape)
    for own, other, sign in ((inside, outside, -1), (outside, inside, 1)):
        far = (distance_transform_edt(~other) - 0.5) / diagonal if other.any() else np.ones(true.shape)
        found[own] = sign * far[own]
    return found.astype(np.float16)


def _signed(true: Tensor, known: Tensor) -> Tensor:
    """The distances of masks ``[B, height, width, C]``, computed on the processor."""
    inside, there = (part.bool().cpu().movedim(-1, 1).flatten(0, 1).numpy() for part in (true, known))
    found = np.stack([_KEPT.distances(*pair) for pair in zip(inside, there, strict=True)])
    batch, height, width, n = true.shape
    return torch.from_numpy(found).reshape(batch, n, height, width).movedim(1, -1).to(true.device)


class _Kept:
    """Distances by mask. They are a function of the mask alone, so keeping them changes no number."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._found: OrderedDict[bytes, Distances] = OrderedDict()

    def distances(self, true: Mask, known: Mask) -> Distances:
        key = np.packbits([true, known]).tobytes() + repr(true.shape).encode()
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = signed_distances(true, known)
            self._bytes += found.nbytes
            while self._bytes > self._most:  # the first go first
                self._bytes -= self._found.popitem(last=False)[1].nbytes
        return found


_KEPT = _Kept(KEPT_BYTES)
