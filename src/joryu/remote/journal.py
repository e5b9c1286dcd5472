"""`Journal`: many tasks write to one ledger, and what they write at the same time goes to the disk together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from joryu.remote.ledger import Ledger

Result = TypeVar("Result")


class Journal:
    """Changes a ledger for the tasks of one event loop.

    A transaction takes a few milliseconds until it is on the disk. Whatever is asked for meanwhile becomes the next
    transaction, so that a hundred tasks wait no longer than one. Changes are made in the order in which they were asked
    for: who waits for one knows that all before it are on the disk.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Callable[[Ledger], Any], asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    def submit(self, change: Callable[[Ledger], Result]) -> asyncio.Future[Result]:
        """Ask for a change; the future has its result once it is on the disk."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return future

    async def finish(self) -> None:
        """Wait until everything that was asked for is on the disk.

        Raises:
            JoryuError: some of it could not be written, whether anybody waited for it or not.
        """
        while self._writing is not None:
            await asyncio.wait([self._writing])
        if self._failed is not None:
            raise self._failed

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    results = await asyncio.to_thread(self._ledger.together, [change for change, _ in batch])
                except Exception as error:  # noqa: BLE001 - whoever asked for a change has the error
                    self._failed = self._failed or error
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, future), result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
        finally:
            self._writing = None
