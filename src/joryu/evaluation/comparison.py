"""Compare student and twin by their right and wrong answers: a paired test and a paired interval.

Both models answer the same examples. So only the *discordant* examples, which exactly one of the two gets wrong, tell
anything about the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy.optimize import brentq
from scipy.special import bdtr, ndtri
from torch import Tensor

from joryu.errors import InputError, MismatchError


class Verdict(StrEnum):
    """What a comparison shows about the student."""

    FEWER_ERRORS = "fewer errors"
    MORE_ERRORS = "more errors"
    NOT_SHOWN = "no difference shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The errors of student and twin on the same ``n`` examples.

    ``difference`` is the twin's error rate minus the student's, ``(only_twin_wrong - only_student_wrong) / n``;
    positive means that the student is better. Its interval is Tango's (`tango_interval`).
    """

    n: int
    student_errors: int
    twin_errors: int
    both_wrong: int
    only_twin_wrong: int
    only_student_wrong: int
    difference: float
    difference_low: float
    difference_high: float
    confidence: float
    p_value: float  #: exact McNemar, two-sided

    @property
    def removed(self) -> int:
        """How many errors fewer the student makes, ``twin_errors - student_errors``; negative if it makes more."""
        return self.twin_errors - self.student_errors

    @property
    def removed_low(self) -> float:
        """The lower end of the interval of `removed`, in errors on these ``n`` examples."""
        return self.n * self.difference_low

    @property
    def removed_high(self) -> float:
        """The upper end of the interval of `removed`, in errors on these ``n`` examples."""
        return self.n * self.difference_high

    @property
    def removed_share(self) -> float | None:
        """`removed` as a share of the twin's errors; ``None`` if the twin made none."""
        return self.removed / self.twin_errors if self.twin_errors else None

    @property
    def verdict(self) -> Verdict:
        """A difference is shown only if the exact test *and* the interval show it.

        The exact test is the more cautious of the two. On few discordant examples the interval may exclude zero while
        the p-value is above the level; this is not called a difference.
        """
        if self.p_value >= 1 - self.confidence or self.difference_low <= 0 <= self.difference_high:
            return Verdict.NOT_SHOWN
        return Verdict.FEWER_ERRORS if self.difference > 0 else Verdict.MORE_ERRORS


def compare(student_logits: Tensor, twin_logits: Tensor, labels: Tensor, *, confidence: float = 0.95) -> Comparison:
    """Compare the top answers of two models, with logits ``[n, C]`` about the same examples and labels ``[n]``.

    >>> from torch import eye, tensor
    >>> found = compare(eye(2), eye(2)[[0, 0]], tensor([0, 1]))
    >>> found.student_errors, found.twin_errors, found.removed, found.p_value
    (0, 1, 1, 1.0)

    Raises:
        InputError, MismatchError: as `compare_correct`.
    """
    if student_logits.ndim != 2 or student_logits.shape != twin_logits.shape:
        raise MismatchError(
            "the two models did not answer the same examples",
            expected=f"logits {list(student_logits.shape)}",
            received=list(twin_logits.shape),
        )
    return compare_correct(student_logits.argmax(-1) == labels, twin_logits.argmax(-1) == labels, confidence=confidence)


def compare_correct(student_correct: Tensor, twin_correct: Tensor, *, confidence: float = 0.95) -> Comparison:
    """Compare two models by which examples each got right: bool ``[n]``, the same examples in the same order.

    >>> from torch import tensor
    >>> found = compare_correct(tensor([True, True, True]), tensor([True, False, False]))
    >>> found.removed, found.removed_share, found.verdict.value
    (2, 1.0, 'no difference shown')

    Raises:
        InputError: there is no example, or the confidence is not in (0, 1).
        MismatchError: the lengths differ, or these are not vectors.
    """
    if student_correct.shape != twin_correct.shape or student_correct.ndim != 1:
        raise MismatchError(
            "the two models did not answer the same examples",
            expected=list(student_correct.shape),
            received=list(twin_correct.shape),
        )
    student_wrong, twin_wrong = ~student_correct.bool(), ~twin_correct.bool()
    gained, lost = int((twin_wrong & ~student_wrong).sum()), int((student_wrong & ~twin_wrong).sum())
    low, high = tango_interval(gained, lost, len(student_wrong), confidence=confidence)
    return Comparison(
        n=len(student_wrong),
        student_errors=int(student_wrong.sum()),
        twin_errors=int(twin_wrong.sum()),
        both_wrong=int((student_wrong & twin_wrong).sum()),
        only_twin_wrong=gained,
        only_student_wrong=lost,
        difference=(gained - lost) / len(student_wrong),
        difference_low=low,
        difference_high=high,
        confidence=confidence,
        p_value=mcnemar_exact(gained, lost),
    )


def mcnemar_exact(b: int, c: int) -> float:
    """The two-sided p-value of McNemar's exact conditional test, from the two discordant counts.

    ``p = min(1, 2 P(X <= min(b, c)))`` with ``X ~ Binomial(b + c, 1/2)``; 1 if no pair is discordant (McNemar 1947,
    "Note on the sampling error of the difference between correlated proportions or percentages").

    >>> round(mcnemar_exact(6, 16), 6)
    0.052479
    """
    return min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0


def tango_interval(b: int, c: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's asymptotic score interval for the difference ``(b - c) / n`` of two paired proportions.

    ``b`` and ``c`` are the discordant counts among ``n`` pairs. The interval holds every ``d`` with ``|T(d)| <= z``,
    where ``z`` is the normal quantile of the confidence:

        ``T(d) = (b - c - n d) / sqrt(n (2 q + d (1 - d)))``

    Here ``q = (sqrt(B² - 8 n C) - B) / (4 n)`` with ``B = -b - c + (2 n - b + c) d`` and ``C = -c d (1 - d)``. It is
    the maximum likelihood estimate, under ``d``, of the probability of the second discordant outcome.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998) 891-908; recommended for paired proportions by Fagerland, Lydersen &
    Laake, Statistics in Medicine 33 (2014) 2850-2875. Unlike Wald's interval it keeps its coverage if there are few
    discordant pairs, and has a width if there are none.

    >>> [round(end, 4) for end in tango_interval(6, 16, 161)]
    [-0.124, -0.0054]

    Raises:
        InputError: the counts are impossible, or the confidence is not in (0, 1).
    """
    if n < 1 or min(b, c) < 0 or b + c > n:
        raise InputError("counts of pairs that cannot be", expected="0 <= b + c <= n, n >= 1", received=(b, c, n))
    if not 0 < confidence < 1:
        raise InputError("confidence is not usable", expected="a number in (0, 1)", received=confidence)
    z = float(ndtri((1 + confidence) / 2))

    def statistic(d: float) -> float:
        linear = -b - c + (2 * n - b + c) * d
        root = math.sqrt(max(linear**2 + 8 * n * c * d * (1 - d), 0.0))
        variance = n * (2 * (root - linear) / (4 * n) + d * (1 - d))
        gap = b - c - n * d
        return gap / math.sqrt(max(variance, 1e-18)) if gap else 0.0

    # T falls from +inf at d = -1 through 0 at the estimate to -inf at d = 1, so each end has its own bracket.
    estimate, edge = (b - c) / n, 1 - 1e-12
    low = -1.0 if b - c == -n else brentq(lambda d: statistic(d) - z, -edge, estimate, xtol=1e-12)
    high = 1.0 if b - c == n else brentq(lambda d: statistic(d) + z, estimate, edge, xtol=1e-12)
    return float(low), float(high)
