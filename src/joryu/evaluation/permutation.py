"""Does a measured signal tell anything? The same signal, shuffled within each session, is the control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr

from joryu.annotations.trials import Floats, shuffle_within
from joryu.errors import InputError

Statistic = Callable[[Floats], float]

ROUNDING = 1e-12  #: what two ways to add the same numbers may differ by, as a share


@dataclass(frozen=True, slots=True, kw_only=True)
class Permuted:
    """A statistic of the signal beside the same statistic of shuffled signals.

    ``p_value`` is one-sided: how often a shuffled signal does at least as well. ``gain`` is the observed statistic less
    the shuffled ones' mean; ``alpha`` the level of the verdict, which is its rate of false positives.
    """

    observed: float
    shuffled: tuple[float, ...]
    p_value: float
    alpha: float

    @property
    def gain(self) -> float:
        """How much better the signal is than its shuffled selves, on average."""
        return self.observed - float(np.mean(self.shuffled))

    @property
    def evidence(self) -> bool:
        """Whether the signal is shown to tell something."""
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
    """Compare ``statistic(signal)``, larger is better, with that of the signal shuffled within each session.

    ``p = (1 + #{shuffled >= observed}) / (1 + permutations)``: exact under exchangeability, and never 0 (Phipson &
    Smyth 2010). Shuffling within a session keeps its drifts of level out of the comparison. A missing value (NaN) is
    shuffled like any other: that something could not be measured may tell something too. Statistics that differ by
    rounding alone are equal, as of a signal with few levels many are.

    >>> truth = np.arange(40.0)
    >>> found = permutation_test(lambda signal: float(np.corrcoef(signal, truth)[0, 1]), truth)
    >>> found.evidence, round(found.p_value, 4)
    (True, 0.005)

    Raises:
        InputError: fewer permutations than the level needs, or sessions of another length.
    """
    if permutations < 1 / alpha - 1:
        raise InputError(
            "too few permutations for this level", expected=f">= {int(np.ceil(1 / alpha - 1))}", received=permutations
        )
    session = np.zeros(len(signal), dtype=np.int64) if sessions is None else np.unique(sessions, return_inverse=True)[1]
    if session.shape != signal.shape[:1]:
        raise InputError("sessions do not fit the signal", expected=len(signal), received=len(session))
    generator = np.random.default_rng(seed)
    observed = statistic(signal)
    shuffled = tuple(statistic(signal[shuffle_within(session, generator)]) for _ in range(permutations))
    # A sum in another order rounds differently: without this half of the ties would count for the signal.
    as_good = sum(value >= observed - ROUNDING * abs(observed) for value in shuffled)
    return Permuted(observed=observed, shuffled=shuffled, p_value=(1 + as_good) / (1 + permutations), alpha=alpha)


def rejection_bound(trials: int, rate: float, *, confidence: float = 0.95) -> int:
    """The most rejections among ``trials`` that a test with this rate of false positives gives, with ``confidence``.

    >>> rejection_bound(400, 0.05)
    27
    """
    return next(count for count in range(trials + 1) if bdtr(count, trials, rate) >= confidence)
