"""The controls of `brain`: what tells nothing is not found, what tells much is, and targets are what the seed says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from joryu.evaluation import rejection_bound
from joryu.experiments.brain import conditions_of
from joryu.experiments.brain_sessions import (
    SessionPictures,
    choose_pictures,
    detection_rates,
    evidence_of,
    finds_evidence,
    simulated_session,
)
from joryu.experiments.experiment import Setting


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> SessionPictures:
    folder = tmp_path_factory.mktemp("brain")
    return choose_pictures(
        Setting(seed=0, smoke=True, folder=folder, shared=Path(folder), watching=lambda _: nullcontext())  # type: ignore[arg-type, return-value]
    )


@pytest.fixture(scope="module")
def evidence(pictures: SessionPictures) -> np.ndarray:
    return evidence_of(pictures.shown, components=3)


@pytest.mark.slow
def test_what_tells_nothing_is_found_no_more_often_than_stated(pictures: SessionPictures, evidence: np.ndarray) -> None:
    truth = pictures.shown.labels_or_empty.numpy()
    for name in ("attention", "both"):
        found = sum(
            finds_evidence(
                name,
                simulated_session(pictures, evidence, rho=0.0, seed=seed),
                truth,
                settings=pictures.settings,
                permutations=39,
                seed=seed,
            )
            for seed in range(200)
        )
        assert found <= rejection_bound(200, 0.05, confidence=0.999), name


@pytest.mark.slow
def test_what_tells_much_is_found(pictures: SessionPictures, evidence: np.ndarray) -> None:
    found = detection_rates(pictures, evidence, sessions=range(12), permutations=39)
    assert found["found_attention_0.9"] > 0.5
    assert found["found_attention_0.9"] >= found["found_attention_0.3"] >= found["found_attention_0"]


def test_answers_do_not_depend_on_how_well_attention_tells(pictures: SessionPictures, evidence: np.ndarray) -> None:
    deaf, conditions = (simulated_session(pictures, evidence, rho=rho, seed=3) for rho in (0.0, 0.9))
    np.testing.assert_array_equal(deaf.choice, conditions.choice)
    np.testing.assert_array_equal(deaf.log_rt, conditions.log_rt)
    np.testing.assert_array_equal(deaf.severity, conditions.severity)
    assert (deaf.signals["attention"] != conditions.signals["attention"]).any()


def test_every_condition_keeps_the_choice_and_shuffling_keeps_the_amounts(
    pictures: SessionPictures, evidence: np.ndarray
) -> None:
    conditions = conditions_of(pictures, evidence, seed=1)
    choice = conditions["labels"].argmax(axis=1)
    for name, q in conditions.items():
        np.testing.assert_allclose(q.sum(axis=1), 1.0, err_msg=name)
        own = q[np.arange(len(q)), choice]
        assert (q.argmax(axis=1) == choice).all(), name
        if name != "constant_0.6":  # the control's grid goes past what any rule gives away, so that its best is inside
            assert (own >= 0.5 - 1e-9).all(), name
    own, shuffled = (np.sort(conditions[name].max(axis=1)) for name in ("attention_0.6", "attention_shuffled_0.6"))
    np.testing.assert_allclose(own, shuffled)
    healthy = conditions["severity_healthy"]
    sick = choice != 0
    assert (healthy[sick, 0] >= conditions["severity"][sick, 0]).all()  # what a mild disease leaves over is healthy
