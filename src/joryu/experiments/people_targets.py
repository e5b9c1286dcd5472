"""The targets of `people-cifar`: how near one annotator's soft target comes to the answers of a population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import rel_entr

from joryu.annotations import Settings
from joryu.annotations.trials import NONE, Floats, Ints, Trials
from joryu.evaluation import Permuted, permutation_test
from joryu.experiments.people import AskedPeople
from joryu.teachers.confidence import fit_logistic
from joryu.teachers.left_over import distribute, smoothed, uniform

FOLDS = 10
HARD = 1 - 1e-3  #: what a hard label leaves for its class: with nothing left over its KL would be infinite
ORACLE = 1 - 1e-4

CONDITIONS: dict[str, tuple[str, ...] | None] = {
    "hard": None,
    "constant": (),
    "response_time": ("response-time",),
    "stated": ("stated",),
    "stated_response_time": ("stated", "response-time"),
    "oracle": None,
}


class Targets(NamedTuple):
    """The parts of the targets of ``n`` trials, cross-fitted over pictures.

    ``sure`` holds for each condition the probability ``[n]`` of the chosen class. ``even`` and ``confused`` are two
    ways to spread the remainder, ``[n, C]``. ``second_share [n]`` is the part of it that a second choice gets first.
    Only the oracle's probability uses the population's answers about the trial's own picture.
    """

    sure: dict[str, Floats]
    even: Floats
    confused: Floats
    second_share: Floats


def folds_of(asked: AskedPeople, seed: int) -> Ints:
    """The fold of each trial; all trials about one picture are in the same fold."""
    order = np.random.default_rng(seed).permutation(len(asked.trials.pictures))
    return (order % FOLDS)[asked.trials.picture]


def build(asked: AskedPeople, seed: int) -> Targets:
    """Make the targets' parts for every condition, cross-fitted over pictures; the seed draws the folds."""
    trials, agreement, folds = asked.trials, asked.agreement, folds_of(asked, seed)
    sure = {
        name: cross_fitted(trials, agreement, folds, features)
        for name, features in CONDITIONS.items()
        if features is not None
    }
    sure["hard"] = np.full(len(trials), HARD)
    sure["oracle"] = np.clip(agreement, 1 - ORACLE, ORACLE)
    people, confused = asked.people_of_trials, np.empty((len(trials), len(trials.classes)))
    second_share = np.empty(len(trials))
    for fold in range(FOLDS):
        learn, apply = folds != fold, folds == fold
        counts = np.zeros((len(trials.classes),) * 2)
        np.add.at(counts, trials.choice[learn], people[learn])
        confused[apply] = smoothed(counts)[trials.choice[apply]]
        given = learn & (trials.second != NONE)
        rest = (1 - agreement)[given].sum()
        second_share[apply] = people[given, trials.second[given]].sum() / rest if rest else 0.0
    even = uniform(trials, Settings(classes=trials.classes))[trials.choice]
    return Targets(sure, even, confused, second_share)


def cross_fitted(trials: Trials, agreement: Floats, folds: Ints, features: Sequence[str]) -> Floats:
    """The probability that each trial's choice is right, by a calibration that did not see its picture."""
    sure = np.empty(len(trials))
    for fold in range(FOLDS):
        apply = folds == fold
        model = fit_logistic(trials, np.where(apply, np.nan, agreement), features=features)
        sure[apply] = model(trials)[apply]
    return sure


def spread(trials: Trials, sure: Floats, rest: Floats, *, second_share: float | Floats = 0.0) -> Floats:
    """The targets ``q [n, C]``: ``sure`` for the choice, and the remainder spread as the row of ``rest``.

    A second choice first gets ``second_share`` of the remainder.
    """
    return distribute(trials, sure, rest, second_share=second_share)


def divergence(people: Floats, q: Floats) -> Floats:
    """``KL(people ‖ q) = Σ_c p_c log(p_c / q_c)`` of every row, ``[n]`` in nats."""
    return np.asarray(rel_entr(people, q).sum(axis=1), dtype=np.float64)


def table(asked: AskedPeople, seed: int) -> dict[str, float]:
    """The mean KL of the population to the targets, for every condition and both ways to spread the rest."""
    targets, people = build(asked, seed), asked.people_of_trials
    found = {
        f"{name}_{kind}": float(divergence(people, spread(asked.trials, targets.sure[name], rest)).mean())
        for name in CONDITIONS
        for kind, rest in (("even", targets.even), ("confused", targets.confused))
    }
    full = targets.sure["stated_response_time"]
    with_second = spread(asked.trials, full, targets.confused, second_share=targets.second_share)
    return found | {"stated_response_time_second_confused": float(divergence(people, with_second).mean())}


def auroc(asked: AskedPeople) -> dict[str, float]:
    """How well quickness predicts a right answer: the AUROC of raw times, and of hesitation.

    Hesitation is z-scored for each annotator, with the effect of practice removed.
    """
    from sklearn.metrics import roc_auc_score

    trials = asked.trials
    right = asked.examples.labels_or_empty.numpy()[asked.rows[trials.picture]] == trials.choice
    return {
        "auroc_raw": float(roc_auc_score(right, -trials.log_rt)),
        "auroc_hesitation": float(roc_auc_score(right, -trials.hesitation())),
    }


def gain_of_response_time(asked: AskedPeople, seed: int, *, draws: int = 2000) -> dict[str, float]:
    """The KL of constant smoothing minus that of response time, in nats; 95 % bootstrap interval over pictures."""
    targets, people = build(asked, seed), asked.people_of_trials
    by_trial = [
        divergence(people, spread(asked.trials, targets.sure[name], targets.even))
        for name in ("constant", "response_time")
    ]
    n = len(asked.trials.pictures)
    gains = np.bincount(asked.trials.picture, weights=by_trial[0] - by_trial[1], minlength=n)
    counts = np.bincount(asked.trials.picture, minlength=n)
    chosen = np.random.default_rng(seed).integers(0, n, (draws, n))
    means = gains[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"gain_rt": float(gains.sum() / counts.sum()), "gain_rt_low": float(low), "gain_rt_high": float(high)}


def shuffled_response_time(asked: AskedPeople, seed: int, *, permutations: int) -> Permuted:
    """The control: a permutation test in which hesitation is shuffled within each session and calibrated anew."""
    trials, agreement, folds = asked.trials, asked.agreement, folds_of(asked, seed)
    people, even = asked.people_of_trials, build(asked, seed).even

    def less_divergence(hesitation: Floats) -> float:
        sure = cross_fitted(with_hesitation(trials, hesitation), agreement, folds, ("response-time",))
        return -float(divergence(people, spread(trials, sure, even)).mean())

    return permutation_test(
        less_divergence, trials.hesitation(), sessions=trials.session, permutations=permutations, seed=seed
    )


def with_hesitation(trials: Trials, hesitation: Floats) -> Trials:
    """The same trials with this hesitation ``[n]`` in place of that of their times."""
    return replace(trials, given_hesitation=hesitation)
