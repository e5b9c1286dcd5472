"""A learning curve: how the error falls with the number of examples, and what more of them can be expected to bring.

``error(n) = a · n^-b + c`` with ``a, c >= 0``: a power law that falls to an offset (Hestness et al. 2017, "Deep
learning scaling is predictable, empirically", eq. 1; Rosenfeld et al. 2020, "A constructive prediction of the
generalization error across scales", section 4). It is fitted to relative differences, as Rosenfeld et al. do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc, ndtri, stdtrit

from joryu.errors import InputError, JoryuError

Floats = npt.NDArray[np.float64]

SIZES, DRAWS = 4, 3  #: the fewest of each: three numbers are fitted, and something must be left to say how well
FAR = 10  #: a curve is not followed beyond so many times its largest size
STEEPEST, FLATTEST = 2.0, 0.02  #: bounds of the exponent b
RESAMPLES = 1999
ALPHA = 0.05  #: a curve that is flat is called so but for this share of cases,
MISFIT = 0.01  #: and one that follows a power law is called another but for this
_GRID, _FINE, _PERMUTATIONS = 120, 21, 4999
_GRAIN = 1e-10  #: squared relative differences that no measurement tells apart


class UntoldError(JoryuError):
    """The errors cannot be told from flat, or follow no power law: nothing is said of more examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A number that a curve expects, and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurve:
    """A fitted curve; `fit_learning_curve` makes one.

    ``a``, ``b`` and ``c`` are those of the formula. ``errors`` are what was fitted, by size, one for each draw.
    ``p_flat`` and ``p_misfit`` are the p-values of the two tests that it passed.
    """

    a: float
    b: float
    c: float
    errors: Mapping[int, tuple[float, ...]]
    p_flat: float
    p_misfit: float
    confidence: float
    _resampled: Floats = field(repr=False)  #: a, b, c of each resample, ``[R, 3]``
    _spread: float = field(repr=False)  #: the standard deviation of one training, as a share of its error

    @property
    def largest(self) -> int:
        """The largest size that was measured."""
        return max(self.errors)

    def at(self, size: int) -> float:
        """The error that the curve has at a size.

        Raises:
            InputError: it is below 1, or more than ten times the largest that was measured.
        """
        self._require(size)
        return float(self.a * size**-self.b + self.c)

    def predict(self, size: int, *, trainings: int | None = None) -> Expected:
        """The error at a size. With ``trainings`` the interval is that of the mean of so many, else of the curve.

        Raises:
            InputError: as `at`; there are no trainings.
        """
        if trainings is not None and trainings < 1:
            raise InputError("is not usable", setting="trainings", expected="at least 1", received=trainings)
        value, drawn = self.at(size), self._curves(size)
        if trainings is not None:
            noise = np.random.default_rng(1).standard_normal(len(drawn))
            drawn = drawn * (1 + noise * self._spread / math.sqrt(trainings))
        return self._expected(value, drawn)

    def gain(self, more: int) -> Expected:
        """How much lower the error is expected to be with ``more`` examples than with the largest number so far.

        Raises:
            InputError: as `at`.
        """
        now, then = self.largest, self.largest + more
        return self._expected(self.at(now) - self.at(then), self._curves(now) - self._curves(then))

    def _curves(self, size: int) -> Floats:
        a, b, c = self._resampled.T
        found: Floats = a * size**-b + c
        return found

    def _expected(self, value: float, drawn: Floats) -> Expected:
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        # The spread of a training is itself only known by so many draws: Student's t in place of the normal.
        degrees = sum(len(row) - 1 for row in self.errors.values())
        wider = float(stdtrit(degrees, 1 - tail) / ndtri(1 - tail))
        below, above = max(0.0, value - float(low)), max(0.0, float(high) - value)
        return Expected(value=value, low=max(0.0, value - wider * below), high=value + wider * above)

    def _require(self, size: int) -> None:
        if not 1 <= size <= FAR * self.largest:
            raise InputError(
                "a curve says nothing of so many examples", received=size,
                expected=f"1 to {FAR * self.largest}, ten times the largest",
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How well a curve that was fitted to all smaller sizes foretells the largest.

    ``expected`` has the interval of the mean over as many trainings as were ``observed``.
    """

    size: int
    expected: Expected
    observed: float

    @property
    def inside(self) -> bool:
        """Whether what was observed lies in the interval."""
        return self.expected.low <= self.observed <= self.expected.high


def fit_learning_curve(
    errors: Mapping[int, Sequence[float]], *, confidence: float = 0.95, seed: int = 0
) -> LearningCurve:
    """Fit ``a · n^-b + c`` to errors by size: of each size one error for each draw, in the same order of draws.

    ``a, c >= 0`` and ``0.02 <= b <= 2`` minimise ``Σ ((error - curve) / mean error of the size)²``. For each b on a
    grid a and c are found exactly, so that no start can mislead the fit; the grid is refined around the best.

    Intervals are percentiles of 1,999 fits to errors that are drawn anew: at each size the curve, plus as many relative
    differences from their means as there are draws, widened by ``sqrt(n / (n - 1))`` because few draws stray less from
    their own mean. They are taken from all sizes together, so three draws of five sizes are fifteen, not three; an
    interval is widened as Student's t is over the normal. In simulations with three draws those of 95 % held 90 % to
    96 % of the time.

    Before anything is said of more examples, two tests are made:

    - **Flat?** The mean slope of the error over ``log n`` against slopes with the sizes of each draw exchanged at
      random (one-sided permutation test, 5 %).
    - **A power law?** The lack-of-fit F test of the curve against the spread of the draws (1 %).

    >>> errors = {n: [3 * n**-0.5 + 0.1 + e for e in (-0.002, 0.0, 0.002)] for n in (100, 200, 400, 800, 1600)}
    >>> curve = fit_learning_curve(errors)
    >>> round(curve.b, 2), round(curve.c, 2), round(curve.gain(1600).value, 3)
    (0.5, 0.1, 0.022)
    >>> fit_learning_curve({n: [0.5, 0.51, 0.49] for n in (100, 200, 400, 800)})
    Traceback (most recent call last):
    joryu.evaluation.learning_curve.UntoldError: the errors cannot be told from a flat line (expected an error that ...

    Raises:
        UntoldError: one of the tests says no.
        InputError: there are fewer than four sizes or three draws, draws are missing, or an error is not above 0.
    """
    sizes, table = _table(errors, confidence)
    weights = 1 / table.mean(1)
    rng = np.random.default_rng(seed)
    p_flat = _p_of_flat(sizes, table * weights.mean(), rng)
    if p_flat > ALPHA:
        raise UntoldError(
            "the errors cannot be told from a flat line", expected="an error that falls with the number of examples",
            received=f"means {_means(table)} for {_listed(sizes)} examples (p = {p_flat:.2g})",
            hint="try more --draws, smaller sizes, or a longer training",
        )  # fmt: skip
    a, b, c = _fitted(sizes, table.mean(1)[None], weights)[0]
    p_misfit = _p_of_misfit(table, a * sizes**-b + c, weights)
    if p_misfit < MISFIT:
        raise UntoldError(
            "the errors do not fall as a power law", expected="a · n^-b + c within the spread of the draws",
            received=f"means {_means(table)} for {_listed(sizes)} examples (p = {p_misfit:.2g})",
            hint="leave out the smallest sizes, which may follow another law, or train longer",
        )  # fmt: skip
    resampled, spread = _resampled(sizes, table, (a, b, c), rng)
    kept = {int(size): tuple(row.tolist()) for size, row in zip(sizes, table, strict=True)}
    return LearningCurve(
        a=float(a), b=float(b), c=float(c), errors=kept, p_flat=p_flat, p_misfit=p_misfit, confidence=confidence,
        _resampled=resampled, _spread=spread,
    )  # fmt: skip


def hold_out_largest(errors: Mapping[int, Sequence[float]], *, confidence: float = 0.95, seed: int = 0) -> HeldOut:
    """Fit the curve to all sizes but the largest, and foretell the mean error of that one.

    >>> errors = {n: [3 * n**-0.5 + 0.1 + e for e in (-0.002, 0.0, 0.002)] for n in (100, 200, 400, 800, 1600)}
    >>> found = hold_out_largest(errors)
    >>> found.size, round(found.observed, 3), found.inside
    (1600, 0.175, True)

    Raises:
        UntoldError, InputError: as `fit_learning_curve`, of the smaller sizes; or nothing is known of the largest.
    """
    largest = max(errors, default=0)
    if not all(map(math.isfinite, errors.get(largest, ()))) or (errors and not len(errors[largest])):
        raise InputError(
            f"nothing is known of {largest:,} examples", expected="a finite error for each draw",
            received=list(errors[largest]),
        )  # fmt: skip
    smaller = {size: row for size, row in errors.items() if size != largest}
    curve = fit_learning_curve(smaller, confidence=confidence, seed=seed)
    observed = list(errors[largest])
    expected = curve.predict(largest, trainings=len(observed))
    return HeldOut(size=largest, expected=expected, observed=math.fsum(observed) / len(observed))


def _table(errors: Mapping[int, Sequence[float]], confidence: float) -> tuple[Floats, Floats]:
    """Sizes ``[S]`` in their order and errors ``[S, draws]``."""
    sizes = sorted(errors)
    draws = {len(errors[size]) for size in sizes}
    if len(sizes) < SIZES or len(draws) != 1 or min(draws) < DRAWS or min(sizes) < 1:
        raise InputError(
            "a curve takes more points", expected=f"at least {SIZES} sizes with at least {DRAWS} draws each, of each"
            " size as many", received={size: len(errors[size]) for size in sizes},
        )  # fmt: skip
    table = np.array([errors[size] for size in sizes], dtype=np.float64)
    if not np.isfinite(table).all() or not (table >= 0).all() or not (table.mean(1) > 0).all():
        raise InputError("errors cannot be fitted", expected="numbers above 0", received=table.mean(1).tolist())
    if not 0 < confidence < 1:
        raise InputError("confidence is not usable", expected="a number in (0, 1)", received=confidence)
    return np.array(sizes, dtype=np.float64), table


def _p_of_flat(sizes: Floats, table: Floats, rng: np.random.Generator) -> float:
    """One-sided: how often sizes exchanged within each draw give a mean slope as steep as the one that was found."""
    centred = np.log(sizes) - np.log(sizes).mean()
    observed = float(centred @ table.mean(1))
    exchanged = rng.permuted(np.broadcast_to(table, (_PERMUTATIONS, *table.shape)), axis=1)
    drawn = exchanged.mean(2) @ centred
    grain = 1e-9 * float(np.abs(table).max())  # of equal errors no order is steeper than another
    return (1 + int((drawn <= observed + grain).sum())) / (1 + _PERMUTATIONS)


def _p_of_misfit(table: Floats, curve: Floats, weights: Floats) -> float:
    n_sizes, draws = table.shape
    means = table.mean(1)
    misfit = draws * float((weights**2 * (means - curve) ** 2).sum()) / (n_sizes - SIZES + 1)
    pure = float((weights[:, None] ** 2 * (table - means[:, None]) ** 2).sum()) / (n_sizes * (draws - 1))
    return float(fdtrc(n_sizes - SIZES + 1, n_sizes * (draws - 1), misfit / (pure + _GRAIN)))


def _resampled(
    sizes: Floats, table: Floats, law: tuple[float, float, float], rng: np.random.Generator
) -> tuple[Floats, float]:
    """The three numbers of every resample, and the standard deviation of one training as a share of its error."""
    n_sizes, draws = table.shape
    means = table.mean(1, keepdims=True)
    strays = ((table - means) / means).ravel() * math.sqrt(draws / (draws - 1))
    a, b, c = law
    curve = a * sizes**-b + c
    noise = rng.choice(strays, size=(RESAMPLES, n_sizes, draws)).mean(2)
    anew = curve * (1 + noise)
    return _fitted(sizes, anew, 1 / curve), float(np.sqrt(np.square(strays).mean()))


def _fitted(sizes: Floats, means: Floats, weights: Floats) -> Floats:
    """The a, b, c of each row of means ``[R, S]``: a grid of b, and finer ones around the best of each row."""
    scaled = sizes / sizes.max()  # so that large sizes to a power do not vanish
    grid = np.geomspace(FLATTEST, STEEPEST, _GRID)
    best = _best_of(scaled, means, weights, np.broadcast_to(grid, (len(means), _GRID)))
    step = grid[1] / grid[0]
    for _ in range(3):
        around = np.clip(best[:, 1:2] * np.geomspace(1 / step, step, _FINE), FLATTEST, STEEPEST)
        best, step = _best_of(scaled, means, weights, around), step ** (2 / (_FINE - 1))
    best[:, 0] *= sizes.max() ** best[:, 1]
    return best


def _best_of(sizes: Floats, means: Floats, weights: Floats, exponents: Floats) -> Floats:
    """Of each row's exponents ``[R, G]`` the one with the least squares, with its a and c: ``[R, 3]``."""
    basis = sizes ** -exponents[..., None]  # [R, G, S]
    w = weights**2
    y = means[:, None, :]
    sw, sx, sxx = w.sum(), (w * basis).sum(-1), (w * basis**2).sum(-1)
    sy, sxy = (w * y).sum(-1), (w * basis * y).sum(-1)
    a = (sw * sxy - sx * sy) / np.maximum(sw * sxx - sx**2, 1e-300)
    c = (sy - a * sx) / sw
    steep = c < 0
    a, c = np.where(steep, sxy / sxx, a), np.where(steep, 0.0, c)
    rising = a < 0
    a, c = np.where(rising, 0.0, a), np.where(rising, np.broadcast_to(sy / sw, c.shape), c)
    squares = (w * (y - a[..., None] * basis - c[..., None]) ** 2).sum(-1)
    at = squares.argmin(1)
    rows = np.arange(len(means))
    return np.stack([a[rows, at], exponents[rows, at], c[rows, at]], axis=1)


def _means(table: Floats) -> str:
    return ", ".join(f"{value:.4g}" for value in table.mean(1))


def _listed(sizes: Floats) -> str:
    return ", ".join(f"{int(size):,}" for size in sizes)
