"""Dawid & Skene (1979): who errs how, and what is true, from nothing but several people's answers.

``p(truth = k | answers) ∝ π_k Π_annotators Θ_a[k, answer]``, and the likeliest ``π`` and ``Θ`` for it take turns (EM).
All in logarithms, so that a picture with hundreds of answers does not underflow.

It asks what is *true* and answers with near certainty; how people's answers are *spread* is their average. Use it where
a few people of very different reliability answered many pictures together. `require_overlap` says where it cannot tell
whose answers are wrong: of one person, or of two who differ, any of them may be right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from joryu.annotations.trials import Floats, Trials
from joryu.errors import InputError

FEWEST_PEOPLE = 3  #: about a picture: two people's answers fit many different pairs of error matrices equally well
FEWEST_A_CLASS = 10  #: pictures that so many people answered, for each class

_TINY = 1e-300
_NEVER = 1e-9  #: answers


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """What the answers say of pictures and people.

    ``posterior [pictures, C]``: the probability of each class. ``errors [annotators, C, C]``: row ``k`` says how this
    annotator answers where the truth is ``k``. ``prior [C]``. ``objective``: after every step the log-likelihood plus
    the log-density of the smoothing's prior, which EM never lowers.
    """

    posterior: Floats
    errors: Floats
    prior: Floats
    objective: tuple[float, ...]


def dawid_skene(
    trials: Trials, *, smoothing: float = 0.5, correct: float = 1.0, iterations: int = 200, tolerance: float = 1e-7
) -> DawidSkene:
    """Fit by EM, starting from the share of votes.

    An annotator has ``C * C`` unknowns, so this needs many answers of each. On real people with 24 to 50 answers each
    about ten classes (CIFAR-10S) the likeliest class is right for 93.3 % of the pictures, for 92.5 % with no faith in
    people (``smoothing=0.1, correct=0``), where plain votes are right for 93.5 %; there, average instead.

    Only pictures that more than one person answered are judged, and errors are learned from them alone. Others have
    nothing to tell of errors and would draw rare classes into common ones: they keep the share of votes.

    Args:
        trials: the answers; an annotator's repeats count as further answers.
        smoothing: added to every count of an error matrix, so that what an annotator never did is unlikely and not
            impossible.
        correct: added to the counts of right answers: somebody of whom little is known is taken to be mostly right.
            With ``smoothing`` this is a Dirichlet prior, of ``1 + smoothing + correct`` on the diagonal.
        iterations: at most.
        tolerance: stop when the objective per answer grows by less.

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
    """Check that the answers can tell who errs: enough pictures that three people or more answered.

    Raises:
        InputError: they cannot.
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
    """``[pictures, C]``: the share of a picture's answers that named each class."""
    counts = np.zeros((len(trials.pictures), len(trials.classes)))
    np.add.at(counts, (trials.picture, trials.choice), 1.0)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _people_about(trials: Trials) -> npt.NDArray[np.int64]:
    """How many different people answered about each picture."""
    pairs = np.unique(trials.picture * len(trials.annotators) + trials.annotator)
    return np.bincount(pairs // len(trials.annotators), minlength=len(trials.pictures))


def _maximise(
    telling: Trials, posterior: Floats, shared: npt.NDArray[np.bool_], counts: Floats
) -> tuple[Floats, Floats]:
    """The likeliest (log) error matrices, given the prior's counts, and the likeliest prior of the classes."""
    errors = np.tile(counts, (len(telling.annotators), 1, 1))
    np.add.at(errors.transpose(0, 2, 1), (telling.annotator, telling.choice), posterior[telling.picture])
    # Of a class that an annotator never met (and without smoothing) nothing is known: every answer is as likely.
    errors[errors.sum(axis=2) < _NEVER] = 1.0
    log_errors: Floats = np.log(np.maximum(errors, _TINY)) - np.log(errors.sum(axis=2, keepdims=True))
    of_classes = posterior[shared] if shared.any() else posterior
    return log_errors, np.log(np.maximum(of_classes.mean(axis=0), _TINY))
