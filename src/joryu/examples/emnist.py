"""EMNIST's six sets: the classes of each, and the orientation of its pictures.

Cohen, Afshar, Tapson & van Schaik 2017, "EMNIST: an extension of MNIST to handwritten letters". The classes are those
of the mapping files that come with it. Its pictures are stored transposed (by columns; MNIST's are stored by rows).
"""

from __future__ import annotations

import string

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError

_MERGED = (*string.digits, *string.ascii_uppercase, *"abdefghnqrt")  # the other small letters look like capital ones
_CLASSES = {
    "emnist-balanced": _MERGED,
    "emnist-byclass": (*string.digits, *string.ascii_uppercase, *string.ascii_lowercase),
    "emnist-bymerge": _MERGED,
    "emnist-digits": tuple(string.digits),
    "emnist-letters": tuple(string.ascii_uppercase),
    "emnist-mnist": tuple(string.digits),
}
EMNIST = tuple(_CLASSES)
_FIRST = {"emnist-letters": 1}  #: the label of the first class where it is not 0


def emnist_classes(family: str) -> tuple[str, ...]:
    """The names of the classes of one of the six sets; empty for any other name.

    >>> emnist_classes("emnist-letters")[:3], emnist_classes("emnist-balanced")[-3:]
    (('A', 'B', 'C'), ('q', 'r', 't'))
    """
    return _CLASSES.get(family, ())


def upright(family: str, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The pictures ``[n, height, width]`` of a family, transposed if they are stored by columns."""
    return np.ascontiguousarray(pixels.transpose(0, 2, 1)) if family in _CLASSES else pixels


def numbered(family: str, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The labels as indices into `emnist_classes`; those of the letters are stored from 1 to 26.

    Raises:
        InputError: a label is outside the classes of the family.
    """
    first, names = _FIRST.get(family, 0), emnist_classes(family)
    found = labels.astype(np.int64)
    if names and len(found) and not first <= found.min() <= found.max() < first + len(names):
        raise InputError(
            f"labels outside the classes of {family}",
            expected=f"{first}..{first + len(names) - 1}",
            received=f"{found.min()}..{found.max()}",
        )
    return found - first
