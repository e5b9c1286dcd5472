"""scikit-learn's bundled handwritten digits: real data that needs no download."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from joryu.examples.examples import Examples, content_ids
from joryu.examples.layouts import ALL, no_such_split
from joryu.examples.pictures import resize_pixels
from joryu.examples.preparation import PicturePreparation

_TEST = 600


def load_digits(split: str = "train", *, size: int | None = None) -> Examples:
    """1,797 handwritten digits (Alpaydin & Kaynak 1998), uint8 ``[n, 1, 8, 8]``, classes ``0`` to ``9``.

    A pixel counts the dots (0 to 16) in a 4×4 block; it becomes ``round(255 · dots / 16)``, which keeps all 17 values.
    ``test`` is the last 600 in the file's order, ``train`` the 1,197 before them, ``all`` both. The split is not
    shuffled, because neighbours in the file were often written by the same person: the nearest neighbour in ``train``
    is wrong for 21 of these 600, but only for 8 of 600 drawn at random.

    >>> load_digits("test").inputs.shape
    torch.Size([600, 1, 8, 8])

    Raises:
        InputError: there is no such split.
    """
    from sklearn import datasets  # noqa: PLC0415  (a second of import time that no other layout needs)

    bunch = datasets.load_digits()
    parts = {"train": slice(0, -_TEST), "test": slice(-_TEST, None), ALL: slice(None)}
    if split not in parts:
        raise no_such_split("digits", split, parts)
    dots = np.asarray(bunch.images)[parts[split]]
    pixels = np.rint(dots * (255 / 16)).astype(np.uint8)[:, None]
    examples = Examples.of(
        torch.from_numpy(resize_pixels(pixels, size)),
        torch.from_numpy(np.asarray(bunch.target)[parts[split]].astype(np.int64)),
        classes=[str(name) for name in bunch.target_names],
        name="digits",
    )
    ids = content_ids(torch.from_numpy(pixels))
    return replace(examples, ids=ids, preparation=PicturePreparation.of(examples.inputs))
