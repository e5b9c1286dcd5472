"""The simulated annotator does what its docstring says of it, and knows nothing at rho = 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from joryu.annotations import Answer, Settings
from joryu.annotations.simulated import DriftDiffusion, Floats
from joryu.errors import InputError

SETTINGS = Settings(
    classes=("healthy", "black rot", "mildew"),
    severities=("mild", "moderate", "severe"),
    confidences=("unsure", "fair", "sure"),
    second_choice=True,
    nearest={"black rot": "healthy", "mildew": "healthy"},
)


def evidence(n: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    generator = np.random.default_rng(7)
    truth = np.arange(n) % 3
    found = generator.normal(0, 0.5, (n, 3))
    found[np.arange(n), truth] += generator.gamma(2, 0.5, n)
    return found, truth


def told(n: int = 600, seed: int = 0, **settings: float) -> tuple[list[Answer], npt.NDArray[np.bool_], Floats]:
    """Answers about the evidence, which of them are right, and the evidence."""
    shown, truth = evidence(n)
    pictures = [f"p{row}" for row in range(n)]
    answers = DriftDiffusion(**settings).answers(shown, pictures=pictures, settings=SETTINGS, seed=seed)
    right = np.array([SETTINGS.classes.index(str(one.choice)) for one in answers]) == truth
    return answers, right, shown


def times(answers: list[Answer]) -> Floats:
    return np.array([one.timing.rt_ms for one in answers])


def attention(answers: list[Answer]) -> Floats:
    return np.array([one.signals["attention"] for one in answers])


def test_no_evidence_is_answered_at_random_and_much_of_it_rightly() -> None:
    nothing = DriftDiffusion().race(np.zeros((3000, 3)), np.random.default_rng(0))
    assert stats.chisquare(np.bincount(nothing.choice)).pvalue > 0.001
    plenty = DriftDiffusion(lapse=0).race(np.tile([4.0, 0.0, 0.0], (500, 1)), np.random.default_rng(0))
    assert (plenty.choice == 0).mean() > 0.99
    assert plenty.seconds.mean() < nothing.seconds.mean()


def test_one_accumulator_hits_when_theory_says() -> None:
    # A single drifting diffusion first reaches a at a time with mean a / v and variance a / v³ (Wald, 1947).
    alone = np.tile([1.0, -50.0], (4000, 1))
    race = DriftDiffusion(gain=2.0, threshold=2.0, lapse=0).race(alone, np.random.default_rng(1))
    assert race.seconds.mean() == pytest.approx(2.0 / 2.0, rel=0.08)  # looked at every 10 ms: a little late
    assert race.seconds.var() == pytest.approx(2.0 / 2.0**3, rel=0.25)


def test_quick_and_certain_answers_are_right_more_often() -> None:
    answers, right, shown = told(2000)
    assert roc_auc_score(right, -times(answers)) > 0.55
    race = DriftDiffusion(lapse=0).race(shown, np.random.default_rng(3))
    assert roc_auc_score(race.choice == np.arange(2000) % 3, race.certainty) > 0.6


@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_attention_falls_with_certainty_as_told(rho: float) -> None:
    shown, _ = evidence(4000)
    annotator = DriftDiffusion(rho=rho)
    answers = annotator.answers(shown, pictures=[str(row) for row in range(4000)], settings=SETTINGS, seed=5)
    certainty = annotator.race(shown, np.random.default_rng(5)).certainty  # the same draws come first
    assert stats.pearsonr(attention(answers), certainty).statistic == pytest.approx(-rho, abs=0.04)


def test_attention_knows_nothing_at_rho_0() -> None:
    p_values = []
    for seed in range(60):
        answers, right, _ = told(150, seed=seed, rho=0.0)
        p_values.append(stats.mannwhitneyu(attention(answers)[right], attention(answers)[~right]).pvalue)
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_levels_follow_what_they_are_levels_of() -> None:
    answers, right, shown = told(2000, confidence_noise=0.5)
    level = np.array([SETTINGS.confidences.index(str(one.confidence)) for one in answers])
    assert np.bincount(level).tolist() == [667, 667, 666]
    share_right = [float(right[level == at].mean()) for at in range(3)]
    assert share_right == sorted(share_right)
    assert all((one.severity is None) == (one.choice == "healthy") for one in answers)
    excess: dict[str, list[float]] = {name: [] for name in SETTINGS.severities}
    for row, one in enumerate(answers):
        if one.severity is not None:
            excess[one.severity].append(shown[row, SETTINGS.classes.index(str(one.choice))] - shown[row, 0])
    assert np.mean(excess["mild"]) < np.mean(excess["moderate"]) < np.mean(excess["severe"])


def test_practice_shortens_response_times_and_second_choices_differ() -> None:
    answers, _, _ = told(1200, practice=2.0)
    assert times(answers)[:60].mean() - times(answers)[-60:].mean() > 500
    assert all(one.second != one.choice and one.second in SETTINGS.classes for one in answers)


def test_the_same_seed_is_the_same_annotator() -> None:
    assert told(50)[0] == told(50)[0] != told(50, seed=1)[0]
    assert told(50)[0][0].session != told(50, rho=0.1)[0][0].session


def test_settings_without_severities_or_second_choices_get_none() -> None:
    plain = Settings(classes=("a", "b", "c"))
    answers = DriftDiffusion().answers(evidence(9)[0], pictures=list("abcdefghi"), settings=plain, seed=0)
    assert {(one.severity, one.confidence, one.second) for one in answers} == {(None, None, None)}


def test_shares_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="rho is not usable"):
        DriftDiffusion(rho=1.5)


def test_where_nobody_is_sick_nothing_is_severe_and_about_nothing_nothing_is_said() -> None:
    healthy = np.tile([20.0, -20.0, -20.0], (6, 1))
    answers = DriftDiffusion(lapse=0.0).answers(healthy, pictures=list("abcdef"), settings=SETTINGS, seed=0)
    assert {(one.choice, one.severity) for one in answers} == {("healthy", None)}
    assert DriftDiffusion().answers(healthy[:0], pictures=[], settings=SETTINGS, seed=0) == []
