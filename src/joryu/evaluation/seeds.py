"""Summarise the same training with several seeds: mean, spread, and a paired comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit

from joryu.errors import InputError, MismatchError
from joryu.evaluation.permutation import ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A number that was measured once per seed.

    ``sd`` is the sample standard deviation (division by ``n - 1``), ``low`` to ``high`` the t interval of the *mean*.
    For a single seed, which tells nothing about spread, they are ``None``.
    """

    values: tuple[float, ...]
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedComparison:
    """Student and twin over the same seeds; ``difference`` summarises student minus twin, seed by seed."""

    student: Summary
    twin: Summary
    difference: Summary
    #: two-sided, of the paired t test; ``None`` for one seed, or for differences that only rounding spreads
    p_value: float | None


def summarise(values: Sequence[float], *, confidence: float = 0.95) -> Summary:
    """Mean, sample standard deviation and t interval: ``mean ± t(n - 1) sd / sqrt(n)``.

    >>> found = summarise([70.0, 74.0, 72.0])
    >>> found.mean, found.sd, round(found.low, 2), round(found.high, 2)
    (72.0, 2.0, 67.03, 76.97)

    Raises:
        InputError: there is no value, a value is not finite, or the confidence is not in (0, 1).
    """
    numbers = tuple(float(value) for value in values)
    if not numbers or not all(map(math.isfinite, numbers)):
        raise InputError("values cannot be summarised", expected="at least one finite number", received=list(values))
    if not 0 < confidence < 1:
        raise InputError("confidence is not usable", expected="a number in (0, 1)", received=confidence)
    n = len(numbers)
    mean = math.fsum(numbers) / n
    if n == 1:
        return Summary(values=numbers, mean=mean, sd=None, low=None, high=None, confidence=confidence)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in numbers) / (n - 1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * sd / math.sqrt(n)
    return Summary(values=numbers, mean=mean, sd=sd, low=mean - half, high=mean + half, confidence=confidence)


def compare_seeds(student: Sequence[float], twin: Sequence[float], *, confidence: float = 0.95) -> SeedComparison:
    """Compare student and twin over seeds: entry ``i`` of both has the same seed, so the same start and order.

    The interval and the test are those of the differences ``student_i - twin_i``: the paired t test, with
    ``t = mean / (sd / sqrt(n))`` on ``n - 1`` degrees of freedom.

    >>> found = compare_seeds([70, 74, 72], [130, 131, 129])
    >>> found.difference.mean, round(found.difference.high, 1)
    (-58.0, -53.7)

    Raises:
        InputError: as `summarise`.
        MismatchError: the sequences have different lengths.
    """
    if len(student) != len(twin):
        raise MismatchError("seeds do not pair up", expected=f"{len(student)} twins, one per seed", received=len(twin))
    difference = summarise([s - t for s, t in zip(student, twin, strict=True)], confidence=confidence)
    p_value = None
    # 0.3 - 0.1 and 0.6 - 0.4 differ in the last bit: of spread from there alone any gain would be significant.
    grain = ROUNDING * max(abs(float(value)) for value in (*student, *twin))
    if difference.sd is not None and difference.sd > grain:
        t = abs(difference.mean) / (difference.sd / math.sqrt(len(student)))
        p_value = 2 * float(stdtr(len(student) - 1, -t))
    return SeedComparison(
        student=summarise(student, confidence=confidence),
        twin=summarise(twin, confidence=confidence),
        difference=difference,
        p_value=p_value,
    )
