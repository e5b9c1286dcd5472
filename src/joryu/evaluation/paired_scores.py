"""Compare student and twin by a score per example: a bootstrap interval and a permutation test of the mean difference.

It is for scores such as the IoU of each picture. Right and wrong answers are compared by `joryu.evaluation.comparison`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import ndtr, ndtri

from joryu.annotations.trials import Floats
from joryu.errors import InputError, MismatchError
from joryu.evaluation.evaluator import Better, Scores
from joryu.evaluation.permutation import ROUNDING

RESAMPLES = 4999  #: for the interval, and as many for the test; the smallest p-value is 1 / 5000
_AT_ONCE = 2_000_000  #: draws held in memory at a time


class ScoreVerdict(StrEnum):
    """What a comparison shows about the student."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreComparison:
    """The scores of student and twin on the same ``n`` examples.

    ``difference`` is the mean improvement of the student over the twin. It is positive if the student is better, also
    for a score of which lower is better. ``left_out`` more examples have no score.
    """

    score: str
    n: int
    left_out: int
    student_mean: float
    twin_mean: float
    difference: float
    difference_low: float
    difference_high: float
    confidence: float
    p_value: float  #: sign-flip permutation, two-sided

    @property
    def verdict(self) -> ScoreVerdict:
        """A difference is shown only if the test *and* the interval show it."""
        if self.p_value >= 1 - self.confidence or self.difference_low <= 0 <= self.difference_high:
            return ScoreVerdict.NOT_SHOWN
        return ScoreVerdict.BETTER if self.difference > 0 else ScoreVerdict.WORSE


def compare_scores(student: Scores, twin: Scores, *, confidence: float = 0.95, seed: int = 0) -> ScoreComparison:
    """Compare two models by their scores of the same examples, in the same order.

    The interval of the mean difference is Efron's BCa bootstrap (`bca_interval`); the p-value is that of a permutation
    test (`sign_flip_test`). Examples without a score are left out. ``seed`` draws the resamples.

    >>> import torch
    >>> twin = Scores("IoU", torch.linspace(0.2, 0.7, 40, dtype=torch.float64))
    >>> found = compare_scores(Scores("IoU", twin.values + torch.linspace(0, 0.2, 40, dtype=torch.float64)), twin)
    >>> found.verdict, round(found.difference, 3), found.p_value
    (<ScoreVerdict.BETTER: 'better'>, 0.1, 0.0002)

    Raises:
        InputError: fewer than two examples have a score, a score is not finite, or the confidence is not in (0, 1).
        MismatchError: the scores differ in name or direction, or are not of the same examples.
    """
    check_paired(student, twin)
    one, other = student.values.double().numpy(), twin.values.double().numpy()
    kept = ~np.isnan(one)
    if not np.array_equal(kept, ~np.isnan(other)):
        raise MismatchError(
            "the two models were not judged by the same examples", expected=f"{int(kept.sum())} examples with a score",
            received=f"{int((~np.isnan(other)).sum())}, not all the same",
        )  # fmt: skip
    one, other = one[kept], other[kept]
    infinite = int((~np.isfinite(one) | ~np.isfinite(other)).sum())
    if infinite:
        raise InputError(
            "scores are not finite", expected="finite numbers", received=f"others for {infinite} of {len(kept)}",
            hint="a model diverged; try a lower learning rate",
        )  # fmt: skip
    gain = one - other if student.better is Better.HIGHER else other - one
    low, high = bca_interval(gain, confidence=confidence, seed=seed)
    return ScoreComparison(
        score=student.name,
        n=len(gain),
        left_out=int((~kept).sum()),
        student_mean=float(one.mean()),
        twin_mean=float(other.mean()),
        difference=float(gain.mean()),
        difference_low=low,
        difference_high=high,
        confidence=confidence,
        p_value=sign_flip_test(gain, seed=seed),
    )


def bca_interval(values: Floats, *, confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """The bias-corrected and accelerated (BCa) bootstrap interval of the mean of ``values [n]``.

    Its ends are two quantiles of the means of resamples, ``Φ(z0 + (z0 ± z) / (1 - a (z0 ± z)))``:

    * ``z`` is the normal quantile of the confidence;
    * the bias ``z0`` is such that a share ``Φ(z0)`` of the resamples has a smaller mean than ``values``;
    * the acceleration is ``a = Σ d³ / (6 (Σ d²)^1.5)`` with ``d = values - mean``, the jackknife's for a mean.

    B. Efron, "Better Bootstrap Confidence Intervals", JASA 82 (1987) 171-185; Efron & Tibshirani, *An Introduction to
    the Bootstrap* (1993), eqs. 14.9 to 14.15. Values that are all the same give an interval without a width.

    >>> low, high = bca_interval(np.arange(100.0))
    >>> 43 < low < 45, 54 < high < 56
    (True, True)

    Raises:
        InputError: there are fewer than two values, one is not finite, or the confidence is not in (0, 1).
    """
    if not 0 < confidence < 1:
        raise InputError("confidence is not usable", expected="a number in (0, 1)", received=confidence)
    if len(values) < 2:
        raise InputError("too few examples for an interval", expected="at least 2 with a score", received=len(values))
    _require_finite(values)
    mean = float(values.mean())
    about = values - mean
    spread = float((about**2).sum())
    grain = ROUNDING * float(np.abs(values).max())  # a sum in another order rounds differently
    if math.sqrt(spread / len(values)) <= grain:
        return mean, mean
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [values[generator.integers(0, len(values), size=(rows, len(values)))].mean(1) for rows in _chunks(len(values))]
    )
    # Ties must count, however they were rounded.
    below = ((means < mean - grain).mean() + (means <= mean + grain).mean()) / 2
    # With few examples every resample may lie on one side; the correction is then as large as they can show.
    bias = float(ndtri(np.clip(below, 1 / (RESAMPLES + 1), RESAMPLES / (RESAMPLES + 1))))
    acceleration = float((about**3).sum()) / (6 * spread**1.5)
    ends = [bias + float(ndtri((1 + sign * confidence) / 2)) for sign in (-1, 1)]
    shares = [float(ndtr(bias + end / (1 - acceleration * end))) for end in ends]
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def sign_flip_test(differences: Floats, *, seed: int = 0) -> float:
    """The two-sided p-value of the mean of ``differences [n]``, by random changes of their signs.

    ``p = (1 + #{|mean with changed signs| >= |mean|}) / (1 + resamples)``, which is never 0 (Phipson & Smyth 2010). If
    the two models were equally good, student and twin could be exchanged in any example, so each difference would be
    as likely with the other sign (Fisher 1935, *The Design of Experiments*, §21).

    >>> sign_flip_test(np.zeros(5)), sign_flip_test(np.ones(30))
    (1.0, 0.0002)

    Raises:
        InputError: a difference is not finite.
    """
    _require_finite(differences)
    generator, total, least = np.random.default_rng(seed), float(differences.sum()), abs(float(differences.sum()))
    # A sum in another order rounds differently: ties must count.
    least -= ROUNDING * float(np.abs(differences).sum())
    extreme = 0
    for rows in _chunks(len(differences)):
        kept = generator.integers(0, 2, size=(rows, len(differences)), dtype=np.int8)
        extreme += int((np.abs(2 * (kept @ differences) - total) >= least).sum())
    return (1 + extreme) / (1 + RESAMPLES)


def _require_finite(values: Floats) -> None:
    if not np.isfinite(values).all():
        raise InputError("values are not finite", expected="finite numbers", received=values[~np.isfinite(values)][0])


def _chunks(n: int) -> Iterator[int]:
    """The sizes of the parts in which to draw all resamples of ``n`` values, so that memory stays bounded."""
    rows, left = max(1, _AT_ONCE // n), RESAMPLES
    while left > 0:
        yield min(rows, left)
        left -= rows


def check_paired(student: Scores, twin: Scores) -> None:
    """Check that two scores have the same name, direction and number of examples.

    Raises:
        MismatchError: they differ; the message says in what.
    """
    if (student.name, student.better) != (twin.name, twin.better):
        raise MismatchError("scores of two kinds cannot be paired", expected=student.name, received=twin.name)
    if student.values.shape != twin.values.shape or student.values.ndim != 1:
        raise MismatchError(
            "the two models did not answer the same examples", expected=list(student.values.shape),
            received=list(twin.values.shape),
        )  # fmt: skip
