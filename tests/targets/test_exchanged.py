"""Classes under one another's names are found, and honest weakness is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.targets.exchanged import Counts, find_exchange

AS_TEXT = sorted(map(str, range(12)))  # 0, 1, 10, 11, 2, …: how folders are sorted
LABELLED = 15  #: of each class


def confusion(probs: np.ndarray, n: int | np.ndarray, seed: int = 0) -> Counts:
    """Labels against answers of a teacher that answers class ``i`` as ``j`` with ``probs[i, j]``."""
    each = np.broadcast_to(n, len(probs))
    return np.random.default_rng(seed).multinomial(each, probs)


def honest(classes: int, accuracy: float) -> np.ndarray:
    eye = np.eye(classes)
    return accuracy * eye + (1 - accuracy) * (1 - eye) / (classes - 1)


def renamed(probs: np.ndarray, answered_as: list[int]) -> np.ndarray:
    """The same teacher, what it means by class ``i`` being called ``answered_as[i]``."""
    found = np.empty_like(probs)
    found[:, answered_as] = probs
    return found


@pytest.mark.parametrize("accuracy", [1.0, 0.9])
def test_numbers_sorted_as_text(accuracy: float) -> None:
    answered_as = [int(name) for name in AS_TEXT]  # the teacher's place 2 is called AS_TEXT[2], "10"
    found = find_exchange(confusion(renamed(honest(12, accuracy), answered_as), LABELLED))
    assert found is not None
    assert [AS_TEXT[at] for at in found.order] == [str(number) for number in range(12)]
    assert len(found.moved) == 10 and (2, 10) in found.moved
    assert found.accuracy > accuracy - 0.1


@pytest.mark.parametrize("moved", [[3, 7], [1, 4, 8], [0, 2, 3, 5, 9], list(range(10))], ids=len)
@pytest.mark.parametrize(("accuracy", "n"), [(1.0, 15), (0.8, 60), (0.45, 300)])
def test_a_part_of_the_classes(moved: list[int], accuracy: float, n: int) -> None:
    answered_as = np.arange(10)
    answered_as[moved] = np.roll(moved, 1)
    found = find_exchange(confusion(renamed(honest(10, accuracy), answered_as.tolist()), n))
    assert found is not None
    assert [one for one, _ in found.moved] == moved
    assert [found.order[other] for _, other in found.moved] == moved
    assert sorted(found.order) == list(range(10))
    assert [found.order[at] for at in range(10) if at not in moved] == [at for at in range(10) if at not in moved]


def test_shifted_by_one_though_the_last_class_has_no_label_and_one_is_hardly_known() -> None:
    probs = renamed(honest(12, 0.9), [*range(1, 12), 0])
    probs[5] = renamed(honest(12, 0.25), [*range(1, 12), 0])[5]
    n = np.full(12, 60)
    n[11] = 0
    found = find_exchange(confusion(probs, n))
    assert found is not None and found.order == (11, *range(11))


def weak() -> np.ndarray:
    return honest(10, 0.4)


def every_dog_a_cat() -> np.ndarray:
    probs = honest(10, 0.9)
    probs[3], probs[5] = np.eye(10)[5], 0.6 * np.eye(10)[5] + 0.4 * np.eye(10)[3]
    return probs


def two_pairs_confused() -> np.ndarray:
    probs = honest(10, 0.9)
    probs[3], probs[1] = np.eye(10)[5], np.eye(10)[2]
    return probs


def half_collapsed() -> np.ndarray:
    probs = honest(10, 0.7)
    probs[:5] = np.eye(10)[5]
    return probs


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("teacher", [weak, every_dog_a_cat, two_pairs_confused, half_collapsed])
@pytest.mark.parametrize("counts", ["few", "many", "unbalanced", "some unseen"])
def test_an_honest_teacher_is_spared(teacher: object, counts: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = {
        "few": np.full(10, 3),
        "many": np.full(10, 10_000),
        "unbalanced": generator.integers(1, 2000, 10),
        "some unseen": np.where(generator.random(10) < 0.4, 0, 200),
    }[counts]
    assert find_exchange(confusion(teacher(), np.maximum(n, np.arange(10) == 9), seed)) is None  # type: ignore[operator]


def test_what_even_the_best_order_does_not_make_right_is_no_matter_of_names() -> None:
    collapsed = np.zeros((14, 14), dtype=np.int64)
    collapsed[:, 0] = 40  # a network that never learned says nearly always the same …
    collapsed[4] = 0
    collapsed[4, 7], collapsed[7], collapsed[7, 4] = 40, 0, 40  # … and two classes by accident for one another
    assert find_exchange(collapsed) is None
    assert find_exchange(np.zeros((3, 3), dtype=np.int64)) is None


@settings(max_examples=40)
@given(st.permutations(range(8)))
def test_of_a_teacher_that_is_always_right_every_order_is_found(answered_as: list[int]) -> None:
    found = find_exchange(confusion(renamed(np.eye(8), answered_as), LABELLED))
    if answered_as == sorted(answered_as):
        assert found is None
        return
    assert found is not None
    assert [found.order[place] for place in answered_as] == list(range(8))
    assert found.moved == tuple((one, other) for one, other in enumerate(answered_as) if one != other)
    assert found.accuracy == 1.0


@settings(max_examples=40)
@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_what_classes_are_numbered_does_not_matter(numbers: list[int], seed: int) -> None:
    probs = renamed(honest(6, 0.8), [0, 2, 1, 3, 4, 5])
    counts = confusion(probs, 40, seed)
    again = np.empty_like(counts)
    again[np.ix_(numbers, numbers)] = counts
    one, other = find_exchange(counts), find_exchange(again)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert sorted((numbers[a], numbers[b]) for a, b in one.moved) == list(other.moved)
        assert one.accuracy == pytest.approx(other.accuracy)
