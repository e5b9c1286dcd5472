"""Run lengths of a mask as Kaggle's contests write them: ``start length start length …``, pixels counted from 1."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError
from joryu.examples.tabular.cells import says_missing, shown

Runs = npt.NDArray[np.int64]
"""The first pixel of each run, counted from 0, and its length: int64 ``[n, 2]``."""

NOTHING: Final = "-1"  #: as some contests write a mask without a pixel, beside an empty cell


def parse_runs(text: str | None) -> Runs:
    """Parse the run lengths in a cell; an empty one is a mask without a pixel.

    >>> parse_runs("1 3 10 2").tolist(), parse_runs(None).tolist()
    ([[0, 3], [9, 2]], [])

    Raises:
        InputError: they are no whole numbers, of an odd number, not in order, overlap, or begin before the first pixel.
    """
    if text is None or says_missing(text.strip()) or text.strip() in ("", NOTHING):
        return np.zeros((0, 2), dtype=np.int64)
    words = text.replace(",", " ").split()
    if not all(word.isdecimal() and len(word) < 16 for word in words):
        odd = next(word for word in words if not (word.isdecimal() and len(word) < 16))
        raise InputError("no run lengths", expected="start length start length …", received=shown(odd))
    if len(words) % 2:
        raise InputError(
            "an odd number of values in run lengths",
            expected="a length for each start",
            received=f"{len(words)} values",
        )
    runs = np.array(words, dtype=np.int64).reshape(-1, 2)
    starts, ends = runs[:, 0], runs.sum(1)
    if starts.min() < 1:
        raise InputError("a run before the first pixel", expected="pixels counted from 1", received=int(starts.min()))
    if runs[:, 1].min() < 1:
        raise InputError("a run without a pixel", expected="lengths of 1 and more", received=int(runs[:, 1].min()))
    if (wrong := np.flatnonzero(starts[1:] < ends[:-1])).size:
        at = int(wrong[0])
        what = "runs that overlap" if starts[at + 1] >= starts[at] else "runs that are not in order"
        raise InputError(
            what, expected=f"a start of {ends[at]} or more after {starts[at]} {runs[at, 1]}",
            received=f"{starts[at + 1]} {runs[at + 1, 1]}",
        )  # fmt: skip
    runs[:, 0] -= 1
    return runs


def draw_runs(runs: Runs, width: int, height: int, *, by_rows: bool = False) -> npt.NDArray[np.bool_]:
    """The mask of run lengths, bool ``[height, width]``; pixels are counted down the columns, or along the rows.

    >>> draw_runs(parse_runs("1 2 4 1"), 2, 3).astype(int).tolist()
    [[1, 1], [1, 0], [0, 0]]

    Raises:
        InputError: a run goes beyond the picture.
    """
    pixels = width * height
    if len(runs) and (last := int(runs[-1].sum())) > pixels:
        raise InputError(
            "run lengths that are longer than the picture", expected=f"at most {pixels:,} pixels ({width}×{height})",
            received=f"a run that ends at {last:,}",
        )  # fmt: skip
    edges = np.zeros(pixels + 1, dtype=np.int8)
    np.add.at(edges, runs[:, 0], 1)
    np.add.at(edges, runs.sum(1), -1)
    flat = np.cumsum(edges[:-1], dtype=np.int8).astype(bool)
    return flat.reshape(height, width) if by_rows else np.ascontiguousarray(flat.reshape(width, height).T)
