"""The boundary F measure: whether the edges of two masks lie at the same places."""

from __future__ import annotations

import math

import torch
from torch import Tensor

TOLERANCE = 0.0075  #: how far two boundaries may lie apart, in diagonals of the picture,
LEAST = 1.0  #: and at least so many pixels
AT_ONCE = 64  #: masks in memory at once; of many classes in large pictures, all would be many gigabytes


def tolerance_of(height: int, width: int) -> float:
    """How many pixels two boundaries may lie apart: 0.75 % of the diagonal (Csurka et al. 2013, §3), and at least one.

    >>> tolerance_of(32, 32), round(tolerance_of(480, 854), 1)
    (1.0, 7.3)
    """
    return max(LEAST, TOLERANCE * math.hypot(height, width))


def boundary_f(answer: Tensor, true: Tensor, known: Tensor) -> Tensor:
    """``F = 2 P R / (P + R)`` of the boundaries of masks, bool ``[n, height, width]``; float64 ``[n]``.

    ``P`` is the share of the answer's boundary pixels that lie within the tolerance of one of the true mask, ``R`` the
    share of the true mask's that lie within it of one of the answer (Csurka, Larlus & Perronnin 2013, §3; Perazzi et
    al. 2016, §4, "F"). A boundary pixel is in the mask, and above, below or beside a known pixel that is not.

    If neither has a boundary, ``F`` is 1 where they are the same and 0 where one is empty and the other everything;
    if one of them has none, it is 0.

    >>> mask = torch.zeros(1, 9, 9, dtype=torch.bool)
    >>> mask[0, 2:6, 2:6] = True
    >>> boundary_f(mask.roll(1, 2), mask, torch.ones_like(mask)).tolist()  # a pixel to the side
    [1.0]
    >>> boundary_f(mask.roll(2, 2), mask, torch.ones_like(mask)).round(decimals=3).tolist()  # P = R = 8 of 12
    [0.667]
    """
    pairs = (answer & known, true & known)
    said, real = (_boundary(mask, known) for mask in pairs)
    tolerance = tolerance_of(*answer.shape[1:])
    n_said, n_real = (part.flatten(1).sum(1).double() for part in (said, real))
    precision = (said & _within(real, tolerance)).flatten(1).sum(1) / n_said
    recall = (real & _within(said, tolerance)).flatten(1).sum(1) / n_real
    same = (pairs[0] == pairs[1]).flatten(1).all(1).double()
    f = (2 * precision * recall / (precision + recall)).nan_to_num(0)
    return torch.where((n_said == 0) & (n_real == 0), same, f)


def boundary_f_of_tags(answer: Tensor, true: Tensor, known: Tensor) -> Tensor:
    """`boundary_f` of each mask, for bool ``[B, height, width, C]``: float64 ``[B, C]``."""
    planes = [part.movedim(-1, 1).flatten(0, 1) for part in (answer, true, known)]
    parts = [boundary_f(*part) for part in zip(*(torch.split(plane, AT_ONCE) for plane in planes), strict=True)]
    return torch.cat(parts).reshape(len(answer), -1).cpu()


def boundary_f_of_classes(answer: Tensor, true: Tensor, counted: Tensor) -> Tensor:
    """`boundary_f` of each class that counts, bool ``[B, C]``, for int ``[B, height, width]``; 0 for the others."""
    found = torch.zeros(counted.shape, dtype=torch.float64)
    known = true >= 0
    for pairs in torch.split(counted.nonzero(), AT_ONCE):
        rows, classes = pairs.to(answer.device).T
        at = classes[:, None, None]
        found[pairs[:, 0], pairs[:, 1]] = boundary_f(answer[rows] == at, true[rows] == at, known[rows]).cpu()
    return found


def _boundary(mask: Tensor, known: Tensor) -> Tensor:
    out = known & ~mask
    return mask & (_moved(out, 1, 1) | _moved(out, -1, 1) | _moved(out, 1, 2) | _moved(out, -1, 2))


def _within(pixels: Tensor, distance: float) -> Tensor:
    """Which pixels lie within a distance of one of these: a dilation by a disc."""
    near, row, half = torch.zeros_like(pixels), pixels, 0
    for up in range(int(distance), -1, -1):  # the disc's rows, from the shortest to the longest
        while (half + 1) ** 2 + up**2 <= distance**2:
            half += 1
            row = row | _moved(pixels, half, axis=2) | _moved(pixels, -half, axis=2)
        near = near | _moved(row, up, axis=1) | _moved(row, -up, axis=1)
    return near


def _moved(pixels: Tensor, by: int, axis: int) -> Tensor:
    """The pixels moved along an axis; what leaves the picture is lost."""
    if by == 0:
        return pixels
    found, left = torch.zeros_like(pixels), max(pixels.shape[axis] - abs(by), 0)
    end = pixels.shape[axis] - left
    to, start = (end, 0) if by > 0 else (0, end)
    found.narrow(axis, to, left).copy_(pixels.narrow(axis, start, left))
    return found
