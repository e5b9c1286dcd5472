"""`Batcher`: pictures of many requests are answered together, because a network answers many sooner than one by one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, NamedTuple, TypeVar

from joryu.serving.web.limits import Refused, RequestLimits, busy

Asked = TypeVar("Asked")
Found = TypeVar("Found")
Given = TypeVar("Given")


class _Waiting(NamedTuple, Generic[Asked, Found]):
    asked: Asked
    found: asyncio.Future[Found]
    since: float


class Batcher(Generic[Asked, Found]):
    """Collects what is asked at the same time, and has it answered in batches by one thread.

    A batch begins as soon as the thread is free and ``limits.batch`` are waiting, or the first of them has waited for
    ``limits.wait_ms``. While a batch is being answered the next one gathers. Clients that were answered together ask
    again together, which is worth waiting for; a client that is alone never waits, as the batch before its own was of
    one, too.
    If a batch fails, each of it is asked again alone, so that one client's input spoils no other's answer.

    Args:
        answer: what is asked, in its order, to what is found, as many; called in a thread, never twice at a time.
        limits: ``batch``, ``wait_ms`` and ``waiting`` count here.
        heard: is told the size of each batch.
        thread: where ``answer`` is called, one call after another; without it, in a thread of its own.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Asked]], Sequence[Found]],
        limits: RequestLimits,
        heard: Callable[[int], None] = lambda _: None,
        *,
        thread: Executor | None = None,
    ) -> None:
        self._answer, self._limits, self._heard = answer, limits, heard
        self._queue = deque[_Waiting[Asked, Found]]()
        self._thread = thread or ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._before = 1  #: the size of the last batch

    @property
    def waiting(self) -> int:
        """How many wait and are not being answered yet."""
        return len(self._queue)

    async def ask(self, asked: Sequence[Asked]) -> list[Found]:
        """The answers, in the order of what was asked. Whoever is cancelled while waiting is not answered.

        Raises:
            Refused: too many are waiting already, or the server is stopping.
        """
        if self._closing:
            raise Refused(503, "the server is stopping")
        if len(self._queue) + len(asked) > self._limits.waiting:
            raise busy(f"{len(self._queue)} pictures are waiting already")
        if self._task is None:
            self._task = asyncio.create_task(self._go_on())
        loop = asyncio.get_running_loop()
        here: list[asyncio.Future[Found]] = [loop.create_future() for _ in asked]
        self._queue.extend(map(_Waiting, asked, here, [loop.time()] * len(asked)))
        self._changed.set()
        try:
            return list(await asyncio.gather(*here))
        finally:
            for one in here:
                one.cancel()

    async def alone(self, work: Callable[[], Given]) -> Given:
        """Something else that the model's thread does, between two batches."""
        if self._closing:
            raise Refused(503, "the server is stopping")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Answer what is waiting, and nothing more."""
        self._closing = True
        self._changed.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _go_on(self) -> None:
        while not (self._closing and not self._queue):
            self._changed.clear()
            if not self._queue:
                await self._changed.wait()
                continue
            await self._gather()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._limits.batch))]
            self._before = len(batch)
            if wanted := [one for one in batch if not one.found.done()]:  # some clients have gone meanwhile
                self._heard(len(wanted))
                await self._answered(wanted)

    async def _gather(self) -> None:
        """Wait for a whole batch, or until the first has waited long enough."""
        if len(self._queue) == self._before == 1:
            return
        until = self._queue[0].since + self._limits.wait_ms / 1000
        loop = asyncio.get_running_loop()
        while len(self._queue) < self._limits.batch and not self._closing and (left := until - loop.time()) > 0:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)

    async def _answered(self, batch: list[_Waiting[Asked, Found]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, self._answer, [one.asked for one in batch])
        except Exception as error:  # noqa: BLE001 - whatever a model raises is its client's answer, not the server's end
            if len(batch) > 1:
                for one in batch:
                    await self._answered([one])
            elif not batch[0].found.done():
                batch[0].found.set_exception(error)
            return
        for one, answer in zip(batch, found, strict=True):
            if not one.found.done():
                one.found.set_result(answer)
