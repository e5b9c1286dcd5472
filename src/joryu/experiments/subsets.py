"""Every ensemble that a pool of learners holds, by every rule, and intervals that allow for learners and pictures.

The ensembles of a pool share members, so they are no independent sample. A mean over all of them is a U-statistic of
the learners, whose variance the jackknife over learners estimates, on the large side (Arvesen 1969; Efron & Stein
1981). The pictures are a sample too: their variance is that of the mean over ensembles, picture by picture.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor

Floats = npt.NDArray[np.float64]
VOTE = "vote"


class Estimate(NamedTuple):
    """A mean over all ensembles, and its 95 % interval over learners and pictures."""

    mean: float
    low: float
    high: float


def subsets_of(pool: int, size: int) -> Tensor:
    """All subsets of ``size`` of ``pool`` learners as rows of zeros and ones, ``[subsets, pool]`` in float64.

    >>> subsets_of(3, 2).tolist()
    [[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    chosen = list(itertools.combinations(range(pool), size))
    rows = torch.zeros(len(chosen), pool, dtype=torch.float64)
    for row, places in zip(rows, chosen, strict=True):
        row[list(places)] = 1
    return rows


def right_answers(log_probs: Tensor, labels: Tensor, subsets: Tensor, rule: float | str) -> Tensor:
    """Which pictures each ensemble names rightly, bool ``[subsets, n]``.

    ``log_probs`` are the members' ``[pool, n, C]``. A rule is the exponent ``u`` of the power mean, or ``vote``. The
    best class by ``(Σ_m p_m^u)^(1/u)`` is the best by ``Σ_m (p_m^u - 1) / u``, which has its limit at 0,
    ``Σ_m log p_m``, and loses nothing near it; so all ensembles are one product of matrices. Of equal classes the first
    is taken.

    >>> members = torch.tensor([[[0.6, 0.4]], [[0.6, 0.4]], [[0.1, 0.9]]]).log()
    >>> subsets = subsets_of(3, 3)
    >>> [right_answers(members, torch.tensor([1]), subsets, rule).item() for rule in (1, "vote")]
    [True, False]
    """
    if rule == VOTE:
        scores = torch.nn.functional.one_hot(log_probs.argmax(-1), log_probs.shape[-1]).double()
    else:
        exponent = float(rule)
        scores = log_probs.double() if exponent == 0 else torch.expm1(exponent * log_probs.double()) / exponent
    by_class = scores.transpose(1, 2)  # the best of few classes is found faster across rows than along them
    pooled = (subsets @ by_class.flatten(1)).reshape(len(subsets), *by_class.shape[1:])
    return pooled.argmax(1).eq(labels)


def estimate(values: Floats, subsets: Tensor) -> Estimate:
    """The mean of ``values [subsets, n]`` (of each ensemble about each picture) with its interval.

    The variance is ``(m - 1) / m · Σ_i (θ_i - mean θ)²`` over the learners, where ``θ_i`` is the mean over the
    ensembles without learner ``i``, and ``var(mean over ensembles) / n`` over the pictures; the quantile is that of
    Student's t with ``m - 1`` degrees of freedom. Where a pool is one ensemble, only the pictures count.

    >>> found = estimate(np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), subsets_of(3, 2))
    >>> round(found.mean, 2), round(found.high - found.mean, 2)
    (0.33, 2.87)
    """
    held = subsets.numpy().astype(bool)
    by_ensemble, by_picture, pool = values.mean(1), values.mean(0), held.shape[1]
    variance = float(by_picture.var(ddof=1)) / len(by_picture) if len(by_picture) > 1 else 0.0
    if (~held).any(0).all():
        without = np.array([by_ensemble[~held[:, learner]].mean() for learner in range(pool)])
        variance += (pool - 1) / pool * float(((without - without.mean()) ** 2).sum())
    reach = float(stats.t.ppf(0.975, max(1, pool - 1))) * math.sqrt(variance)
    mean = float(values.mean())
    return Estimate(mean, mean - reach, mean + reach)


def best_rules(accuracy: Floats, rules: Sequence[float]) -> list[float]:
    """For each ensemble the exponent with the best accuracy ``[rules, subsets]``; of equal ones that nearest to 1.

    >>> best_rules(np.array([[0.5, 0.7], [0.6, 0.7]]), [0.1, 1.0])
    [1.0, 1.0]
    """
    order = sorted(range(len(rules)), key=lambda at: abs(rules[at] - 1))
    best = accuracy[order].argmax(0)
    return [rules[order[at]] for at in best]
