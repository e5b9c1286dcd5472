"""Models of how the probability that a person's choice ``y`` leaves over is distributed: rows ``R[y]``.

A row sums to one and is zero at ``y``. On real people's answers this matters ten times more than how sure they were;
see the experiment ``people-cifar``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from joryu.annotations.settings import Settings
from joryu.annotations.trials import NONE, Floats, Trials
from joryu.errors import InputError

UNIFORM_SHARE = 0.02  #: the part of the rest that all other classes share, so that no class becomes impossible
SECOND_SHARE = 0.6  #: the part of the rest that goes to a second choice first (0.63 fits CIFAR-10S's population best)

EVEN_COUNT = 2.0  #: disagreements added to every pair of classes, as a prior

LeftOver = Callable[[Trials, Settings], Floats]


def uniform(trials: Trials, settings: Settings) -> Floats:
    """The same for every other class: ``1 / (C - 1)``."""
    del settings
    return _even(len(trials.classes))


def second_choice(trials: Trials, settings: Settings) -> Floats:
    """Nearly all of the rest goes to the second choice; for answers without one it is spread uniformly.

    Raises:
        InputError: no answer has a second choice.
    """
    if (trials.second == NONE).all():
        raise InputError(
            "nobody gave a second choice", expected="answers with one", received="none",
            hint="ask for it with joryu annotate --second-choice, or try left-over=uniform",
        )  # fmt: skip
    return uniform(trials, settings)


def confusion(trials: Trials, settings: Settings) -> Floats:
    """In proportion to how often others chose each class for the same picture when they disagreed.

    That is a pooled confusion matrix without its diagonal. Every pair of classes begins with two disagreements, so
    that a few pictures have little influence. KL of one annotator's targets (CIFAR-10S, constant sureness) to the
    population, with disagreements from 1,000 / 300 / 100 / 30 pictures: 0.453 / 0.462 / 0.489 / 0.533; uniform 0.619;
    with the population's own confusions 0.453.

    Raises:
        InputError: no two answers about a picture differ.
    """
    # Tried: mixing in 2 % uniform instead of the prior: 0.453 / 0.467 / 0.528 / 0.684, worse than uniform at 30.
    # Tried: choices against the posterior of Dawid & Skene: 0.468 at 1,000 pictures, because it is overconfident.
    del settings
    counts = disagreements(trials)
    if counts.sum() == 0:
        raise InputError(
            "no two answers about a picture differ, so nothing is known of confusions",
            expected="pictures that several annotators answered",
            hint="let annotators overlap (--overlap 2), or try left-over=uniform",
        )
    return smoothed(counts + EVEN_COUNT, uniform_share=0.0)


def graph(trials: Trials, settings: Settings) -> Floats:
    """To the nearest class in the project's settings, for example from a mild disease to healthy; else uniform.

    Raises:
        InputError: the project's settings name no nearest class.
    """
    del trials
    if not settings.nearest:
        raise InputError(
            "the project names no nearest classes", expected='nearest, such as {"black rot": "healthy"}',
            hint="begin it with joryu annotate --nearest 'black rot=healthy', or try left-over=uniform",
        )  # fmt: skip
    number = {name: at for at, name in enumerate(settings.classes)}
    counts = np.zeros((len(number), len(number)))
    for name, near in settings.nearest.items():
        counts[number[name], number[near]] = 1.0
    return smoothed(counts)


def disagreements(trials: Trials) -> Floats:
    """``[C, C]``: how often a picture has class ``y`` in one answer and ``k`` in another (symmetric, diagonal 0)."""
    n = len(trials.classes)
    votes = np.zeros((len(trials.pictures), n))
    np.add.at(votes, (trials.picture, trials.choice), 1.0)
    counts = votes.T @ votes
    np.fill_diagonal(counts, 0.0)
    return counts


def smoothed(counts: Floats, *, uniform_share: float = UNIFORM_SHARE) -> Floats:
    """Counts ``[C, C]`` as rows of shares with zero diagonal, mixed with the uniform; without counts it is uniform."""
    off = counts.copy()
    np.fill_diagonal(off, 0.0)
    totals = off.sum(axis=1, keepdims=True)
    even = _even(len(counts))
    shares = np.where(totals > 0, off / np.where(totals > 0, totals, 1.0), even)
    return (1 - uniform_share) * shares + uniform_share * even


def distribute(
    trials: Trials, sureness: Floats, rest: Floats, *, second_share: float | Floats = SECOND_SHARE
) -> Floats:
    """The distribution of each answer, ``q [n, C] = s · onehot(y) + (1 - s) · R'``.

    ``rest [n, C]`` holds ``R[y]`` for each answer, for example ``uniform(trials, settings)[trials.choice]``. If the
    answer has a second choice ``k``, ``R' = t · onehot(k) + (1 - t) · R[y]``, else ``R' = R[y]``. ``t`` is
    ``second_share``, one number or ``[n]``; ``s`` is ``sureness [n]``.

    >>> from joryu.annotations import Answer, Settings
    >>> settings = Settings(classes=("a", "b", "c"), second_choice=True)
    >>> answers = [Answer(picture="p", annotator="x", session="s", choice="a", second=second) for second in (None, "c")]
    >>> trials = Trials.of(answers, settings)
    >>> rest = uniform(trials, settings)[trials.choice]
    >>> distribute(trials, np.array([0.8, 0.8]), rest, second_share=0.5).round(2).tolist()
    [[0.8, 0.1, 0.1], [0.8, 0.05, 0.15]]
    """
    q = (1 - sureness)[:, None] * _spread(trials, rest, second_share)
    q[np.arange(len(trials)), trials.choice] += sureness
    return q


def least_sureness(trials: Trials, rest: Floats, *, second_share: float | Floats = SECOND_SHARE) -> Floats:
    """The sureness ``[n]`` at which another class becomes as probable as the chosen one: ``m / (1 + m)``.

    ``m`` is the largest share of the rest that one class gets. The result is 1/2 if one class gets all of the rest, and
    ``1 / C`` if all other classes get the same.
    """
    most = _spread(trials, rest, second_share).max(axis=1)
    least: Floats = most / (1 + most)
    return least


def _spread(trials: Trials, rest: Floats, second_share: float | Floats) -> Floats:
    """The share of the rest that each class gets, ``[n, C]``, second choices included."""
    rows = np.arange(len(trials))
    share = np.where(trials.second == NONE, 0.0, second_share)
    spread: Floats = (1 - share)[:, None] * rest
    given = trials.second != NONE
    spread[rows[given], trials.second[given]] += share[given]
    return spread


def _even(n: int) -> Floats:
    return (np.ones((n, n)) - np.eye(n)) / (n - 1)
