"""How far from usual? Standard scores within groups that neither one wild value nor mere noise can squeeze.

Plain z-scores fail in two ways. One answer after a lunch break makes all others of its annotator the same; so values
are *winsorised* first: what lies more than `FAR` robust standard deviations from the median is brought back to there
(Leys et al. 2013: three median absolute deviations, scaled by 1.4826, is the cautious choice). And where nothing
happened, what is left is noise, which a z-score blows up to full range; so no group is divided by less than the spread
that such a thing has at least.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAR = 3.0  #: robust standard deviations from the median, beyond which a value counts as one that lies there
NORMAL = 1.4826  #: times the median absolute deviation is the standard deviation, where values are normal


def winsorised(column: Floats, groups: Ints, least: Floats | float) -> Floats:
    """Values no further than `FAR` robust standard deviations from their group's median; NaN stays NaN.

    >>> column = np.array([1.0, 2.0, 3.0, 4.0, 90.0])
    >>> winsorised(column, np.zeros(5, dtype=np.int64), 0.1).round(2).tolist()
    [1.0, 2.0, 3.0, 4.0, 7.45]

    Args:
        column: the values.
        groups: the number of each value's group.
        least: the smallest standard deviation there is, of all or of each row.
    """
    middle = group_medians(column, groups)
    room = FAR * np.maximum(NORMAL * group_medians(np.abs(column - middle), groups), least)
    return np.clip(column, middle - room, middle + room)


def standard_scores(column: Floats, groups: Ints, least: Floats | float) -> Floats:
    """Winsorised values less their group's mean, by its standard deviation or ``least``, whichever is more.

    >>> answers = np.zeros(3, dtype=np.int64)
    >>> standard_scores(np.log([800.0, 801.0, 800.5]), answers, 0.15).round(3).tolist()
    [-0.004, 0.004, 0.0]
    """
    centred = centred_within(winsorised(column, groups, least), groups)
    scores: Floats = centred / np.maximum(np.sqrt(_group_means(centred**2, groups)), least)
    return scores


def centred_within(column: Floats, groups: Ints) -> Floats:
    """Values less the mean of what is known of their group."""
    return column - _group_means(column, groups)


def group_medians(column: Floats, groups: Ints) -> Floats:
    """For each row the median of what is known of its group; NaN where nothing is."""
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
