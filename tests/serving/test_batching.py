"""`Batcher`: what is asked at the same time is answered together, and nobody's trouble is another's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from joryu.serving.web.batching import Batcher
from joryu.serving.web.limits import Refused, RequestLimits
from joryu.serving.web.main_thread import WorkHere


def doubled(asked: Sequence[int]) -> list[int]:
    if 13 in asked:
        raise ValueError("thirteen")
    return [2 * one for one in asked]


def test_what_is_asked_together_is_answered_together() -> None:
    sizes = list[int]()

    async def ask() -> list[list[int]]:
        batcher = Batcher(doubled, RequestLimits(batch=4, wait_ms=50), sizes.append)
        found = await asyncio.gather(*(batcher.ask([at, at + 100]) for at in range(5)))
        await batcher.close()
        return list(found)

    assert asyncio.run(ask()) == [[2 * at, 2 * at + 200] for at in range(5)]
    assert sizes == [4, 4, 2]


def test_whoever_fails_fails_alone() -> None:
    async def ask() -> list[object]:
        batcher = Batcher(doubled, RequestLimits(batch=4, wait_ms=20))
        found = await asyncio.gather(*(batcher.ask([at]) for at in (12, 13, 14)), return_exceptions=True)
        await batcher.close()
        return list(found)

    first, second, third = asyncio.run(ask())
    assert (first, third) == ([24], [28])
    assert isinstance(second, ValueError)


def test_too_many_are_told_to_come_again_and_those_who_left_are_not_answered() -> None:
    asked, busy, free = list[int](), threading.Event(), threading.Event()

    def slow(batch: Sequence[int]) -> list[int]:
        asked.extend(batch)
        busy.set()
        free.wait(60)
        return list(batch)

    async def ask() -> None:
        batcher = Batcher(slow, RequestLimits(batch=1, waiting=2, wait_ms=0))
        first = asyncio.create_task(batcher.ask([1]))
        await asyncio.to_thread(busy.wait, 60)
        leaving, staying = asyncio.create_task(batcher.ask([2])), asyncio.create_task(batcher.ask([3]))
        await asyncio.sleep(0)
        assert batcher.waiting == 2
        with pytest.raises(Refused, match="2 pictures are waiting") as refused:
            await batcher.ask([4])
        assert refused.value.headers["retry-after"] == "1"
        leaving.cancel()
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="stopping"):
            await batcher.ask([5])
        free.set()
        await closing
        assert (await first, await staying) == ([1], [3])

    asyncio.run(ask())
    assert asked == [1, 3]


def test_a_client_that_is_alone_waits_for_nobody() -> None:
    async def ask() -> tuple[float, bool]:
        loop, sizes = asyncio.get_running_loop(), list[int]()
        batcher = Batcher(doubled, RequestLimits(batch=4, wait_ms=60_000), sizes.append)
        begun = loop.time()
        assert [await batcher.ask([at]) for at in (1, 2, 3)] == [[2], [4], [6]]
        alone = loop.time() - begun
        await batcher.ask([1, 2, 3, 4])  # a whole batch need not wait either; the one after it hopes for others
        late = asyncio.create_task(batcher.ask([5]))
        await asyncio.wait([late], timeout=0.2)
        waits = not late.done()
        await asyncio.gather(batcher.ask([6, 7, 8]), late)
        await batcher.close()
        assert sizes == [1, 1, 1, 4, 4]
        return alone, waits

    alone, waits = asyncio.run(ask())
    assert alone < 30
    assert waits


def test_the_model_can_have_the_main_thread() -> None:
    here, threads = WorkHere(), set[int]()

    def noted(batch: Sequence[int]) -> list[int]:
        threads.add(threading.get_ident())
        return doubled(batch)

    async def ask() -> list[object]:
        batcher = Batcher(noted, RequestLimits(batch=2, wait_ms=0), thread=here)
        found = await asyncio.gather(*(batcher.ask([at]) for at in (1, 13)), return_exceptions=True)
        await batcher.close()
        return list(found)

    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(asyncio.run, ask())
        here.work()  # until the batcher is closed
        first, second = running.result()
    assert first == [2]
    assert isinstance(second, ValueError)
    assert threads == {threading.get_ident()}


def test_work_that_is_not_done_any_more_is_cancelled_or_refused() -> None:
    here = WorkHere()
    left = here.submit(lambda: 1)
    here.shutdown(cancel_futures=True)
    here.work()
    assert left.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        here.submit(lambda: 2)
