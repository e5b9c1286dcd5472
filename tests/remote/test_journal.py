"""Many write to one ledger: in order, together, and whoever asked for what failed is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from joryu.errors import JoryuError
from joryu.remote.journal import Journal
from joryu.remote.ledger import Ledger, LedgerFailure


class Counted(Ledger):
    """A ledger that counts its transactions."""

    transactions = 0

    def together(self, changes: Iterable[Callable[[Ledger], Any]]) -> list[Any]:
        self.transactions += 1
        return super().together(changes)


def intend(number: int, ledger: Ledger) -> int:
    return ledger.intend([number.to_bytes(16)], units=number)


def break_off(_: Ledger) -> None:
    raise JoryuError("no space left")


def test_changes_are_made_in_their_order_and_few_times_is_the_disk_waited_for(tmp_path: Path) -> None:
    async def session(journal: Journal) -> list[int]:
        waiting = [journal.submit(partial(intend, number)) for number in range(100)]
        await waiting[0]
        waiting += [journal.submit(partial(intend, number)) for number in range(100, 200)]
        return list(await asyncio.gather(*waiting))

    with Counted.write(tmp_path, {}) as ledger:
        numbers = asyncio.run(session(Journal(ledger)))
        assert numbers == list(range(1, 201))
        assert ledger.spent().units == sum(range(200))
        assert ledger.transactions < 6


def test_what_fails_takes_its_transaction_along_and_what_comes_after_is_kept(tmp_path: Path) -> None:
    async def session(journal: Journal) -> list[Any]:
        together = [journal.submit(partial(intend, 1)), journal.submit(break_off), journal.submit(partial(intend, 2))]
        told = await asyncio.gather(*together, return_exceptions=True)
        assert await journal.submit(partial(intend, 3)) == 1
        with pytest.raises(JoryuError, match="no space left"):
            await journal.finish()
        return told

    with Ledger.write(tmp_path, {}) as ledger:
        told = asyncio.run(session(Journal(ledger)))
        assert [str(one) for one in told] == ["no space left"] * 3, "nobody may think that it is on the disk"
        assert ledger.spent() == (1, 3, 1)


def test_a_failure_that_nobody_waited_for_is_told_at_the_end(tmp_path: Path) -> None:
    async def session(journal: Journal) -> None:
        journal.submit(break_off).add_done_callback(lambda done: done.exception())
        await journal.finish()

    with Ledger.write(tmp_path, {}) as ledger, pytest.raises(JoryuError, match="no space left"):
        asyncio.run(session(Journal(ledger)))


def test_at_the_end_everything_is_on_the_disk_also_what_was_asked_for_meanwhile(tmp_path: Path) -> None:
    async def session(journal: Journal) -> None:
        def again(_: object) -> None:
            journal.submit(lambda one: one.fail(LedgerFailure(bytes(16), "later", True)))

        await journal.finish()  # with nothing to do
        journal.submit(partial(intend, 1)).add_done_callback(again)
        await journal.finish()

    with Ledger.write(tmp_path, {}) as ledger:
        asyncio.run(session(Journal(ledger)))
        with Ledger.read(tmp_path) as read:
            assert read.spent().requests == 1
            assert read.failures() == [LedgerFailure(bytes(16), "later", True)]
