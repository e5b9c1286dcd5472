"""Where does the mass go that a person's choice leaves over? Rows ``R[y]``, off the diagonal, that sum to one.

On real people this matters ten times more than how sure they were; see the experiment ``people-cifar``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from joryu.annotations.settings import Settings
from joryu.annotations.trials import NONE, Floats, Trials
from joryu.errors import InputError

UNIFORM_SHARE = 0.02  #: of the mass left over that every other class shares, so that no class becomes impossible
SECOND_SHARE = 0.6  #: of the mass left over that a second choice takes first (0.63 on CIFAR-10S against its population)

EVEN_COUNT = 2.0  #: disagreements that every pair of classes is given before any was seen

LeftOver = Callable[[Trials, Settings], Floats]


def uniform(trials: Trials, settings: Settings) -> Floats:
    """Every other class the same: ``1 / (C - 1)``."""
    del settings
    return _even(len(trials.classes))


def second_choice(trials: Trials, settings: Settings) -> Floats:
    """Nearly all of it to the second choice; answers without one: every other class the same.

    Raises:
        InputError: nobody gave a second choice.
    """
    if (trials.second == NONE).all():
        raise InputError(
            "nobody gave a second choice", expected="answers with one", received="none",
            hint="ask for it with joryu annotate --second-choice, or try left-over=uniform",
        )  # fmt: skip
    return uniform(trials, settings)


def confusion(trials: Trials, settings: Settings) -> Floats:
    """What others said of the same picture when they did not agree: a pooled confusion matrix off its diagonal.

    Every pair of classes begins with two disagreements, so that a few pictures say little. One annotator's targets of
    CIFAR-10S at constant sureness, by disagreements about 1,000 / 300 / 100 / 30 pictures: KL to the population 0.453 /
    0.462 / 0.489 / 0.533 (spread evenly 0.619; by the population's own confusions 0.453).

    Raises:
        InputError: no two answers about a picture differ.
    """
    # Tried: 2 % of the uniform instead of the two disagreements: 0.453 / 0.467 / 0.528 / 0.684, worse than even at 30.
    # Tried: choices against the posterior of Dawid & Skene: 0.468 at 1,000 pictures, as it is too sure of the truth.
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
    """To the nearest class of the settings, such as from a mild disease to healthy; classes without one: uniform.

    Raises:
        InputError: the project names no nearest class.
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
    """``[C, C]``: how often a picture was called ``y`` in one answer and ``k`` in another (symmetric, diagonal 0)."""
    n = len(trials.classes)
    votes = np.zeros((len(trials.pictures), n))
    np.add.at(votes, (trials.picture, trials.choice), 1.0)
    counts = votes.T @ votes
    np.fill_diagonal(counts, 0.0)
    return counts


def smoothed(counts: Floats, *, uniform_share: float = UNIFORM_SHARE) -> Floats:
    """Counts as rows of shares off the diagonal, mixed with the uniform; rows without a count are uniform."""
    off = counts.copy()
    np.fill_diagonal(off, 0.0)
    totals = off.sum(axis=1, keepdims=True)
    even = _even(len(counts))
    shares = np.where(totals > 0, off / np.where(totals > 0, totals, 1.0), even)
    return (1 - uniform_share) * shares + uniform_share * even


def distribute(
    trials: Trials, sureness: Floats, rest: Floats, *, second_share: float | Floats = SECOND_SHARE
) -> Floats:
    """``q [n, C]``: ``s`` for the choice, a second choice's share of the rest, and ``R[y]`` of what remains.

    ``rest [n, C]`` is one row for each answer, ``R[y]``: most simply ``uniform(trials, settings)[trials.choice]``.
    ``second_share`` is one number for all answers, or ``[n]``.

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
    """``s [n]`` at which another class becomes as likely as the chosen one, ``m / (1 + m)``.

    ``m`` is the largest share that one class takes of what is left over: 1/2 where all of it goes to one class,
    ``1 / C`` where every other class takes the same.
    """
    most = _spread(trials, rest, second_share).max(axis=1)
    least: Floats = most / (1 + most)
    return least


def _spread(trials: Trials, rest: Floats, second_share: float | Floats) -> Floats:
    """Which class takes how much of what is left over, ``[n, C]``."""
    rows = np.arange(len(trials))
    share = np.where(trials.second == NONE, 0.0, second_share)
    spread: Floats = (1 - share)[:, None] * rest
    given = trials.second != NONE
    spread[rows[given], trials.second[given]] += share[given]
    return spread


def _even(n: int) -> Floats:
    return (np.ones((n, n)) - np.eye(n)) / (n - 1)
