"""Asking a teacher about one batch, and narrowing a failure down to the examples at fault."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError
from joryu.examples import Ids
from joryu.examples.shown import shown_as
from joryu.targets.encoding import Columns
from joryu.targets.index import Rows, Seeds
from joryu.targets.writer import StoreWriter
from joryu.teachers.teacher import Teacher

_NOT_FINITE = "answers that are not finite"
_REASON_LENGTH = 500  # characters of an error worth keeping in the ledger


class Keys(NamedTuple):
    """Some examples under one view: their row numbers, ids and seeds."""

    rows: Rows
    ids: Ids
    seeds: Seeds

    def part(self, start: int, stop: int) -> Keys:
        """Some of them."""
        return Keys(self.rows[start:stop], self.ids[start:stop], self.seeds[start:stop])


class Asker:
    """Asks the teacher and hands its answers to the store.

    Args:
        teacher: who is asked.
        writer: of the store.
        patience: give up when so many examples in a row, asked one by one, have failed.
    """

    def __init__(self, teacher: Teacher, writer: StoreWriter, patience: int) -> None:
        self._teacher = teacher
        self._writer = writer
        self._patience = patience
        self._in_a_row = 0
        self._shown = ""
        self._blame(_NOT_FINITE, None, None)

    def label(self, inputs: Tensor, keys: Keys) -> None:
        """Ask about one batch and add what was answered, all of it at once.

        Ctrl-C leaves the batch out, to be asked again as a whole; a teacher given up keeps what it did answer.
        """
        parts: list[Columns] = []
        try:
            for part in self._ask(inputs, keys):
                parts.append(part)  # noqa: PERF402 - list() would forget them all on an error
        except JoryuError:
            self._writer.append(parts)
            raise
        self._writer.append(parts)
        self._writer.flush_if_due()

    def complaint(self, what: str) -> JoryuError:
        """The error to raise when the teacher, and not an example, is at fault."""
        shown = f", which is shown {self._shown}," if self._shown else ""
        hint = f"mend the teacher{shown} and run the same command again: what was answered is kept"
        return self._own or JoryuError(what, received=self._reason, hint=hint)

    def _ask(self, inputs: Tensor, keys: Keys) -> Iterator[Columns]:
        started = time.perf_counter()
        try:
            answers = self._teacher.label(inputs)
        except (InputError, MismatchError, MissingExtraError):  # these speak of the teacher and of no example
            self._spend(started)
            raise
        except JoryuError as error:
            self._spend(started)
            yield from self._narrow(inputs, keys, error, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever a teacher raises is its failure to answer, not ours
            self._spend(started)
            yield from self._narrow(inputs, keys, error, None)
            return
        self._spend(started)
        if len(answers) != len(inputs):
            raise MismatchError(
                "the teacher gave another number of answers than it was asked for", expected=len(inputs),
                received=len(answers),
            )  # fmt: skip
        columns = self._writer.encode(keys.ids, keys.seeds, answers)
        yield columns
        if len(columns["view"]):
            self._in_a_row = 0
        else:
            self._blame(_NOT_FINITE, None, None)
            self._count(len(inputs))

    def _narrow(self, inputs: Tensor, keys: Keys, error: Exception, own: JoryuError | None) -> Iterator[Columns]:
        n = len(inputs)
        if n > 1:
            yield from self._ask(inputs[: n // 2], keys.part(0, n // 2))
            yield from self._ask(inputs[n // 2 :], keys.part(n // 2, n))
            return
        self._shown = shown_as(inputs)
        self._blame(_reason(error), error, own)
        self._writer.fail(keys.ids, keys.seeds, self._reason)
        self._count(1)

    def _blame(self, reason: str, cause: Exception | None, own: JoryuError | None) -> None:
        """Remember the last failure; ``own`` is a cause that already says what to try."""
        self._reason, self._cause, self._own = reason, cause, own

    def _count(self, failed: int) -> None:
        self._in_a_row += failed
        if self._in_a_row >= self._patience:
            what = f"the teacher failed on {self._in_a_row} examples in a row"
            raise self.complaint(what) from (None if self._own else self._cause)

    def _spend(self, started: float) -> None:
        self._writer.spend(requests=1, seconds=time.perf_counter() - started)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
