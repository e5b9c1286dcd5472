"""Work done in threads ahead of whoever needs it: in order, and only a few pieces at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """The cores that this process may use, at most 16."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not every system says
        cores = os.cpu_count() or 1
    return min(cores, 16)


@cache
def decoding_threads() -> ThreadPoolExecutor:
    """The threads that decode pictures: one for each core, at most 16. They are shared by all who read.

    Each may have a process do it (`joryu.examples.decoders`).
    """
    return ThreadPoolExecutor(max_workers=usable_cores(), thread_name_prefix="joryu-decode")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=decoding_threads.cache_clear)  # a copy of this process has none of its threads


def in_order(work: Callable[[T], R], items: Iterable[T], *, pool: ThreadPoolExecutor, most: int) -> Iterator[R]:
    """What ``work`` makes of each item, in the order of the items; at most ``most`` of them are begun and not taken.

    >>> with ThreadPoolExecutor(2) as pool:
    ...     list(in_order(lambda x: x * x, range(5), pool=pool, most=3))
    [0, 1, 4, 9, 16]
    """
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def one_ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What ``work`` makes of each item; while one is used the next is made, in a thread of its own.

    >>> list(one_ahead(str, [1, 2, 3]))
    ['1', '2', '3']
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="joryu-ahead") as pool:
        yield from in_order(work, items, pool=pool, most=2)
