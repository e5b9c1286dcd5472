"""Agreement beyond chance, against the papers' own examples and against scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from joryu.annotations.inter_rater import cohen_kappa, fleiss_kappa, krippendorff_alpha
from joryu.errors import InputError

# Fleiss 1971, table 1: 30 patients, 5 categories, 6 psychiatrists each.
FLEISS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
]  # fmt: skip

# Krippendorff 2011, section C: four observers, twelve units, values missing; alpha = 0.743.
KRIPPENDORFF = [
    "1 . 1 1", "2 2 3 2", "3 3 3 3", "3 3 3 3", "2 2 2 2", "1 2 3 4",
    "4 4 4 4", "1 1 2 1", "2 2 2 2", ". 5 5 5", ". . 1 1", ". . 3 .",
]  # fmt: skip


def test_fleiss_own_table() -> None:
    assert fleiss_kappa(FLEISS) == pytest.approx(0.430, abs=0.0005)


def test_krippendorffs_own_table() -> None:
    answers = [[value for value in unit.split() if value != "."] for unit in KRIPPENDORFF]
    assert krippendorff_alpha(answers) == pytest.approx(0.743, abs=0.0005)


def test_two_raters_are_as_scikit_learn_says() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        first = generator.integers(0, 4, 60)
        second = np.where(generator.random(60) < 0.5, first, generator.integers(0, 4, 60))
        pairs = [(str(a), str(b)) for a, b in zip(first, second, strict=True)]
        assert cohen_kappa(pairs) == pytest.approx(cohen_kappa_score(first, second))


def test_alpha_comes_near_fleiss_kappa_when_items_are_many_and_complete() -> None:
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, 2000)
    said = np.where(generator.random((2000, 3)) < 0.7, truth[:, None], generator.integers(0, 3, (2000, 3)))
    counts = np.stack([(said == k).sum(1) for k in range(3)], axis=1)
    assert krippendorff_alpha([[str(v) for v in row] for row in said]) == pytest.approx(fleiss_kappa(counts), abs=1e-3)


@pytest.mark.parametrize("chance", [0, 1])
def test_chance_is_nought_and_unanimity_one(chance: int) -> None:
    generator = np.random.default_rng(2)
    first = [str(value) for value in generator.integers(0, 3, 4000)]
    second = [str(value) for value in generator.integers(0, 3, 4000)] if chance else first
    expected, pairs = 1 - chance, list(zip(first, second, strict=True))
    assert cohen_kappa(pairs) == pytest.approx(expected, abs=0.05)
    assert krippendorff_alpha(pairs) == pytest.approx(expected, abs=0.05)


def test_everybody_always_saying_the_same_is_full_agreement() -> None:
    assert cohen_kappa([("a", "a")] * 3) == fleiss_kappa([[2, 0]] * 3) == krippendorff_alpha([["a", "a"]] * 3) == 1.0


def test_too_little_to_compare_is_an_error() -> None:
    with pytest.raises(InputError, match="at least one pair"):
        cohen_kappa([])
    with pytest.raises(InputError, match="equally many"):
        fleiss_kappa([[2, 0], [3, 0]])
    with pytest.raises(InputError, match="equally many"):
        fleiss_kappa([[1, 0]])
    with pytest.raises(InputError, match="answered twice"):
        krippendorff_alpha([["a"], ["b"]])


ITEMS = st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=5), min_size=1, max_size=8)


def alpha_by_pairs(items: list[list[str]]) -> float:
    """Krippendorff 2011, by every pair of answers to one item, and of all answers."""
    every = [name for item in items for name in item]
    within = sum(
        sum(a != b for a, b in itertools.permutations(item, 2)) / (len(item) - 1) for item in items
    ) / len(every)  # fmt: skip
    beyond = sum(a != b for a, b in itertools.permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1.0 - within / beyond if beyond else 1.0


@given(ITEMS)
def test_alpha_is_that_of_all_pairs_whatever_the_order_and_the_names(items: list[list[str]]) -> None:
    expected = alpha_by_pairs(items)
    assert krippendorff_alpha(items) == pytest.approx(expected)
    turned = [[{"a": "zebra", "b": "", "c": "猫"}[name] for name in reversed(item)] for item in reversed(items)]
    assert krippendorff_alpha([*turned, ["alone"], []]) == pytest.approx(expected), "who is alone agrees with nobody"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=12))
def test_kappa_is_the_same_either_way_round_and_one_where_everybody_agrees(pairs: list[tuple[str, str]]) -> None:
    found = cohen_kappa(pairs)
    assert found == pytest.approx(cohen_kappa([(second, first) for first, second in pairs]))
    assert found <= 1 + 1e-12
    agreed = all(first == second for first, second in pairs)
    assert (found == pytest.approx(1)) is agreed
