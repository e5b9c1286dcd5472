"""`StoreWriter`: adds answers to a store. Only one process at a time writes to a store."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from joryu.durable import remove_leftovers, sole_writer
from joryu.errors import InputError, MismatchError
from joryu.examples import Ids
from joryu.precision import Answering
from joryu.questions import Question, difference
from joryu.targets.compaction import merge_shards
from joryu.targets.encoding import Columns, Encoding, Form, encode
from joryu.targets.failures import FILE as FAILURES
from joryu.targets.failures import FailureLedger, read_failures
from joryu.targets.growth import Growth, grow, write_former
from joryu.targets.index import Seeds
from joryu.targets.manifest import FILE, Cost, Manifest
from joryu.targets.open_shard import OpenShard
from joryu.targets.provenance import now
from joryu.targets.rounding import usual_encoding
from joryu.targets.shards import Span, list_shards, write_shard
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store


@dataclass(frozen=True, slots=True)
class Flush:
    """When to write the open shard: at so many rows or bytes, or seconds after the last one, whichever comes first.

    A killed process loses the open shard and no more. Many small shards are merged at the end
    (`StoreWriter.compact`).
    """

    rows: int = 65_536
    bytes: int = 64 * 2**20
    seconds: float = 30.0


class StoreWriter:
    """Locks a store's folder and adds answers to it; a context manager.

    Args:
        path: the folder; created if absent.
        manifest: the description of the store. If the folder holds a store already, it must agree with this, and the
            store is continued.
        flush: when to write the open shard.
        ids: the ids of the set's distinct examples. A store about some of them then grows to be about all.

    A thread of its own writes the shards, so that the teacher does not wait for the disk. The open shard is written at
    the end of the context, also after an error or Ctrl-C.

    >>> import tempfile, torch
    >>> from joryu.questions import Question
    >>> from joryu.targets import Space
    >>> from joryu.targets.manifest import ExamplesRecord, TeacherRecord
    >>> ids, views = np.array([[1, 2], [3, 4]], dtype=np.uint64), np.zeros(2, dtype=np.uint64)
    >>> manifest = Manifest(
    ...     question=Question.one_of(["cat", "dog"]), teacher=TeacherRecord(fingerprint="f00", description="a person"),
    ...     examples=ExamplesRecord(fingerprint="ba7", name="pets", count=2), batch_size=2,
    ... )
    >>> values = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    >>> answers = SoftTargets(values=values, space=Space.PROBS, question=manifest.question)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with StoreWriter(folder, manifest) as writer:
    ...         writer.add(ids, views, answers)
    ...     store = Store.open(folder)
    ...     store.gather(store.rows(ids[::-1], 0)).probs()
    tensor([[0.5000, 0.5000],
            [0.7500, 0.2500]])

    Raises:
        InputError: another process is writing in the folder, it cannot be written, or it holds a run.
        MismatchError: the folder holds soft targets of another teacher, or with other examples, classes, views,
            encoding or batch size.
        JoryuError: a file cannot be written.
    """

    def __init__(self, path: Path | str, manifest: Manifest, *, flush: Flush = Flush(), ids: Ids | None = None) -> None:
        self.path = Path(path)
        self.growth: Growth | None = None  #: how the set has changed since the store was last written to
        self._flush_at = flush
        with ExitStack() as stack:
            self._take_folder(stack)
            remove_leftovers(self.path)
            self.manifest = self._agree(manifest, ids)
            self._ledger = FailureLedger(self.path)
            self._number = self._tidy_shards()
            self._disk = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="joryu-store"))
            self._stack = stack.pop_all()
        self._open = OpenShard(flush.rows, flush.bytes)
        self._spent = (0, 0.0, 0.0)  # requests, seconds, money since the manifest was last written
        self._flushed = time.monotonic()
        self._writing: Future[None] | None = None

    def _take_folder(self, stack: ExitStack) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / "run.json").is_file():  # both call their lock and their temporary files the same
                raise InputError(
                    f"{self.path} holds a run", expected="a store, or a new folder", hint="choose another folder"
                )
            stack.enter_context(sole_writer(self.path))
        except OSError as error:
            raise InputError(f"cannot write the store {self.path}", received=error.strerror or str(error)) from error

    def _tidy_shards(self) -> int:
        """Delete shards that a killed merge left behind, and return the number of the next shard."""
        listing = list_shards(self.path)
        for span in listing.superseded:
            (self.path / span.name).unlink()
        return listing.next_number

    def _agree(self, wanted: Manifest, ids: Ids | None) -> Manifest:
        if not (self.path / FILE).is_file():
            wanted.write(self.path)
            return wanted
        stored = Manifest.read(self.path)
        if wanted.views is not None and stored.views not in (None, wanted.views) and not self._views_begun():
            # No view was ever answered, so the others cost nothing and must not make the folder useless.
            stored = stored.model_copy(update={"views": wanted.views, "n_views": wanted.n_views})
        grown = None if ids is None else grow(self.path, stored, wanted, ids)
        stored = stored if grown is None else grown.manifest
        try:
            stored.require(
                teacher=wanted.teacher.fingerprint,
                question=wanted.question,
                examples=wanted.examples.fingerprint,
                views=wanted.views,
                encoding=wanted.encoding,
                batch_size=wanted.batch_size,
            )
        except MismatchError:
            if list_shards(self.path).current or (self.path / FAILURES).is_file():
                raise
            wanted.write(self.path)  # nothing was ever answered: a slip in an option must not cost the folder
            return wanted
        if grown is not None:
            write_former(self.path, grown)
            self.growth = grown.growth
        more = {
            "n_views": max(stored.n_views, wanted.n_views),
            "views": stored.views or wanted.views,
            "encoding": stored.encoding or wanted.encoding,
            "examples": stored.examples.with_origins_of(wanted.examples),
        }
        merged = stored.model_copy(update=more)
        if merged != Manifest.read(self.path):
            merged.write(self.path)
        return merged

    def _views_begun(self) -> bool:
        """Whether anything but the examples themselves was answered or failed on."""
        answered = any(bool(shard.columns["view"].any()) for shard in Store.open(self.path).shards)
        return answered or any(failure.view for failure in read_failures(self.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def encode(self, ids: Ids, views: Seeds, soft_targets: SoftTargets) -> Columns:
        """Lay out answers as columns for `append`. Rows that are not finite are recorded as failures instead.

        Raises:
            InputError: the store's encoding cannot hold such answers, as a dense one cannot hold top-k answers.
            MismatchError: the answers are to another question, or have another form (space, temperature, shape) than
                those in the store.
        """
        encoding = self.manifest.encoding
        if encoding is None:
            encoding, rounding = usual_encoding(soft_targets)
            self.manifest = self.manifest.model_copy(update={"rounding": rounding})
        encoded = encode(soft_targets, encoding)
        self._keep_form(encoded.form, encoding, soft_targets.question)
        columns: Columns = {"id": ids, "view": views, **encoded.columns}
        if encoded.unusable:
            self._ledger.append(ids, views, encoded.unusable)
            usable = np.ones(len(ids), dtype=bool)
            usable[list(encoded.unusable)] = False
            columns = {name: column[usable] for name, column in columns.items()}
        return columns

    def keep_precision(self, precision: Answering) -> None:
        """Set the precision at which a network computes all answers of this store; it is written with the first one."""
        self.manifest = self.manifest.model_copy(update={"precision": precision})

    def append(self, parts: list[Columns]) -> None:
        """Add columns of answers to the open shard. A kill loses either all parts of one call or none."""
        self._open.append(parts)

    def add(self, ids: Ids, views: Seeds, soft_targets: SoftTargets) -> None:
        """Add a batch of answers: `encode`, then `append`."""
        self.append([self.encode(ids, views, soft_targets)])

    def fail(self, ids: Ids, views: Seeds, reasons: Mapping[int, str]) -> None:
        """Record failures. ``reasons`` holds the reason of each key that failed, by its position in the arrays."""
        self._ledger.append(ids, views, reasons)

    def spend(self, *, requests: int = 0, seconds: float = 0.0, money: float = 0.0) -> None:
        """Add to the cost of the store; it is written with the next shard."""
        spent = self._spent
        self._spent = (spent[0] + requests, spent[1] + seconds, spent[2] + money)

    def flush_if_due(self) -> None:
        """Write the open shard if `Flush` says so."""
        limit = self._flush_at
        due = len(self._open) >= limit.rows or self._open.nbytes >= limit.bytes
        if due or (len(self._open) and time.monotonic() - self._flushed >= limit.seconds):
            self.flush()

    def flush(self) -> None:
        """Start to write the open shard; it waits only for the shard before.

        Raises:
            JoryuError: the shard before could not be written.
        """
        self._wait()
        if not len(self._open) and not any(self._spent):
            return
        requests, seconds, money = self._spent
        cost = self.manifest.cost + Cost(requests=requests, seconds=seconds, money=money)
        self.manifest = self.manifest.model_copy(update={"cost": cost, "updated": now()})
        columns = self._open.take()
        self._writing = self._disk.submit(self._write, Span(self._number, self._number), columns, self.manifest)
        self._number += 1
        self._spent = (0, 0.0, 0.0)
        self._flushed = time.monotonic()

    def compact(self) -> Store:
        """Write the open shard, merge small shards, drop rows that repeat a key, and return the store.

        If it is killed at any point, every key still has its one answer.

        Raises:
            InputError: a shard is damaged; nothing is merged.
        """
        self.flush()
        self._wait()
        store = Store.open(self.path)
        return Store.open(self.path) if merge_shards(store) else store

    def close(self) -> None:
        """Write the open shard and the manifest, and unlock the folder."""
        with self._stack:
            self.flush()
            self._wait()

    def _keep_form(self, form: Form, encoding: Encoding, question: Question) -> None:
        if (found := difference(self.manifest.question, question)) is not None:
            raise MismatchError("the teacher's answers do not fit its question", expected=found[0], received=found[1])
        if self.manifest.form is None:
            self.manifest = self.manifest.model_copy(update={"form": form, "encoding": encoding})
        elif form != self.manifest.form:
            raise MismatchError(
                "the teacher's answers are of another form than those in the store", expected=self.manifest.form,
                received=form, hint="label into another folder",
            )  # fmt: skip

    def _write(self, span: Span, columns: Columns, manifest: Manifest) -> None:
        manifest.write(self.path)  # before the shard: a shard whose form is unknown could not be read
        if columns:
            write_shard(self.path, span, columns)

    def _wait(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
