"""The first half of `brain`: leaves, a *simulated* annotator with a headset, and a test of whether its signal tells
anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from joryu.annotations import Settings
from joryu.annotations.simulated import DriftDiffusion
from joryu.annotations.trials import Floats, Ints, Trials
from joryu.evaluation import permutation_test
from joryu.examples import Examples, load_examples
from joryu.experiments.experiment import Setting
from joryu.experiments.leaves import without_copies
from joryu.experiments.people_targets import with_hesitation
from joryu.teachers import confidence
from joryu.teachers.left_over import distribute, uniform

#: the nearest stand-ins of the seed's roses: healthy, black spot, powdery mildew
LEAVES = ("apple_healthy", "apple_black_rot", "cherry_powdery_mildew")
PER_CLASS, PER_CLASS_SMOKE = 110, 30
SIZE = 32  #: pixels a side

#: the true correlations of attention with the annotator's certainty
RHOS = (0.0, 0.3, 0.6, 0.9)


class SessionPictures(NamedTuple):
    """The pictures ``shown`` to the annotator, in this order, and ``others`` of the same classes, which are not."""

    shown: Examples
    others: Examples
    settings: Settings


def choose_pictures(setting: Setting) -> SessionPictures:
    """Draw equally many leaves of each class by the seed; at smoke size, three classes of digits."""
    everything = load_examples("digits") if setting.smoke else without_copies(load_examples("leaves", size=SIZE))
    names = everything.classes[:3] if setting.smoke else LEAVES
    per_class = PER_CLASS_SMOKE if setting.smoke else PER_CLASS
    labels = everything.labels_or_empty.numpy()
    generator = np.random.default_rng(setting.seed)
    of_class = [generator.permutation(np.flatnonzero(labels == everything.classes.index(name))) for name in names]

    def taken(rows: Ints, name: str) -> Examples:
        number = {everything.classes.index(name): at for at, name in enumerate(names)}
        chosen = torch.tensor([number[label] for label in labels[rows].tolist()])
        return Examples.of(everything.inputs[rows], chosen, classes=names, name=name)

    shown = generator.permutation(np.concatenate([rows[:per_class] for rows in of_class]))
    others = np.concatenate([rows[per_class:] for rows in of_class])
    settings = Settings(
        classes=names,
        severities=("mild", "moderate", "severe"),
        nearest=dict.fromkeys(names[1:], names[0]),
    )
    return SessionPictures(taken(shown, "shown"), taken(others, "others"), settings)


def evidence_of(shown: Examples, *, components: int = 10) -> Floats:
    """The evidence in each picture for each class, ``[n, C]``.

    It is the log-probabilities of a classifier that did not see the picture (5 folds), centred and clipped to ±3. The
    classifier is a logistic regression on ``components`` principal components of the mean colours in a 4 × 4 grid.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    grid = F.adaptive_avg_pool2d(shown.inputs[:].float() / 255, 4).flatten(1).double().numpy()
    classifier = make_pipeline(StandardScaler(), PCA(components, random_state=0), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    told = cross_val_predict(classifier, grid, shown.labels_or_empty.numpy(), cv=folds, method="predict_log_proba")
    evidence: Floats = np.clip(told - told.mean(axis=1, keepdims=True), -3.0, 3.0)
    return evidence


def simulated_session(pictures: SessionPictures, evidence: Floats, *, rho: float, seed: int) -> Trials:
    """One session of a simulated annotator. Answers and times are the same for every ``rho``; attention differs."""
    names = [f"{at:04d}" for at in range(len(pictures.shown))]
    answers = DriftDiffusion(rho=rho).answers(evidence, pictures=names, settings=pictures.settings, seed=seed)
    return Trials.of(answers, pictures.settings)


def targets(trials: Trials, settings: Settings, sure: Floats) -> Floats:
    """The targets ``q [n, C]``: ``sure [n]`` for the chosen class, and the rest spread evenly over the others."""
    return distribute(trials, sure, uniform(trials, settings)[trials.choice])


def with_attention(trials: Trials, attention: Floats) -> Trials:
    """The same trials with these values of attention, ``[n]``."""
    return replace(trials, signals={"attention": attention})


#: a signal's name -> the signal of trials, trials with it put in place, and how sure they then are by the seed's rule
Tested = tuple[Callable[[Trials], Floats], Callable[[Trials, Floats], Trials], confidence.Confidence]
TESTED: dict[str, Tested] = {
    "attention": (lambda trials: trials.signals["attention"], with_attention, confidence.attention),
    "both": (lambda trials: trials.signals["attention"], with_attention, confidence.severity_and_attention),
    "response_time": (lambda trials: trials.hesitation(), with_hesitation, confidence.response_time),
}


def finds_evidence(
    name: str, trials: Trials, truth: Ints, *, settings: Settings, permutations: int = 200, seed: int = 0
) -> bool:
    """Whether targets made with a signal are nearer to the truth than those made with the signal shuffled.

    It is shuffled within the session. The statistic is the mean of ``log q(truth)``; the test is a one-sided
    permutation test at 5 %.
    """
    signal, put, rule = TESTED[name]
    rows = np.arange(len(trials))

    def nearness(values: Floats) -> float:
        q = targets(trials, settings, rule(put(trials, values)))
        return float(np.log(q[rows, truth]).mean())

    tested = permutation_test(nearness, signal(trials), sessions=trials.session, permutations=permutations, seed=seed)
    return tested.evidence


def detection_rates(
    pictures: SessionPictures, evidence: Floats, *, sessions: range, permutations: int
) -> dict[str, float]:
    """The share of sessions in which a signal is found to tell something, by signal and ``rho``.

    Each number in ``sessions`` is the seed of an annotator. At ``rho = 0`` attention tells nothing, so the share is
    the rate of false positives.
    """
    truth = pictures.shown.labels_or_empty.numpy()
    verdicts: dict[str, list[bool]] = {}
    for seed in sessions:
        for rho in RHOS:
            trials = simulated_session(pictures, evidence, rho=rho, seed=seed)
            cases = {f"found_attention_{rho:g}": "attention", f"found_both_{rho:g}": "both"}
            if rho == RHOS[0]:
                cases["found_response_time"] = "response_time"
            for case, name in cases.items():
                verdict = finds_evidence(
                    name, trials, truth, settings=pictures.settings, permutations=permutations, seed=seed
                )
                verdicts.setdefault(case, []).append(verdict)
    return {case: float(np.mean(found)) for case, found in verdicts.items()}
