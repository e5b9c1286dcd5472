"""Dawid & Skene (1979): estimate the true classes and each annotator's errors from several people's answers.

``p(truth = k | answers) ∝ π_k Π_annotators Θ_a[k, answer]``. EM alternates between this posterior and the most probable
class prior ``π`` and error matrices ``Θ``. It computes in logarithms, so pictures with hundreds of answers do not
underflow.

The method estimates what is *true*, usually with near certainty; how people's answers are *distributed* is better
described by their average. Use it if a few people of very different reliability answered many of the same pictures.
With one or two people it cannot decide who is right; `require_overlap` checks this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from joryu.annotations.trials import Floats, Trials
from joryu.errors import InputError

FEWEST_PEOPLE = 3  #: per picture: two people's answers fit many different pairs of error matrices equally well
FEWEST_A_CLASS = 10  #: pictures per class that this many people must have answered

_TINY = 1e-300
_NEVER = 1e-9  #: answers


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """The fitted model.

    ``posterior [pictures, C]``: the probability of each class. ``errors [annotators, C, C]``: row ``k`` is the
    distribution of this annotator's answers if the truth is ``k``. ``prior [C]``: the frequency of the classes.
    ``objective``: after every step, the log-likelihood plus the log-density of the smoothing's prior; EM never lowers
    it.
    """

    posterior: Floats
    errors: Floats
    prior: Floats
    objective: tuple[float, ...]


def dawid_skene(
    trials: Trials, *, smoothing: float = 0.5, correct: float = 1.0, iterations: int = 200, tolerance: float = 1e-7
) -> DawidSkene:
    """Fit the model by EM, starting from the shares of votes.

    Each annotator has ``C * C`` unknowns, so many answers of each are needed. On real people with 24 to 50 answers each
    about ten classes (CIFAR-10S) the most probable class is right for 93.3 % of the pictures, without the prior that
    people are mostly right (``smoothing=0.1, correct=0``) for 92.5 %, and plain votes for 93.5 %. In such a case, use
    the average instead.

    Only pictures with answers of more than one person are used. Others say nothing about errors and would pull rare
    classes towards common ones; they keep their shares of votes.

    Args:
        trials: the answers; an annotator's repeats count as further answers.
        smoothing: added to every count of an error matrix, so that an error that was never seen is unlikely but not
            impossible.
        correct: added to the counts of right answers, so that a little-known annotator is taken to be mostly right.
            Together they are a Dirichlet prior, with ``1 + smoothing + correct`` on the diagonal.
        iterations: the most EM steps.
        tolerance: stop when the objective per answer grows by less than this.

    >>> from joryu.annotations import Answer, Settings
    >>> said = [f"p{at} {who} {'ab'[(at + (who == 'z')) % 2]}" for at in range(40) for who in "xyz"]
    >>> answers = [Answer(picture=p, annotator=who, session="s", choice=what) for p, who, what in map(str.split, said)]
    >>> found = dawid_skene(Trials.of(answers, Settings(classes=("a", "b"))))
    >>> found.errors[2].round(1).tolist()  # z always says the opposite, which is information too
    [[0.1, 0.9], [0.9, 0.1]]
    """
    counts = np.full((len(trials.classes),) * 2, float(smoothing)) + correct * np.eye(len(trials.classes))
    shared = _people_about(trials) > 1
    telling = trials.select(shared[trials.picture])
    posterior = votes = vote_shares(trials)
    objective: list[float] = []
    while len(objective) < iterations:
        log_errors, log_prior = _maximise(telling, posterior, shared, counts)
        joint = np.tile(log_prior, (len(trials.pictures), 1))
        np.add.at(joint, trials.picture, log_errors[trials.annotator, :, trials.choice])
        evidence = logsumexp(joint, axis=1, keepdims=True)
        posterior = np.where(shared[:, None], np.exp(joint - evidence), votes)
        objective.append(float(evidence[shared].sum() + (counts * log_errors).sum()))
        if len(objective) > 1 and objective[-1] - objective[-2] < tolerance * len(trials):
            break
    return DawidSkene(
        posterior=posterior, errors=np.exp(log_errors), prior=np.exp(log_prior), objective=tuple(objective)
    )


def require_overlap(trials: Trials) -> None:
    """Check that there are enough pictures with answers of three or more people to identify who errs.

    Raises:
        InputError: there are too few.
    """
    enough = FEWEST_A_CLASS * len(trials.classes)
    found = int((_people_about(trials) >= FEWEST_PEOPLE).sum())
    if found < enough:
        raise InputError(
            "dawid-skene cannot tell here whose answers are wrong",
            expected=f"{enough} or more pictures that {FEWEST_PEOPLE} or more people answered",
            received=f"{found} of {len(trials.pictures)} pictures, by {len(trials.annotators)} in all",
            hint=f"try aggregate=average, or let people overlap (--overlap {FEWEST_PEOPLE})",
        )


def vote_shares(trials: Trials) -> Floats:
    """The share of each picture's answers that chose each class, ``[pictures, C]``."""
    counts = np.zeros((len(trials.pictures), len(trials.classes)))
    np.add.at(counts, (trials.picture, trials.choice), 1.0)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _people_about(trials: Trials) -> npt.NDArray[np.int64]:
    """The number of different people who answered about each picture."""
    pairs = np.unique(trials.picture * len(trials.annotators) + trials.annotator)
    return np.bincount(pairs // len(trials.annotators), minlength=len(trials.pictures))


def _maximise(
    telling: Trials, posterior: Floats, shared: npt.NDArray[np.bool_], counts: Floats
) -> tuple[Floats, Floats]:
    """The M step: the most probable (log) error matrices, given the prior's counts, and the class prior."""
    errors = np.tile(counts, (len(telling.annotators), 1, 1))
    np.add.at(errors.transpose(0, 2, 1), (telling.annotator, telling.choice), posterior[telling.picture])
    # If an annotator never met a class (and without smoothing), every answer is equally likely.
    errors[errors.sum(axis=2) < _NEVER] = 1.0
    log_errors: Floats = np.log(np.maximum(errors, _TINY)) - np.log(errors.sum(axis=2, keepdims=True))
    of_classes = posterior[shared] if shared.any() else posterior
    return log_errors, np.log(np.maximum(of_classes.mean(axis=0), _TINY))
