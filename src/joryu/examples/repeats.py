"""Find duplicate examples: the same file, the same pixels, or the same picture saved again with loss."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from joryu.examples.block_means import brightness, means_of
from joryu.examples.examples import Examples, Ids
from joryu.examples.inputs import Inputs, select

Rows = npt.NDArray[np.int64]

NEAR: Final = 6.0
"""Grey levels that the mean of a sixteenth of a picture may move when the picture is saved again."""

ALIKE: Final = 0.015
"""Mean squared difference in brightness, as a share of its variance, up to which two pictures are the same one."""

COLOUR_ALIKE: Final = 0.06
"""The same for the three colours together, which JPEG keeps less finely.

Both were chosen on real sets. Saved again as JPEG of quality 90, 500 of 500 pictures each of MNIST, CIFAR-10, Tiny
ImageNet and leaves stay under 0.014 (colours: 0.012), and most at quality 75. The closest test and training pictures
that are not the same are at 0.021 in MNIST, at 0.093 by their colours in CIFAR-10, at 0.27 in leaves: no false alarm
in these sets nor in digits. Tiny pictures of strong colours lose more in a JPEG and may go unnoticed.
"""

_NEIGHBOURS = 8  # candidates that are looked at closely: a copy is nearly always the very nearest
_PAIRS = 512


class Repeats(NamedTuple):
    """The duplicates found: rows of the examples that were sought, and for each the row where it was found."""

    same: Rows
    same_as: Rows
    alike: Rows
    alike_as: Rows

    def __len__(self) -> int:
        return len(self.same) + len(self.alike)


def find_repeats(sought: Examples, among: Examples) -> Repeats:
    """Find the examples of ``sought`` that ``among`` holds too: ``same`` by content, and others ``alike`` by look.

    *Same* means equal ids (the same file, at any size) or equal pixels (saved again without loss, as PNG or BMP).
    *Alike* means saved again with loss: the mean brightness of each of 4×4 blocks differs by at most `NEAR` levels,
    and the pixels by at most `ALIKE` and `COLOUR_ALIKE`. Rotated, cropped or brightened copies are not found. Only
    pictures of the same shape are compared by look. Time grows as n log n: 10,000 among 60,000 of 28×28 take well
    under a second.

    >>> from joryu.examples import load_examples
    >>> digits = load_examples("digits")
    >>> found = find_repeats(digits.select([5, 3]), digits)
    >>> found.same_as.tolist(), len(found.alike)
    ([5, 3], 0)
    """
    found = _places(sought.ids, among.ids)
    found = np.where(found >= 0, found, _places(sought.pixel_ids, among.pixel_ids))
    same = np.flatnonzero(found >= 0)
    rest = np.flatnonzero(found < 0)
    one, other = (
        look_alike(select(sought.inputs, torch.from_numpy(rest)), among.inputs) if len(rest) else (_none(), _none())
    )
    first = np.unique(one, return_index=True)[1]
    return Repeats(same, found[same], rest[one[first]], other[first])


def find_copies(examples: Examples) -> Repeats:
    """Find the examples that repeat an earlier row of the same set, and which row that is."""
    original = _places(examples.pixel_ids, examples.pixel_ids)
    first = np.unique(original)
    same = np.flatnonzero(original != np.arange(len(examples)))
    distinct = examples.inputs if len(first) == len(examples) else select(examples.inputs, torch.from_numpy(first))
    one, other = _none(), _none()
    if _comparable(distinct, distinct):
        means = means_of(distinct)
        one, other = _candidates(means, means)
        later = one > other
        one, other = _confirmed(distinct, distinct, one[later], other[later])
    kept = np.unique(one, return_index=True)[1]
    return Repeats(same, original[same], first[one[kept]], first[other[kept]])


def _places(sought: Ids, among: Ids) -> Rows:
    """The first row of ``among`` that has each id, int64 ``[n]``; -1 where none has."""
    place = {words.tobytes(): row for row, words in reversed(list(enumerate(among)))}
    return np.array([place.get(words.tobytes(), -1) for words in sought], dtype=np.int64).reshape(-1)


def look_alike(sought: Inputs, among: Inputs) -> tuple[Rows, Rows]:
    """The pairs of rows that show the same picture, in the order of the first; none for what are no pictures."""
    if not _comparable(sought, among):
        return _none(), _none()
    return _confirmed(sought, among, *_candidates(means_of(sought), means_of(among)))


def _comparable(sought: Inputs, among: Inputs) -> bool:
    pictures = all(part.dtype == torch.uint8 and part.ndim == 4 and len(part) for part in (sought, among))
    return pictures and sought.shape[1:] == among.shape[1:]


def _candidates(sought: npt.NDArray[np.float32], among: npt.NDArray[np.float32]) -> tuple[Rows, Rows]:
    """Pairs of rows whose block means all differ by at most `NEAR`; at most `_NEIGHBOURS` per sought row."""
    most = min(_NEIGHBOURS, len(among))
    distance, near = cKDTree(among).query(sought, k=most, p=np.inf, distance_upper_bound=NEAR)
    one, rank = np.nonzero(np.isfinite(distance.reshape(len(sought), most)))
    return one.astype(np.int64), near.reshape(len(sought), most)[one, rank].astype(np.int64)


def _confirmed(sought: Inputs, among: Inputs, one: Rows, other: Rows) -> tuple[Rows, Rows]:
    """The pairs whose pixels agree."""
    parts = [slice(start, start + _PAIRS) for start in range(0, len(one), _PAIRS)]
    close = [_same_picture(sought[torch.from_numpy(one[p])], among[torch.from_numpy(other[p])]) for p in parts]
    kept = np.concatenate([np.zeros(0, dtype=bool), *close])
    return one[kept], other[kept]


def _none() -> Rows:
    return np.zeros(0, dtype=np.int64)


def _same_picture(one: Tensor, other: Tensor) -> npt.NDArray[np.bool_]:
    """Whether the rows differ by no more than `ALIKE` (brightness) and `COLOUR_ALIKE`, bool ``[n]``."""
    left, right = one.float(), other.float()
    close = _difference(left, right) <= COLOUR_ALIKE
    return (close & (_difference(brightness(left), brightness(right)) <= ALIKE)).numpy()


def _difference(left: Tensor, right: Tensor) -> Tensor:
    """Mean squared difference as a share of the lesser variance (and one: flat pictures have none), ``[n]``."""
    left, right = left.flatten(1), right.flatten(1)
    contrast = torch.minimum(left.var(1, correction=0), right.var(1, correction=0))
    return (left - right).square().mean(1) / (contrast + 1)
