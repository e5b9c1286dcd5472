"""Student against twin by a number per example: a bootstrap interval and a permutation test of the mean difference.

For scores that are not right or wrong, such as the IoU of each picture; for those see `joryu.evaluation.comparison`.
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

RESAMPLES = 4999  #: of each kind; the least p-value is 1 / 5000
_AT_ONCE = 2_000_000  #: draws held in memory at a time


class ScoreVerdict(StrEnum):
    """What the examples allow one to say."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreComparison:
    """Two models on the same ``n`` examples.

    ``difference`` is the mean improvement. Positive is good for the student, also of a score of which less is better.
    ``left_out`` examples have no score and are not among the ``n``.
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
        """A difference counts as shown only when the test *and* the interval say so."""
        if self.p_value >= 1 - self.confidence or self.difference_low <= 0 <= self.difference_high:
            return ScoreVerdict.NOT_SHOWN
        return ScoreVerdict.BETTER if self.difference > 0 else ScoreVerdict.WORSE


def compare_scores(student: Scores, twin: Scores, *, confidence: float = 0.95, seed: int = 0) -> ScoreComparison:
    """Compare two models by the scores of the same examples in the same order.

    The interval is Efron's BCa bootstrap of the mean difference (`bca_interval`), the p-value that of the differences
    under every sign being as likely as the other (`sign_flip_test`). Examples without a score are left out.

    >>> import torch
    >>> twin = Scores("IoU", torch.linspace(0.2, 0.7, 40, dtype=torch.float64))
    >>> found = compare_scores(Scores("IoU", twin.values + torch.linspace(0, 0.2, 40, dtype=torch.float64)), twin)
    >>> found.verdict, round(found.difference, 3), found.p_value
    (<ScoreVerdict.BETTER: 'better'>, 0.1, 0.0002)

    Raises:
        InputError: fewer than two examples with a score, or a confidence outside (0, 1).
        MismatchError: scores of other names, directions or examples.
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
    """Interval of a mean: the bootstrap, bias-corrected and accelerated.

    Its ends are the quantiles ``Φ(z0 + (z0 ± z) / (1 - a (z0 ± z)))`` of the means of resamples, where ``Φ(z0)`` is the
    share of them below the mean and ``a = Σ d³ / (6 (Σ d²)^1.5)``, ``d`` the values about their mean (the jackknife's
    acceleration, of a mean). B. Efron, "Better Bootstrap Confidence Intervals", JASA 82 (1987) 171-185; Efron &
    Tibshirani, *An Introduction to the Bootstrap* (1993), eq. 14.9 to 14.15.

    >>> low, high = bca_interval(np.arange(100.0))
    >>> 43 < low < 45, 54 < high < 56
    (True, True)

    Raises:
        InputError: fewer than two values, or a confidence outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise InputError("confidence is not usable", expected="a number in (0, 1)", received=confidence)
    if len(values) < 2:
        raise InputError("too few examples for an interval", expected="at least 2 with a score", received=len(values))
    mean = float(values.mean())
    about = values - mean
    spread = float((about**2).sum())
    if math.sqrt(spread / len(values)) <= ROUNDING * max(abs(mean), 1.0):
        return mean, mean
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [values[generator.integers(0, len(values), size=(rows, len(values)))].mean(1) for rows in _chunks(len(values))]
    )
    below = ((means < mean).mean() + (means <= mean).mean()) / 2
    # With few examples every resample may lie on one side; the correction is then as large as they can show.
    bias = float(ndtri(np.clip(below, 1 / (RESAMPLES + 1), RESAMPLES / (RESAMPLES + 1))))
    acceleration = float((about**3).sum()) / (6 * spread**1.5)
    ends = [bias + float(ndtri((1 + sign * confidence) / 2)) for sign in (-1, 1)]
    shares = [float(ndtr(bias + end / (1 - acceleration * end))) for end in ends]
    low, high = np.quantile(means, shares)
    return float(low), float(high)


def sign_flip_test(differences: Floats, *, seed: int = 0) -> float:
    """Two-sided p-value of a mean difference: ``(1 + #{|mean of flipped| >= |mean|}) / (1 + resamples)``.

    Were the two models alike, student and twin could change places in any example: each difference would be as likely
    with the other sign (Fisher 1935, *The Design of Experiments*, §21). Never 0 (Phipson & Smyth 2010).

    >>> sign_flip_test(np.zeros(5)), sign_flip_test(np.ones(30))
    (1.0, 0.0002)
    """
    generator, total, least = np.random.default_rng(seed), float(differences.sum()), abs(float(differences.sum()))
    # A sum in another order rounds differently: ties must count.
    least -= ROUNDING * float(np.abs(differences).sum())
    extreme = 0
    for rows in _chunks(len(differences)):
        kept = generator.integers(0, 2, size=(rows, len(differences)), dtype=np.int8)
        extreme += int((np.abs(2 * (kept @ differences) - total) >= least).sum())
    return (1 + extreme) / (1 + RESAMPLES)


def _chunks(n: int) -> Iterator[int]:
    """How many resamples to draw at once, again and again, so that memory stays bounded."""
    rows, left = max(1, _AT_ONCE // n), RESAMPLES
    while left > 0:
        yield min(rows, left)
        left -= rows


def check_paired(student: Scores, twin: Scores) -> None:
    """Refuse scores that are not of the same kind and the same number of examples.

    Raises:
        MismatchError: naming what differs.
    """
    if (student.name, student.better) != (twin.name, twin.better):
        raise MismatchError("scores of two kinds cannot be paired", expected=student.name, received=twin.name)
    if student.values.shape != twin.values.shape or student.values.ndim != 1:
        raise MismatchError(
            "the two models did not answer the same examples", expected=list(student.values.shape),
            received=list(twin.values.shape),
        )  # fmt: skip
