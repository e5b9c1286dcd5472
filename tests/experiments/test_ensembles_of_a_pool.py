"""Numbers of all ensembles of a pool, where they follow from how the learners were made."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.examples import Examples
from joryu.experiments.experiment import Setting
from joryu.experiments.few_labels import lost, share_of
from joryu.experiments.pairs import recovered
from joryu.experiments.power_mean_ensemble import EXPONENTS, ROWS, SIZE, drawn_members, whole_pool
from joryu.experiments.screening import leaked
from joryu.experiments.subsets import best_rules, estimate, right_answers, subsets_of
from joryu.experiments.weak_learners import POOL, POOL_SMOKE, LearnerParts
from joryu.training import Trained


def setting(seed: int, *, smoke: bool = False) -> Setting:
    return Setting(seed, smoke, Path("a"), Path("b"), lambda _: nullcontext(lambda *_: None))


def parts(n: int) -> LearnerParts:
    examples = Examples.of(torch.zeros(n, 2), torch.arange(n) % 3, classes=["a", "b", "c"])
    return LearnerParts(examples, examples, examples)


def learners(n: int, right: list[float], seed: int = 0) -> torch.Tensor:
    """``log p`` ``[learners, n, 3]``; each is right about such a share, and one class off elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    found = []
    for share in right:
        wrong = torch.randperm(n, generator=generator)[: round(n * (1 - share))]
        answers = labels.clone()
        answers[wrong] = (answers[wrong] + 1) % 3
        found.append(torch.nn.functional.one_hot(answers, 3) * 2 + torch.rand(n, 3, generator=generator))
    return torch.stack(found).double().log_softmax(-1)


def test_learners_that_are_all_the_same_gain_nothing_by_any_rule() -> None:
    one = learners(30, [0.8])
    pool = one.expand(6, -1, -1)
    found = whole_pool(pool, pool, parts(30))
    assert found["single"] == found["single_least"] == found["single_best"] == pytest.approx(80)
    for name, value in found.items():
        if name.endswith(("_gain", "_gain_low", "_gain_high")) or name.startswith("ensembles_less_singles"):
            assert value == pytest.approx(0), name
    assert found["least_less_best"] == pytest.approx(0)
    assert found["exponents_chosen"] == {"1": 6}  # of equal ones that nearest to soft, for each of six ensembles


def test_every_row_of_the_pool_has_its_number_and_gains_are_differences() -> None:
    found = whole_pool(learners(60, [0.6, 0.7, 0.8, 0.7, 0.6, 0.5], 1), learners(60, [0.6] * 6, 2), parts(60))
    of_pool = [row.metric for row in ROWS if row.metric in found]
    assert {"single", "vote", "chosen", *(f"u_{u:g}" for u in EXPONENTS)} <= set(of_pool)
    for name in ("vote", "u_0", "u_5", "chosen"):
        assert found[f"{name}_gain"] == pytest.approx(found[name] - found["u_1"])
        assert found[f"{name}_gain_low"] <= found[f"{name}_gain"] <= found[f"{name}_gain_high"]
        assert found[f"{name}_least"] <= found[name]
    assert found["ensembles_less_singles"] == pytest.approx(found["u_1"] - found["single"])
    assert sum(found["exponents_chosen"].values()) == 6


def test_neither_the_order_of_the_learners_nor_that_of_the_pictures_matters() -> None:
    pool, judged = parts(45), learners(45, [0.5, 0.6, 0.7, 0.6, 0.5, 0.9])
    found = whole_pool(judged, judged, pool)
    turned = whole_pool(judged.flip(0), judged.flip(0), pool)
    assert {name: value for name, value in turned.items() if name != "exponents_chosen"} == pytest.approx(
        {name: value for name, value in found.items() if name != "exponents_chosen"}
    )
    assert turned["exponents_chosen"] == found["exponents_chosen"]


@pytest.mark.parametrize("smoke", [False, True])
def test_the_members_of_a_seed_are_five_others_the_same_every_time(smoke: bool) -> None:
    pool = POOL_SMOKE if smoke else POOL
    drawn = [drawn_members(setting(seed, smoke=smoke)) for seed in range(pool)]
    for seed, members in enumerate(drawn):
        assert len(set(members)) == SIZE and set(members) <= set(range(pool)) - {seed}
        assert members == sorted(members) == drawn_members(setting(seed, smoke=smoke))
    assert len({tuple(members) for members in drawn}) > 1


@pytest.mark.parametrize(
    ("value", "low", "high", "share"),
    [(75.0, 70.0, 80.0, 50.0), (80.0, 70.0, 80.0, 100.0), (65.0, 70.0, 80.0, -50.0), (75.0, 80.0, 70.0, 50.0)],
)
def test_what_is_recovered_of_a_gap_is_a_share_of_it(value: float, low: float, high: float, share: float) -> None:
    assert recovered("student", value, low, high) == {"student": pytest.approx(share)}


def test_of_a_gap_of_nothing_no_share_is_said() -> None:
    """A student of few labels as good as all of them once ended hours of training with a division by zero."""
    assert recovered("student", 75.0, 70.0, 70.0) == {}


def test_an_estimate_moves_and_scales_with_its_values_and_does_not_know_the_learners_by_name() -> None:
    generator = np.random.default_rng(0)
    subsets = subsets_of(5, 3)
    values = generator.random((len(subsets), 12))
    plain = estimate(values, subsets)
    moved, scaled = estimate(values + 7, subsets), estimate(-3 * values, subsets)
    assert moved == pytest.approx((plain.mean + 7, plain.low + 7, plain.high + 7))
    assert scaled == pytest.approx((-3 * plain.mean, -3 * plain.high, -3 * plain.low))
    named = subsets[:, torch.tensor([3, 0, 4, 1, 2])]
    order = generator.permutation(len(subsets))
    assert estimate(values, named) == pytest.approx(plain)
    assert estimate(values[order], subsets[order.tolist()]) == pytest.approx(plain)


def test_an_ensemble_of_one_answers_as_its_member_by_every_rule() -> None:
    members = learners(20, [0.5, 0.9, 0.7])
    labels = torch.arange(20) % 3
    alone = members.argmax(-1) == labels
    for rule in ("vote", -2.0, 0.0, 1e-4, 1.0, 8.0):
        assert torch.equal(right_answers(members, labels, subsets_of(3, 1), rule), alone)


def test_a_single_rule_is_the_best_of_itself() -> None:
    assert best_rules(np.array([[0.2, 0.9]]), [4.0]) == [4.0, 4.0]


def test_what_was_lost_is_the_best_epoch_less_the_last() -> None:
    def trained(*accuracies: float) -> Trained:
        history = [{"epoch": at, "validation_accuracy": one} for at, one in enumerate(accuracies, 1)]
        return Trained(torch.nn.Identity(), None, history, Path("run"))  # type: ignore[arg-type]

    assert lost(trained(0.5, 0.75, 0.625)) == pytest.approx(12.5)
    assert lost(trained(0.5)) == lost(trained(0.25, 0.5)) == 0


def test_a_share_of_the_pictures_is_drawn_by_the_seed_of_each_class_alike() -> None:
    examples = Examples.of(torch.arange(200.0)[:, None], torch.arange(200) % 2, classes=["a", "b"])
    few = share_of(examples, 10, 0)
    assert torch.bincount(few.labels_or_empty).tolist() == [10, 10]
    assert np.array_equal(share_of(examples, 10, 0).ids, few.ids)
    assert not np.array_equal(share_of(examples, 10, 1).ids, few.ids)
    assert share_of(examples, 100, 3) is examples


def test_what_leaks_of_a_tag_is_its_mean_and_where_it_is_first() -> None:
    probs = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5], [1.0, 0.0, 0.0]])
    assert leaked("clone", probs, 0) == {"clone_planted": pytest.approx(46.875), "clone_first": 50.0}
