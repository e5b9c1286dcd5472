"""Test whether a measured signal carries information; the control is the same signal, shuffled within each session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from joryu.annotations.trials import Floats, shuffle_within
from joryu.errors import InputError

Statistic = Callable[[Floats], float]

ROUNDING = 1e-12  #: the relative difference up to which two sums of the same numbers count as equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuted:
    """A statistic of the signal (``observed``) and the same statistic of each shuffled signal (``shuffled``).

    ``p_value`` is one-sided: the share of shuffled signals that do at least as well. ``alpha`` is the level of the
    test, which is its rate of false positives.
    """

    observed: float
    shuffled: tuple[float, ...]
    p_value: float
    alpha: float

    @property
    def gain(self) -> float:
        """The observed statistic minus the mean of the shuffled ones."""
        return self.observed - float(np.mean(self.shuffled))

    @property
    def evidence(self) -> bool:
        """Whether the signal is shown to carry information: ``p_value <= alpha``."""
        return self.p_value <= self.alpha

    def __str__(self) -> str:
        verdict = "evidence" if self.evidence else "no evidence"
        return f"{verdict} (gain {self.gain:+.4f}, p = {self.p_value:.3f}, {len(self.shuffled)} permutations)"


def permutation_test(
    statistic: Statistic,
    signal: Floats,
    *,
    sessions: npt.NDArray[np.generic] | None = None,
    permutations: int = 200,
    alpha: float = 0.05,
    seed: int = 0,
) -> Permuted:
    """Compare ``statistic(signal)``, where larger is better, with that of the signal shuffled within each session.

    ``signal`` is ``[n]``, ``sessions [n]`` names the session of each value; without it all are of one session. The
    p-value is ``(1 + #{shuffled >= observed}) / (1 + permutations)``. It is exact if values within a session are
    exchangeable, and never 0 (Phipson & Smyth 2010).

    Shuffling within sessions keeps differences between sessions out of the comparison. A missing value (NaN) is
    shuffled like any other, because that it is missing may be informative. Statistics that differ by rounding alone
    count as equal: a signal with few distinct values has many such ties.

    >>> truth = np.arange(40.0)
    >>> found = permutation_test(lambda signal: float(np.corrcoef(signal, truth)[0, 1]), truth)
    >>> found.evidence, round(found.p_value, 4)
    (True, 0.005)

    Raises:
        InputError: ``alpha`` is not in (0, 1), there are fewer permutations than it needs, ``sessions`` has another
            length, or the statistic of the signal is no number.
    """
    if not 0 < alpha < 1:
        raise InputError("alpha is not usable", expected="a number in (0, 1)", received=alpha)
    if permutations < 1 / alpha - 1:
        raise InputError(
            "too few permutations for this level", expected=f">= {int(np.ceil(1 / alpha - 1))}", received=permutations
        )
    session = np.zeros(len(signal), dtype=np.int64) if sessions is None else np.unique(sessions, return_inverse=True)[1]
    if session.shape != signal.shape[:1]:
        raise InputError("sessions do not fit the signal", expected=len(signal), received=len(session))
    generator = np.random.default_rng(seed)
    observed = statistic(signal)
    if np.isnan(observed):
        raise InputError(
            "the statistic is no number", expected="one that the signal defines", received=observed,
            hint="a correlation needs values that differ",
        )  # fmt: skip
    shuffled = tuple(statistic(signal[shuffle_within(session, generator)]) for _ in range(permutations))
    # A sum in another order rounds differently: without this half of the ties would count for the signal.
    # What is no number for a shuffled signal counts against it, never for it.
    as_good = sum(not value < observed - ROUNDING * abs(observed) for value in shuffled)
    return Permuted(observed=observed, shuffled=shuffled, p_value=(1 + as_good) / (1 + permutations), alpha=alpha)


def rejection_bound(trials: int, rate: float, *, confidence: float = 0.95) -> int:
    """The largest number of rejections in ``trials`` tests that chance explains.

    A test with false positive rate ``rate`` gives no more than this with probability ``confidence``: the quantile of
    ``Binomial(trials, rate)``.

    >>> rejection_bound(400, 0.05)
    27
    """
    return next(count for count in range(trials + 1) if bdtr(count, trials, rate) >= confidence)
