"""The labelling loop: every example and view to the teacher once, every answer to the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import Examples, Ids, distinct_rows
from joryu.examples.views import Views
from joryu.targets.encoding import Columns, Encoding
from joryu.targets.index import Rows, Seeds
from joryu.targets.manifest import FILE, ExamplesRecord, Manifest, Provenance, TeacherRecord
from joryu.targets.store import Store
from joryu.targets.writer import Flush, StoreWriter
from joryu.teachers.teacher import Teacher

BATCH_SIZE = 256
_REASON_LENGTH = 500  # characters of an error worth keeping in the ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """How to find the teacher and the examples again (their specs), and what was typed; for the manifest."""

    teacher: str | None = None
    examples: str | None = None
    split: str | None = None
    size: int | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """How to label.

    Args:
        encoding: what is kept of an answer; by default everything, logits in float16 and anything else in float32.
        batch_size: how many examples the teacher sees at once; by default what the store began with, or 256.
        flush: when the open shard is written.
        patience: give up when so many examples in a row, asked one by one, have failed: the teacher is at fault then.
        progress: called with (keys answered or tried, keys in all) after every batch.
        origin: specs and command, for the manifest.
    """

    encoding: Encoding | None = None
    batch_size: int | None = None
    flush: Flush = field(default_factory=Flush)
    patience: int = 20
    progress: Callable[[int, int], None] | None = None
    origin: Origin = field(default_factory=Origin)


class _Keys(NamedTuple):
    """Some examples under one view: their row numbers, ids and seeds."""

    rows: Rows
    ids: Ids
    seeds: Seeds

    def part(self, start: int, stop: int) -> _Keys:
        return _Keys(self.rows[start:stop], self.ids[start:stop], self.seeds[start:stop])


def label_examples(
    teacher: Teacher,
    examples: Examples,
    out: Path | str,
    *,
    views: Views | None = None,
    n_views: int = 0,
    options: LabelOptions = LabelOptions(),
) -> Store:
    """Ask the teacher about every example (view 0) and about its views 1 to ``n_views``, and keep the answers.

    Keys that already have an answer are not asked again, so an interrupted run goes on where its last whole shard
    ended. Distinct examples are asked in the order of their ids, in batches that never change, since a matrix product
    may round differently in a batch of another size: the resumed store equals an uninterrupted one to the bit.

    A batch that the teacher fails on is halved until the examples at fault stand alone; they, and answers that are not
    finite, go to ``failures.jsonl`` and never into the store, and are asked again by the next run.

    Args:
        teacher: who answers.
        examples: what is asked about.
        out: the store's folder.
        views: augmentations, needed when ``n_views > 0``.
        n_views: how many views of each example besides itself.
        options: encoding, batch size, flushing, progress.

    >>> import tempfile
    >>> from joryu.teachers import Network
    >>> examples = Examples.of(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), classes=["cat", "dog"])
    >>> teacher = Network(torch.nn.Identity(), examples.classes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = label_examples(teacher, examples, folder)
    ...     store.gather(store.rows(examples.ids, 0)).probs().round(decimals=3)
    tensor([[0.8810, 0.1190],
            [0.2690, 0.7310]])

    Raises:
        InputError: views asked for but not given; another process writes to ``out``.
        MismatchError: ``out`` holds soft targets of another teacher, other examples, classes, views or encoding.
        JoryuError: the teacher failed on everything it was asked, or the disk does not take the answers.
    """
    if n_views and views is None:
        raise InputError("views were asked for but not described", received=f"n_views={n_views}", hint="give views too")
    grid = _Grid.of(examples, n_views)
    manifest = _manifest(teacher, examples, Path(out), grid, views, options)
    with StoreWriter(out, manifest, flush=options.flush) as writer:
        asker = _Asker(teacher, writer, options.patience)
        done = 0
        for size, keys in grid.batches(Store.open(out), writer.manifest.batch_size):
            if len(keys.rows):
                asker.label(_inputs(examples, views, keys), keys)
            done += size
            if options.progress is not None:
                options.progress(done, grid.total)
        store = writer.compact()
        if len(store) == 0:
            raise asker.complaint("the teacher could answer nothing")
    return store


class _Grid(NamedTuple):
    """All keys, in an order and in groups that depend on nothing but the set of examples."""

    rows: Rows
    ids: Ids
    n_views: int

    @classmethod
    def of(cls, examples: Examples, n_views: int) -> Self:
        rows = distinct_rows(examples.ids)
        return cls(rows, examples.ids[rows], n_views)

    @property
    def total(self) -> int:
        return len(self.rows) * (self.n_views + 1)

    def batches(self, store: Store, batch_size: int) -> Iterator[tuple[int, _Keys]]:
        """Each batch's full size and those of its keys that have no answer yet.

        Shards hold whole batches, so after a kill a batch is there or not; it is there in part only where examples
        failed, and then those alone are asked again.
        """
        for view in range(self.n_views + 1):
            missing = store.missing(self.ids, view).numpy()
            seeds = np.full(len(self.rows), view, dtype=np.uint64)
            for start in range(0, len(self.rows), batch_size):
                keys = _Keys(self.rows, self.ids, seeds).part(start, start + batch_size)
                absent = missing[start : start + batch_size]
                wanted = keys if absent.all() else _Keys(keys.rows[absent], keys.ids[absent], keys.seeds[absent])
                yield len(keys.rows), wanted


class _Asker:
    """Asks the teacher, and narrows a failure down to the examples at fault."""

    def __init__(self, teacher: Teacher, writer: StoreWriter, patience: int) -> None:
        self._teacher = teacher
        self._writer = writer
        self._patience = patience
        self._in_a_row = 0
        self._last: Exception | str = "an answer that is not finite"

    def label(self, inputs: Tensor, keys: _Keys) -> None:
        """Ask about one batch and add what was answered, all of it at once."""
        self._writer.append(list(self._ask(inputs, keys)))
        self._writer.flush_if_due()

    def complaint(self, what: str) -> JoryuError:
        """The error to raise when the teacher, and not an example, is at fault."""
        if isinstance(self._last, JoryuError):
            return self._last
        return JoryuError(
            what,
            received=self._last if isinstance(self._last, str) else _reason(self._last),
            hint="mend the teacher and run the same command again: what was answered is kept",
        )

    def _ask(self, inputs: Tensor, keys: _Keys) -> Iterator[Columns]:
        started = time.perf_counter()
        try:
            answers = self._teacher.label(inputs)
        except Exception as error:  # noqa: BLE001 - whatever a teacher raises is its failure to answer, not ours
            self._spend(started)
            yield from self._narrow(inputs, keys, error)
            return
        self._spend(started)
        if len(answers) != len(inputs):
            raise MismatchError(
                "the teacher gave another number of answers than it was asked for", expected=len(inputs),
                received=len(answers),
            )  # fmt: skip
        columns = self._writer.encode(keys.ids, keys.seeds, answers)
        usable = len(columns["view"])
        self._count(0 if usable else len(inputs))
        yield columns

    def _narrow(self, inputs: Tensor, keys: _Keys, error: Exception) -> Iterator[Columns]:
        n = len(inputs)
        if n > 1:
            yield from self._ask(inputs[: n // 2], keys.part(0, n // 2))
            yield from self._ask(inputs[n // 2 :], keys.part(n // 2, n))
            return
        self._last = error
        self._writer.fail(keys.ids, keys.seeds, _reason(error))
        self._count(1)

    def _count(self, failed: int) -> None:
        self._in_a_row = self._in_a_row + failed if failed else 0
        if self._in_a_row >= self._patience:
            what = f"the teacher failed on {self._in_a_row} examples in a row"
            raise self.complaint(what) from (self._last if isinstance(self._last, Exception) else None)

    def _spend(self, started: float) -> None:
        self._writer.spend(requests=1, seconds=time.perf_counter() - started)


def _inputs(examples: Examples, views: Views | None, keys: _Keys) -> Tensor:
    rows = torch.from_numpy(keys.rows)
    if views is None or keys.seeds[0] == 0:
        return examples.inputs.index_select(0, rows)
    return views.apply(examples, rows, torch.from_numpy(keys.seeds.astype(np.int64))).inputs


def _manifest(
    teacher: Teacher, examples: Examples, out: Path, grid: _Grid, views: Views | None, options: LabelOptions
) -> Manifest:
    begun = Manifest.read(out).batch_size if (out / FILE).is_file() else BATCH_SIZE
    origin = options.origin
    return Manifest(
        classes=teacher.classes,
        teacher=TeacherRecord(
            fingerprint=teacher.fingerprint,
            description=origin.teacher or type(teacher).__name__,
            spec=origin.teacher,
        ),
        examples=ExamplesRecord(
            fingerprint=examples.fingerprint,
            name=examples.name,
            count=len(grid.rows),
            spec=origin.examples,
            split=origin.split,
            size=origin.size,
        ),
        views=views.spec if views is not None and grid.n_views else None,
        n_views=grid.n_views,
        batch_size=options.batch_size or begun,
        encoding=options.encoding,
        provenance=Provenance(command=origin.command),
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
