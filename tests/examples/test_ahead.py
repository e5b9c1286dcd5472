"""Work done ahead: in the order of the items, no further ahead than asked, and each error in its turn."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.examples.ahead import in_order, one_ahead


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


@given(n=st.integers(0, 30), most=st.integers(1, 8))
def test_results_are_in_order_and_no_more_than_so_many_are_begun(pool: ThreadPoolExecutor, n: int, most: int) -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for item in range(n):
            begun.append(item)
            yield item

    taken = 0
    for result in in_order(lambda item: item * item, items(), pool=pool, most=most):
        assert result == taken * taken
        assert len(begun) - taken <= most
        taken += 1
    assert taken == len(begun) == n


def test_an_error_comes_in_its_turn_and_nothing_after_it(pool: ThreadPoolExecutor) -> None:
    seen: list[int] = []

    def work(item: int) -> int:
        seen.append(item)
        if item == 3:
            raise ValueError("the third")
        return item

    results = in_order(work, range(100), pool=pool, most=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(results)
    assert list(results) == []
    assert max(seen) < 3 + 4


def test_whoever_stops_early_leaves_nothing_to_do() -> None:
    stopped, done = threading.Event(), list[int]()

    def work(item: int) -> int:
        assert item == 0 or stopped.wait(20)
        done.append(item)
        return item

    with ThreadPoolExecutor(1) as one:
        results = in_order(work, range(50), pool=one, most=10)
        assert next(results) == 0
        results.close()  # type: ignore[attr-defined]
        stopped.set()
    assert done in ([0], [0, 1])  # the second may have been in hand


def test_the_next_is_made_while_one_is_used_and_no_other() -> None:
    made = [threading.Event() for _ in range(3)]

    def work(item: int) -> int:
        made[item].set()
        return item

    results = one_ahead(work, range(3))
    assert next(results) == 0
    assert made[1].wait(20)
    assert not made[2].is_set()
    assert list(results) == [1, 2]
