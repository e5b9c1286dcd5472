"""Ask a teacher about one batch; an error is narrowed down to the examples that cause it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError, Stop
from joryu.examples.shown import shown_as
from joryu.targets.encoding import Columns
from joryu.targets.manifest import Cost
from joryu.targets.writer import StoreWriter
from joryu.teachers.precision import StorePrecision
from joryu.teachers.teacher import ONE_REQUEST, Reply, Teacher, TeacherBatch

_NOT_FINITE = "answers that are not finite"
_REASON_LENGTH = 500  # the most characters of an error that are stored


class Asker:
    """Asks a teacher and writes its answers into the store.

    Args:
        teacher: who is asked.
        writer: of the store.
        patience: give up when so many examples in a row have failed.
        precision: at which a network computes.
    """

    def __init__(self, teacher: Teacher, writer: StoreWriter, patience: int, precision: StorePrecision) -> None:
        self._teacher = teacher
        self._precision = precision
        self._writer = writer
        self._patience = patience
        self._in_a_row = 0
        self._shown = ""
        self._blame(_NOT_FINITE, None, None)

    def ask(self, batch: TeacherBatch) -> None:
        """Ask about one batch, and add all its answers to the store together.

        After Ctrl-C nothing of the batch is added, and it is asked again as a whole. After too many failures, the
        answers so far are added.

        Raises:
            Stop: the teacher cannot be asked any more; its answers about this batch so far are added.
        """
        parts: list[Columns] = []
        try:
            for part in self._ask(batch):
                parts.append(part)  # noqa: PERF402 - list() would lose them all on an error
        except JoryuError:
            self._writer.append(parts)
            raise
        self._writer.append(parts)
        self._writer.flush_if_due()

    def complaint(self, what: str) -> JoryuError:
        """The error to raise if the teacher is at fault, and not an example; ``what`` is its message."""
        shown = f", which is shown {self._shown}," if self._shown else ""
        hint = f"mend the teacher{shown} and run the same command again: what was answered is kept"
        return self._own or JoryuError(what, received=self._reason, hint=hint)

    def _ask(self, batch: TeacherBatch) -> Iterator[Columns]:
        started = time.perf_counter()
        if batch.precision != self._precision.asked:  # of a part, too: the first one may have settled it
            batch = replace(batch, precision=self._precision.asked)
        try:
            reply = self._precision.settle(batch, self._teacher.answer(batch))
        except Stop:  # before anything of this batch was asked
            raise
        except (InputError, MismatchError, MissingExtraError):  # these are about the teacher, not about an example
            self._spend(started)
            raise
        except JoryuError as error:
            self._spend(started)
            yield from self._narrow(batch, error, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever a teacher raises counts as a failure to answer
            self._spend(started)
            yield from self._narrow(batch, error, None)
            return
        self._spend(started, reply.cost)
        yield from self._take(batch, reply)
        if reply.stop is not None:
            raise reply.stop

    def _take(self, batch: TeacherBatch, reply: Reply) -> Iterator[Columns]:
        """The answers of a reply as columns of the store; its failures are written to the store's list of failures."""
        n = len(batch)
        answered = reply.answered(n)
        if reply.failures:
            reasons = {at: reason[:_REASON_LENGTH] for at, reason in sorted(reply.failures.items())}
            self._writer.fail(batch.ids, batch.seeds, reasons)
            self._shown = shown_as(batch.inputs)
            self._blame(Counter(reasons.values()).most_common(1)[0][0], None, None)
        if reply.soft_targets is not None and len(answered):
            at = slice(None) if len(answered) == n and reply.rows is None else np.asarray(answered)
            columns = self._writer.encode(batch.ids[at], batch.seeds[at], reply.soft_targets)
            yield columns
            if len(columns["view"]):
                self._in_a_row = 0
                return
            self._blame(_NOT_FINITE, None, None)
            self._count(len(answered) + len(reply.failures))
        elif reply.failures:
            self._count(len(reply.failures))

    def _narrow(self, batch: TeacherBatch, error: Exception, own: JoryuError | None) -> Iterator[Columns]:
        n = len(batch)
        if n > 1:
            yield from self._ask(batch.part(slice(0, n // 2)))
            yield from self._ask(batch.part(slice(n // 2, n)))
            return
        self._shown = shown_as(batch.inputs)
        self._blame(_reason(error), error, own)
        self._writer.fail(batch.ids, batch.seeds, {0: self._reason})
        self._count(1)

    def _blame(self, reason: str, cause: Exception | None, own: JoryuError | None) -> None:
        """Remember the last failure; ``own`` is an error of Joryu's, which already says what to try."""
        self._reason, self._cause, self._own = reason, cause, own

    def _count(self, failed: int) -> None:
        self._in_a_row += failed
        if self._in_a_row >= self._patience:
            what = f"the teacher failed on {self._in_a_row} examples in a row"
            raise self.complaint(what) from (None if self._own else self._cause)

    def _spend(self, started: float, cost: Cost = ONE_REQUEST) -> None:
        seconds = cost.seconds or time.perf_counter() - started
        self._writer.spend(requests=cost.requests, seconds=seconds, money=cost.money)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
