"""Robust standard scores within groups.

Plain z-scores have two problems. One outlier, such as an answer after a lunch break, makes all other values of its
group nearly equal. So values are *winsorised* first: values more than `FAR` robust standard deviations from the median
are set to that limit (Leys et al. 2013: three median absolute deviations, scaled by 1.4826, is the conservative
choice). And in a group without real variation a z-score inflates noise to the full range. So no group is divided by
less than a given smallest standard deviation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAR = 3.0  #: the limit of values, in robust standard deviations from the median
NORMAL = 1.4826  #: for normal values, standard deviation = 1.4826 × median absolute deviation


def winsorised(column: Floats, groups: Ints, least: Floats | float) -> Floats:
    """Limit values to `FAR` robust standard deviations from their group's median; NaN stays NaN.

    >>> column = np.array([1.0, 2.0, 3.0, 4.0, 90.0])
    >>> winsorised(column, np.zeros(5, dtype=np.int64), 0.1).round(2).tolist()
    [1.0, 2.0, 3.0, 4.0, 7.45]

    Args:
        column: the values.
        groups: the number of each value's group.
        least: the smallest standard deviation, for all rows or for each.
    """
    middle = group_medians(column, groups)
    room = FAR * np.maximum(NORMAL * group_medians(np.abs(column - middle), groups), least)
    return np.clip(column, middle - room, middle + room)


def standard_scores(column: Floats, groups: Ints, least: Floats | float) -> Floats:
    """Winsorised values minus their group's mean, divided by its standard deviation or by ``least``, if that is larger.

    >>> answers = np.zeros(3, dtype=np.int64)
    >>> standard_scores(np.log([800.0, 801.0, 800.5]), answers, 0.15).round(3).tolist()
    [-0.004, 0.004, 0.0]
    """
    centred = centred_within(winsorised(column, groups, least), groups)
    scores: Floats = centred / np.maximum(np.sqrt(_group_means(centred**2, groups)), least)
    return scores


def centred_within(column: Floats, groups: Ints) -> Floats:
    """Values minus the mean of their group's known values."""
    return column - _group_means(column, groups)


def group_medians(column: Floats, groups: Ints) -> Floats:
    """For each row the median of its group's known values; NaN if there is none."""
    known = np.flatnonzero(~np.isnan(column))
    by_group = known[np.lexsort((column[known], groups[known]))]
    counts = np.bincount(groups[known], minlength=int(groups.max()) + 1)
    starts = np.cumsum(counts) - counts
    medians = np.full(len(counts), np.nan)
    some = counts > 0
    ordered = column[by_group]
    lower, upper = (ordered[(starts + at)[some]] for at in ((counts - 1) // 2, counts // 2))
    medians[some] = (lower + upper) / 2
    return medians[groups]


def _group_means(column: Floats, groups: Ints) -> Floats:
    known = ~np.isnan(column)
    counts = np.bincount(groups[known], minlength=int(groups.max()) + 1)
    sums = np.bincount(groups[known], weights=column[known], minlength=int(groups.max()) + 1)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)[groups]
    return means
