"""What three people say of CIFAR-10's training pictures, on the real answers, and targets of simulated ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.experiments import people_cifar_n
from joryu.experiments.people_cifar_n import against, cifar_n, cifar_n_trials, likeliest, simulated_crowd, targets_of


@pytest.fixture(scope="module")
def root(in_real_data: Callable[[str], Path]) -> Path:
    return in_real_data("cifar10_human/cifar10n").parents[1]


def test_as_many_labels_are_wrong_as_published(root: Path) -> None:
    trials, labels = cifar_n_trials(root)
    assert (len(trials), len(trials.pictures), len(trials.annotators)) == (150_000, 50_000, 3)
    wrong = trials.choice != labels[trials.picture]
    assert [100 * wrong[trials.annotator == one].mean() for one in range(3)] == pytest.approx(
        [17.23, 18.12, 17.64], abs=0.005
    )


def test_a_majority_is_better_than_one_and_dawid_skene_than_a_majority(root: Path) -> None:
    trials, labels = cifar_n_trials(root)
    found = {name: against(labels, q) for name, q in targets_of(trials, 0).items()}
    assert found["vote"]["wrong"] == pytest.approx(9.03, abs=0.25)  # the published one broke other ties
    assert found["one"]["wrong"] == pytest.approx(17.66, abs=0.3)
    in_order = ["dawid_skene", "shares", "vote", "one_confused", "one_even", "one"]
    assert sorted(found, key=lambda name: found[name]["nll"]) == in_order


def test_labels_of_another_order_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    digits, crowd = load_examples("digits"), simulated_crowd(0)
    monkeypatch.setattr(people_cifar_n, "load_examples", lambda *_, **__: digits)
    monkeypatch.setattr(
        people_cifar_n, "cifar_n_trials", lambda _: (crowd.trials, digits.labels_or_empty.numpy()[::-1])
    )
    with pytest.raises(InputError, match="not in the order of these pictures"):
        cifar_n(0)


def test_absent_answers_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cifar10n\.npz is not in .*; set JORYU_DATA"):
        cifar_n_trials(tmp_path)


def test_every_target_is_a_distribution_told_by_the_answers_alone() -> None:
    crowd = simulated_crowd(0)
    for name, q in targets_of(crowd.trials, 0).items():
        assert q.shape == (len(crowd.labels), 10), name
        np.testing.assert_allclose(q.sum(1), 1, err_msg=name)
        assert (q >= 0).all(), name


def test_equal_classes_are_decided_by_the_seed_and_count_in_part() -> None:
    shares = np.array([[0.5, 0.5, 0.0]] * 400 + [[0.2, 0.2, 0.6]])
    found = likeliest(shares, 0)
    assert 150 < found[:400].sum() < 250
    assert found[:400].max() == 1
    assert found[400] == 2
    assert (found != likeliest(shares, 1)).any()
    assert against(np.array([0, 2]), shares[-2:])["wrong"] == pytest.approx(25.0)
    assert against(np.array([2, 2]), shares[-2:])["wrong"] == pytest.approx(50.0)
