"""Confidence models: how sure a person was, from what they stated and what was measured.

Each model gives the *sureness* ``s`` of every answer: the probability of the chosen class ``y``. How the rest is
distributed is in `joryu.teachers.left_over`: ``q = s · onehot(y) + (1 - s) · R[y]``, with ``R[y]`` zero at ``y``.
(In the common form ``c · onehot(y) + (1 - c) · uniform`` the uniform part gives ``y`` a share too; here it is part of
``s``.)

A signal that was not measured never counts as 0: the rules give such an answer the mean sureness of the others, and
the fitted model has an indicator for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtr

from joryu.annotations.trials import Floats, Trials
from joryu.errors import InputError

LEAST = 0.5  #: the smallest sureness that the rules give, so that the person's choice stays the most probable
FEWEST = 20  #: the least number of answers with a reference for fitting

Confidence = Callable[[Trials], Floats]


def constant(smoothing: float) -> Confidence:
    """``s = 1 - smoothing`` for every answer: the control that a measured signal must beat.

    Raises:
        InputError: ``smoothing`` is not in [0, 1); or, when the model is applied, the chosen class would be no more
            probable than by chance: ``smoothing >= (C - 1) / C``.
    """
    if not 0 <= smoothing < 1:
        raise InputError("smoothing is not usable", expected="0 <= E < 1", received=smoothing)

    def sure(trials: Trials) -> Floats:
        n_classes = len(trials.classes)
        if smoothing * n_classes >= n_classes - 1:
            raise InputError(
                f"this smoothing would make the chosen one of {n_classes} classes no likelier than chance",
                expected=f"E below {1 - 1 / n_classes:.3g}",
                received=smoothing,
            )
        return np.full(len(trials), 1.0 - smoothing)

    return sure


def severity(trials: Trials) -> Floats:
    """The higher the stated severity, the surer; an answer whose class has no severity (healthy) has ``s = 1``.

    With the share ``x`` of each answer's severity, ``s = LEAST + (1 - LEAST) · x``; likewise for the other rules.
    """
    return _sure(_graded(trials))


def attention(trials: Trials) -> Floats:
    """The *lower* the measured attention (0 to 100), the surer, because no thinking was needed."""
    return _sure(_filled(1.0 - _signal(trials, "attention") / 100.0))


def severity_and_attention(trials: Trials) -> Floats:
    """As `severity`, with the product of the shares of severity and attention."""
    return _sure(_graded(trials) * _filled(1.0 - _signal(trials, "attention") / 100.0))


def response_time(trials: Trials) -> Floats:
    """The quicker compared with the annotator's other answers, the surer.

    The share is that of a standard normal distribution above the answer's standardised response time. Times shorter
    than `joryu.annotations.answer.FASTEST_MS`, in which nobody can see a picture, count as not measured.
    """
    return _sure(_filled(ndtr(-_measured(trials.hesitation(), "response time"))))


def stated(trials: Trials) -> Floats:
    """The confidence that the person stated."""
    return _sure(_filled(_measured(trials.confidence, "stated confidence")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """``s = sigmoid(w · features)``, fitted by `fit_logistic`: a calibrated combination of all that was measured.

    ``weights`` begins with the constant; then each feature has two weights: for its value, and for its being missing.
    """

    features: tuple[str, ...]
    weights: tuple[float, ...]

    def __call__(self, trials: Trials) -> Floats:
        columns = _design(trials, self.features)
        sure: Floats = expit(self.weights[0] + columns @ np.array(self.weights[1:]))
        return sure


FEATURES: dict[str, Callable[[Trials], Floats]] = {
    "stated": lambda trials: trials.confidence,
    "severity": lambda trials: trials.severity,
    "response-time": lambda trials: trials.hesitation(),
    "changes": lambda trials: trials.n_changes,
    "attention": lambda trials: trials.standardised("attention"),
}
"""Feature name to column; each brings a second column that flags what is missing."""


def fit_logistic(
    trials: Trials, agreement: Floats, *, features: Sequence[str] | None = None, ridge: float = 1.0
) -> Logistic:
    """Fit the probability that others agree with an answer, by the cross-entropy with the share that did.

    Args:
        trials: the answers.
        agreement: for each answer, the share (0 to 1) of a reference that agrees: other people, gold labels, or
            `agreement_among`; NaN without a reference. ``KL(p ‖ q)`` is a sum of a part for the chosen class and one
            for the rest, so the ``s`` that minimises this cross-entropy minimises the KL too.
        features: names in `FEATURES`; by default all that were measured.
        ridge: L2 penalty ``ridge / 2 · |w|²``, added to the summed cross-entropy. It hardly matters with thousands of
            answers; with a few dozen it prevents perfect separation.

    Raises:
        InputError: a feature is unknown or was never measured, or fewer than 20 answers have a reference.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second of import time

    known = ~np.isnan(agreement)
    if int(known.sum()) < FEWEST:
        raise InputError(
            "too few answers to calibrate by",
            expected=f"at least {FEWEST} answers about pictures that somebody else answered too",
            received=int(known.sum()),
            hint="let annotators overlap (--overlap 2), or try confidence=response-time",
        )
    names = tuple(features) if features is not None else tuple(name for name in FEATURES if _ever(trials, name))
    for name in names:
        if name not in FEATURES or not _ever(trials, name):
            what = "never measured" if name in FEATURES else "unknown"
            raise InputError(f"the feature {name!r} was {what}", expected=", ".join(FEATURES), received=name)
    columns, agreed = _design(trials, names)[known], agreement[known]
    if not names:
        share = float(np.clip(agreed.mean(), 1e-6, 1 - 1e-6))
        return Logistic(features=(), weights=(float(np.log(share / (1 - share))),))
    # A soft label is represented by two rows, one that agrees and one that does not, weighted by their shares.
    fitted = LogisticRegression(C=1 / ridge, max_iter=1000).fit(
        np.vstack([columns, columns]),
        np.r_[np.ones(len(columns)), np.zeros(len(columns))],
        sample_weight=np.r_[agreed, 1 - agreed],
    )
    return Logistic(features=names, weights=(float(fitted.intercept_[0]), *map(float, fitted.coef_[0])))


def agreement_among(trials: Trials) -> Floats:
    """For each answer, the share of the *other* answers about its picture that agree; NaN if there is no other.

    The same annotator's repeats count as others, because they show how reliable an answer is.
    """
    same = np.zeros((len(trials.pictures), len(trials.classes)))
    np.add.at(same, (trials.picture, trials.choice), 1.0)
    others = same[trials.picture].sum(axis=1) - 1
    agreeing = same[trials.picture, trials.choice] - 1
    return np.where(others > 0, agreeing / np.maximum(others, 1), np.nan)


def _sure(share: Floats) -> Floats:
    return LEAST + (1.0 - LEAST) * np.clip(share, 0.0, 1.0)


def _graded(trials: Trials) -> Floats:
    """The share of each severity: 1 for classes without severities, the mean of the others where it is missing."""
    given = ~np.isnan(_measured(trials.severity, "severity"))
    have_one = np.bincount(trials.choice[given], minlength=len(trials.classes)) > 0
    return np.where(have_one[trials.choice], _filled(trials.severity), 1.0)


def _filled(share: Floats) -> Floats:
    """The shares with missing ones replaced by the mean of the others."""
    return np.where(np.isnan(share), np.nanmean(share), share)


def _signal(trials: Trials, name: str) -> Floats:
    return _measured(trials.signals.get(name, np.full(len(trials), np.nan)), name)


def _measured(column: Floats, what: str) -> Floats:
    if np.isnan(column).all():
        raise InputError(
            f"{what} was never measured",
            expected="answers with it",
            received="none",
            hint="try another confidence model",
        )
    return column


def _ever(trials: Trials, feature: str) -> bool:
    return not bool(np.isnan(FEATURES[feature](trials)).all())


def _design(trials: Trials, features: Sequence[str]) -> Floats:
    """Two columns per feature: its value (0 where missing), and whether it is missing."""
    columns: list[npt.NDArray[np.float64]] = []
    for name in features:
        column = FEATURES[name](trials)
        columns += [np.nan_to_num(column), np.isnan(column).astype(np.float64)]
    return np.stack(columns, axis=1) if columns else np.zeros((len(trials), 0))
