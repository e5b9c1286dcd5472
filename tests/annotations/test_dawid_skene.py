"""Dawid & Skene: their own data, a naive EM, and people with known errors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from joryu.annotations import Answer, Settings
from joryu.annotations.dawid_skene import DawidSkene, dawid_skene, require_overlap, vote_shares
from joryu.annotations.trials import Trials
from joryu.errors import InputError

# Dawid & Skene 1979, table 1: anaesthetists' fitness of 45 patients, classes 1-4; observer 1 answered three times.
PATIENTS = (
    "111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2|222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3|"
    "232 2 2 2 3|444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1|111 2 1 1 1|111 1 1 1 1|111 1 1 1 1|"
    "222 2 2 2 1|222 1 3 2 2|222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1|111 1 1 1 1|232 2 2 2 2|"
    "111 1 1 1 1|111 1 1 1 1|112 1 1 2 1|111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2|433 4 3 4 3|"
    "221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1|111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2"
)


def anaesthetists() -> Trials:
    answers = []
    for patient, line in enumerate(PATIENTS.split("|")):
        for observer, said in enumerate(line.split()):
            answers += [
                Answer(picture=f"p{patient}", annotator=f"o{observer}", session="s", choice=value, showing=at)
                for at, value in enumerate(said)
            ]
    return Trials.of(answers, Settings(classes=("1", "2", "3", "4")))


def naive(trials: Trials, smoothing: float, steps: int) -> tuple[npt.NDArray[np.float64], list[float]]:
    """The paper's equations, (2.3) to (2.5), in plain probabilities and loops."""
    n, a, c = len(trials.pictures), len(trials.annotators), len(trials.classes)
    posterior = vote_shares(trials)
    likelihoods = []
    for _ in range(steps):
        errors = np.full((a, c, c), smoothing)
        for picture, who, choice in zip(trials.picture, trials.annotator, trials.choice, strict=True):
            for truth in range(c):
                errors[who, truth, choice] += posterior[picture, truth]
        errors /= errors.sum(2, keepdims=True)
        prior = posterior.sum(0) / n
        joint = np.tile(prior, (n, 1))
        for picture, who, choice in zip(trials.picture, trials.annotator, trials.choice, strict=True):
            joint[picture] *= errors[who, :, choice]
        likelihoods.append(float(np.log(joint.sum(1)).sum() + smoothing * np.log(errors).sum()))
        posterior = joint / joint.sum(1, keepdims=True)
    return posterior, likelihoods


def test_it_is_the_papers_em_step_by_step() -> None:
    trials = anaesthetists()
    found = dawid_skene(trials, smoothing=0.05, correct=0.0, iterations=12, tolerance=-1.0)
    posterior, likelihoods = naive(trials, 0.05, 12)
    np.testing.assert_allclose(found.posterior, posterior, atol=1e-12)
    np.testing.assert_allclose(found.objective, likelihoods, rtol=1e-12)


def test_the_papers_own_marginals() -> None:
    # Table 2: the estimated shares of the four classes are .40 .42 .11 .07.
    found = dawid_skene(anaesthetists(), smoothing=0.0, correct=0.0, iterations=500)
    np.testing.assert_allclose(found.prior, [0.40, 0.42, 0.11, 0.07], atol=0.006)
    assert found.posterior[0] == pytest.approx([1, 0, 0, 0], abs=1e-3)


# crowd-kit's own step-by-step test (tests/aggregation/test_ds_aggregation.py): five tasks, five workers, one answer
# missing; priors, errors [worker][truth no/yes] of answering "no", and posteriors of "no", to two decimals.
CROWD_KIT = {"w1": "nyyyy", "w2": "yynyn", "w3": ".ynyn", "w4": "ynyyn", "w5": "nnnyn"}
CROWD_KIT_STEPS = (
    (0.46, [(0.22, 0.19), (0.61, 0.22), (0.78, 0.27), (0.52, 0.30), (1.00, 0.63)], [0.35, 0.26, 0.87, 0.00, 0.95]),
    (0.49, [(0.14, 0.25), (0.75, 0.07), (0.87, 0.09), (0.50, 0.31), (1.00, 0.61)], None),
)


@pytest.mark.parametrize("step", [0, 1])
def test_crowd_kits_steps(step: int) -> None:
    answers = [
        Answer(picture=f"t{at}", annotator=who, session="s", choice={"n": "no", "y": "yes"}[value])
        for who, said in CROWD_KIT.items()
        for at, value in enumerate(said, start=1)
        if value != "."
    ]
    trials = Trials.of(answers, Settings(classes=("no", "yes")))
    found = dawid_skene(trials, smoothing=0.0, correct=0.0, iterations=step + 1, tolerance=-1.0)
    prior, errors, posterior = CROWD_KIT_STEPS[step]
    assert found.prior[0] == pytest.approx(prior, abs=0.005)
    np.testing.assert_allclose(found.errors[:, :, 0], errors, atol=0.0051)
    if posterior is not None:
        np.testing.assert_allclose(found.posterior[:, 0], posterior, atol=0.0051)


def test_of_a_class_an_annotator_never_met_nothing_is_known() -> None:
    said = ["p x a", "p y a", "q x b", "q y b", "q y b", "p z a"]  # z never saw a picture of b
    answers = [Answer(picture=p, annotator=who, session="s", choice=what) for p, who, what in map(str.split, said)]
    trials = Trials.of(answers, Settings(classes=("a", "b", "c")))
    for smoothing in (0, 0.1):
        found = dawid_skene(trials, smoothing=smoothing, correct=0.0)
        np.testing.assert_allclose(found.errors.sum(axis=2), 1.0)
        np.testing.assert_allclose(found.errors[2, 1:], 1 / 3, atol=0.02)
        assert found.posterior.argmax(1).tolist() == [0, 1]


def simulated(n: int = 400, answers_each: int = 5) -> tuple[Trials, npt.NDArray[np.int64], list[float]]:
    """People of known accuracy, one of them always one class off."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 3, n)
    accuracies = [0.95, 0.8, 0.6, 0.5, 0.0]
    answers = []
    for picture in range(n):
        for who in range(answers_each):
            right = generator.random() < accuracies[who]
            wrong = 1 if accuracies[who] == 0 else generator.integers(1, 3)
            said = truth[picture] if right else (truth[picture] + wrong) % 3
            answers.append(Answer(picture=f"p{picture}", annotator=f"a{who}", session="s", choice="abc"[said]))
    return Trials.of(answers, Settings(classes=("a", "b", "c"))), truth, accuracies


def test_people_are_told_apart_and_the_truth_is_found() -> None:
    trials, truth, accuracies = simulated()
    found = dawid_skene(trials)
    right = (found.posterior.argmax(1) == truth).mean()
    assert right > 0.97 > (vote_shares(trials).argmax(1) == truth).mean()
    for who, accuracy in enumerate(accuracies):
        assert np.diagonal(found.errors[who]).mean() == pytest.approx(accuracy, abs=0.06)
    assert np.diagonal(np.roll(found.errors[4], -1, axis=1)).mean() > 0.95  # always one off: as good as always right


def test_the_objective_never_falls_and_everything_is_a_distribution() -> None:
    found: DawidSkene = dawid_skene(simulated()[0], iterations=60, tolerance=-1.0)
    assert (np.diff(found.objective) > -1e-9).all()
    for shares in (found.posterior, found.errors, found.prior[None]):
        np.testing.assert_allclose(shares.sum(-1), 1.0)


def test_hundreds_of_answers_about_a_picture_do_not_underflow() -> None:
    answers = [
        Answer(picture=f"p{picture}", annotator=f"a{who}", session="s", choice="ab"[(picture + (who % 7 == 0)) % 2])
        for picture in range(4)
        for who in range(900)
    ]
    found = dawid_skene(Trials.of(answers, Settings(classes=("a", "b"))))
    assert np.isfinite(found.objective).all()
    assert found.posterior.argmax(1).tolist() == [0, 1, 0, 1]


def test_cleanlab_agrees_where_both_are_sure() -> None:
    multiannotator = pytest.importorskip("cleanlab.multiannotator")
    trials, _, _ = simulated(200, 4)
    table = np.full((len(trials.pictures), len(trials.annotators)), np.nan)
    table[trials.picture, trials.annotator] = trials.choice
    consensus = multiannotator.get_majority_vote_label(table)
    sure = dawid_skene(trials).posterior.max(1) > 0.99
    unanimous = np.array([len(set(row)) == 1 for row in table])
    agree = dawid_skene(trials).posterior.argmax(1) == consensus
    assert agree[sure & unanimous].all()
    assert agree.mean() > 0.8


def said(*answers: str) -> Trials:
    """From ``picture annotator class``."""
    parts = [line.split() for line in answers]
    return Trials.of(
        [Answer(picture=picture, annotator=who, session="s", choice=choice) for picture, who, choice in parts],
        Settings(classes=("a", "b", "c")),
    )


ALONE = [f"p{at} x {'a' * (at < 40) or 'b' * (at < 55) or 'c'}" for at in range(60)]
PAIR = ["p0 x a", "p0 y a", "p1 x a", "p1 y b"]


@pytest.mark.parametrize(
    ("answers", "received"),
    [
        (ALONE, "0 of 60 pictures, by 1 in all"),
        (PAIR, "0 of 2 pictures, by 2 in all"),
        ([f"p{at} {who} a" for at in range(200) for who in "xy"], "0 of 200 pictures, by 2 in all"),
        ([f"p{at} {who} a" for at in range(29) for who in "xyz"], "29 of 29 pictures, by 3 in all"),
    ],
)
def test_where_nobody_can_tell_who_errs_it_says_so(answers: list[str], received: str) -> None:
    with pytest.raises(
        InputError, match=rf"expected 30 or more pictures that 3 or more people answered; received {received}"
    ):
        require_overlap(said(*answers))


def test_enough_overlap_is_enough() -> None:
    require_overlap(said(*[f"p{at} {who} a" for at in range(30) for who in "xyz"]))


def test_a_picture_that_one_person_answered_teaches_nothing_of_errors() -> None:
    together = [f"q{at} {who} {'abc'[at % 3]}" for at in range(30) for who in "xyz"]
    found, alone = dawid_skene(said(*together)), dawid_skene(said(*together, *ALONE))
    np.testing.assert_allclose(alone.errors, found.errors, atol=1e-5)
    for posterior in (alone.posterior[30:], dawid_skene(said(*ALONE)).posterior):  # rare answers stay
        assert posterior.argmax(1).tolist() == [0] * 40 + [1] * 15 + [2] * 5
