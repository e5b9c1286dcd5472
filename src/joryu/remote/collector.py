"""`collect`: ask a paid API about examples and keep its answers in a ledger, within a budget, whatever happens."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from joryu.errors import JoryuError, Stop
from joryu.remote.api import Api, Refusal
from joryu.remote.budget import Purse
from joryu.remote.canaries import require_unchanged
from joryu.remote.credentials import Credentials
from joryu.remote.journal import Journal
from joryu.remote.ledger import Ledger, LedgerFailure, Settled
from joryu.remote.limits import ApiLimits
from joryu.remote.outcome import Lost, Outcome, outcome_of
from joryu.remote.pace import Breaker, Pause, TokenBucket, back_off_s
from joryu.remote.reading_ahead import Pictures, ReadingAhead, Ready, Shown, blocks, retrieved
from joryu.remote.transport import Sender

NOT_SENT: Final = Lost("not sent", "the session had ended", sent=False)

Progress = Callable[[int, int], None]
"""Called with (examples answered or given up, examples in all)."""


class Collected(NamedTuple):
    """What a session brought: examples answered and given up in it, those that were known before, and why it stopped
    before the end, if it did."""

    answered: int
    failed: int
    before: int
    stop: Stop | None


def collect(
    api: Api, ledger: Ledger, credentials: Credentials, pictures: Pictures, *, options: Options | None = None
) -> Collected:
    """Ask ``api`` about every example that the ledger knows nothing of, and keep what it answers.

    Each example is asked about once, whatever happens: an answer that came is never asked for again, and after a kill
    at most those whose requests were in flight are. A request is written to the ledger before it is sent, and counts as
    paid unless the API said that it looked at nothing. After a `Stop` (a budget, a permission, an API that has changed
    or is down) the requests in flight are waited for, and what they bring is kept.

    Args:
        api: who is asked, and how.
        ledger: opened with `Ledger.write`.
        credentials: of the API.
        pictures: what is asked about.
        options: limits, budget, progress.

    Raises:
        InputError: a picture cannot be read any more.
        MissingExtraError: httpx2 is not installed.
        JoryuError: the disk does not take the answers.
    """
    asking = partial(asyncio.run, _collect(api, ledger, credentials, pictures, options or Options()))
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asking()
    with ThreadPoolExecutor(1) as beside:  # in a notebook, whose own loop runs already
        return beside.submit(asking).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to collect: ``limits`` of speed and patience, and the ``budget``, the most units (pictures asked about) that
    the ledger may ever hold."""

    limits: ApiLimits = field(default_factory=ApiLimits)
    budget: int | None = None
    progress: Progress | None = None


async def _collect(
    api: Api, ledger: Ledger, credentials: Credentials, pictures: Pictures, options: Options
) -> Collected:
    limits = options.limits
    async with Sender(api, credentials, connections=limits.concurrency, timeout=limits.timeout) as sender:
        return await _Session(api, ledger, sender, options).run(pictures)


class _Session:
    """A feeder reads pictures ahead, workers see them through, a journal writes.

    There are more workers than requests in flight, so that no place stays empty while an intent goes to the disk.
    """

    def __init__(self, api: Api, ledger: Ledger, sender: Sender, options: Options) -> None:
        limits = options.limits
        self._api, self._ledger, self._sender, self._options = api, ledger, sender, options
        self._journal = Journal(ledger)
        self._purse = Purse(options.budget, ledger.spent().units)
        self._bucket = TokenBucket(limits.rate, burst=limits.concurrency)
        self._pause, self._breaker = Pause(), Breaker(limits.failures, limits.cool_down)
        self._places = asyncio.Semaphore(limits.concurrency)
        self._random = random.Random()
        self._stopping = asyncio.Event()
        self._stop: Stop | None = None
        self._error: JoryuError | None = None
        self._answered = self._failed = self._compared = 0

    async def run(self, pictures: Pictures) -> Collected:
        limits = self._options.limits
        self._total = len(pictures.ids)
        self._ahead = ReadingAhead(self._api, self._ledger, pictures, ahead=limits.concurrency)
        workers = limits.concurrency + max(2, limits.concurrency // 4)
        feeder = asyncio.create_task(self._feed())
        working = [asyncio.create_task(self._work()) for _ in range(workers)]
        try:
            await asyncio.wait(working, return_when=asyncio.FIRST_EXCEPTION)
        except asyncio.CancelledError:  # Ctrl-C: what was paid for is waited for, until a second one
            self._stopping.set()
            await asyncio.wait(working, timeout=limits.timeout)
            raise
        finally:
            for task in (feeder, *working):
                task.cancel()
            ended = await asyncio.gather(feeder, *working, return_exceptions=True)
            self._ahead.drop()
            await self._journal.finish()
        for error in ended:
            if isinstance(error, Exception):  # none that anybody expected
                raise error
        if self._error is not None:
            raise self._error
        return Collected(self._answered, self._failed, self._ahead.known, self._stop)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Send nothing more after an error or a stop; the first of each is the one that is told."""
        try:
            yield
        except Stop as stop:
            self._stop = self._stop or stop
            self._stopping.set()
        except JoryuError as error:
            self._error = self._error or error
            self._stopping.set()

    async def _feed(self) -> None:
        try:
            with self._ending():
                await self._ask_canaries()
                if not self._stopping.is_set():
                    await self._ahead.fill()
        except Exception:
            await self._ahead.end()  # nobody must wait for more
            raise
        await self._ahead.end()

    async def _work(self) -> None:
        with self._ending():
            while not self._stopping.is_set() and (ready := await self._ahead.take()) is not None:
                await self._give_up(ready)
                await self._see_through(ready.shown)

    async def _give_up(self, ready: Ready) -> None:
        for failed in ready.failed:
            await self._journal.submit(lambda ledger, failed=failed: ledger.fail(failed))  # type: ignore[misc]
            self._failed += 1

    async def _ask_canaries(self) -> None:
        """Ask about known pictures again, where an earlier session asked and anything is left to ask.

        Raises:
            Stop: the API has changed, or none of them is answered.
        """
        count = self._options.limits.canaries
        if not count or self._ledger.sessions < 2:
            return
        if not (numbers := await asyncio.to_thread(self._ahead.canaries, count)):
            return
        ready = await self._ahead.ready(numbers)
        for few in blocks(ready.shown, self._api.request.pictures):
            await self._see_through(list(few), canaries=True)
        if not self._compared and not self._stopping.is_set():
            raise Stop("no canary was answered", hint="run it again, or with --canaries 0")

    async def _see_through(self, pending: list[Shown], *, attempt: int = 0, canaries: bool = False) -> None:
        """Ask about some examples until each is answered or given up, or the session stops."""
        limits = self._options.limits
        while pending and not self._stopping.is_set():
            now = pending[: await self._purse.take(len(pending))]
            outcome = await self._ask(now, last=attempt + 1 >= limits.attempts, canaries=canaries)
            later = pending[len(now) :]
            again = [one for one, part in zip(now, outcome.parts, strict=True) if _may_be_asked_again(part)]
            if outcome.halve:
                for half in (now[: len(now) // 2], now[len(now) // 2 :]):
                    await self._see_through(half, attempt=attempt, canaries=canaries)
                again = []
            elif again:
                attempt += 1
                again = again if attempt < limits.attempts else []
                if again:
                    await self._sleep(self._back_off_s(attempt - 1))
            pending = again + later
            self._tell()

    def _back_off_s(self, attempt: int) -> float:
        limits = self._options.limits
        return back_off_s(attempt, first=limits.first_wait, longest=limits.longest_wait, random_=self._random)

    async def _ask(self, now: list[Shown], *, last: bool, canaries: bool) -> Outcome:
        """Send one request, for which units were taken from the purse, and write down what came of it."""
        taken = spent = len(now)
        try:
            ids = [one.example for one in now]
            kind = "canaries" if canaries else "answers"
            request = await self._journal.submit(lambda ledger: ledger.intend(ids, units=taken, kind=kind))
            body, content_type = self._api.body([one.picture for one in now])  # before it takes a place in flight
            async with self._places:
                came = await self._sender.send(body, content_type) if await self._may_be_sent() else NOT_SENT
            outcome = outcome_of(self._api, came, taken)
            spent = taken if outcome.charged else 0
            kept = not canaries and came is not NOT_SENT
            written = self._settled(now, outcome, spent, last=last) if kept else Settled(outcome.status, spent, {})
            # Not waited for: the next intent is written after it, and waits.
            self._journal.submit(lambda ledger: ledger.settle(request, written)).add_done_callback(retrieved)
        finally:
            self._purse.settle(taken, spent)
        if came is not NOT_SENT:
            self._heed(outcome)
        if canaries:
            self._compare(now, outcome)
        return outcome

    def _heed(self, outcome: Outcome) -> None:
        """Learn from what came of a request when, and whether, to send the next.

        Raises:
            Stop: nothing more is to be sent.
        """
        if outcome.stop is not None:
            raise outcome.stop
        if outcome.wait_s is not None:
            if outcome.wait_s > self._options.limits.patience:
                raise Stop("the API asks to wait long", received=f"{outcome.wait_s:,.0f} s", hint="run it again then")
            self._pause.ask_for(outcome.wait_s)
        self._breaker.note(outcome.succeeded, outcome.reason)

    async def _may_be_sent(self) -> bool:
        """Wait until rate, pause and breaker let a request through; false where the session ends meanwhile."""
        await self._sleep(self._bucket.wait_s())
        while not self._stopping.is_set():
            wait = self._pause.wait_s() or self._breaker.wait_s()
            if not wait:
                return True
            await self._sleep(wait)
        return False

    async def _sleep(self, seconds: float) -> None:
        """Sleep, but not beyond the end of the session."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _settled(self, now: list[Shown], outcome: Outcome, spent: int, *, last: bool) -> Settled:
        answers: dict[bytes, bytes] = {}
        failures = []
        for one, part in zip(now, outcome.parts, strict=True):
            if isinstance(part, bytes):
                answers[one.example] = part
            elif (part.good or last) and not outcome.halve and outcome.stop is None:
                failures.append(LedgerFailure(one.example, part.reason, part.good))
        self._answered += len(answers)
        self._failed += len(failures)
        return Settled(outcome.status, spent, answers, failures)

    def _compare(self, now: list[Shown], outcome: Outcome) -> None:
        ids = [one.example for one in now]
        known = self._ledger.raw(ids)
        for example, part in zip(ids, outcome.parts, strict=True):
            if isinstance(part, bytes):
                require_unchanged(self._api, example, known[example], part)
                self._compared += 1

    def _tell(self) -> None:
        if self._options.progress is not None:
            done = self._answered + self._failed + self._ahead.known
            total = self._total - self._ahead.repeated
            self._options.progress(min(done, total), total)


def _may_be_asked_again(part: bytes | Refusal) -> bool:
    return not isinstance(part, bytes) and not part.good
