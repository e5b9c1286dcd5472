"""All that a teacher is asked: every example and view, in an order and in batches that nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
import torch

from joryu.examples import Examples, distinct_rows
from joryu.examples.ahead import one_ahead
from joryu.examples.inputs import is_held
from joryu.examples.views import Views
from joryu.targets.index import Rows
from joryu.targets.store import Store
from joryu.teachers.teacher import TeacherBatch


class Keys(NamedTuple):
    """Some examples under one view: their row numbers and its seed."""

    rows: Rows
    view: int


class Grid(NamedTuple):
    """All keys, in an order and in groups that depend on nothing but the set of examples, and on how it grew.

    ``groups`` are rows of distinct examples in the order of their ids: one group for each set that the store was made
    for, holding what was new in it. Row -1 is an example that is no longer in the set, whose place stays.
    """

    groups: tuple[Rows, ...]
    n_views: int

    @classmethod
    def of(cls, examples: Examples, n_views: int, earlier: Sequence[Rows] = ()) -> Self:
        """Of a store that has grown, ``earlier`` are the rows of its former sets."""
        rows = distinct_rows(examples.ids)
        if not earlier:
            return cls((rows,), n_views)
        former = np.zeros(len(examples), dtype=bool)
        for group in earlier:
            former[group[group >= 0]] = True
        return cls((*earlier, rows[~former[rows]]), n_views)

    @property
    def n_examples(self) -> int:
        """How many examples there are to ask about."""
        return sum(int((rows >= 0).sum()) for rows in self.groups)

    @property
    def total(self) -> int:
        """How many keys."""
        return self.n_examples * (self.n_views + 1)

    def batches(self, examples: Examples, store: Store, batch_size: int) -> Iterator[tuple[int, Keys]]:
        """Each batch's full size and those of its keys that have no answer yet.

        Shards hold whole batches, so after a kill a batch is there or not; it is there in part only where examples
        failed, and then those alone are asked again.
        """
        for view in range(self.n_views + 1):
            for rows in self.groups:
                there = rows >= 0
                missing = store.missing(examples.ids[rows], view).numpy() & there
                if missing.all():  # all at once: batch by batch it would cost a small teacher a hundredth of its time
                    for start in range(0, len(rows), batch_size):
                        part = rows[start : start + batch_size]
                        yield len(part), Keys(part, view)
                    continue
                for start in range(0, len(rows), batch_size):
                    stop = start + batch_size
                    yield int(there[start:stop].sum()), Keys(rows[start:stop][missing[start:stop]], view)

    def answered(self, examples: Examples, store: Store, batch_size: int) -> Keys | None:
        """A batch that has all its answers, to be asked again just as it was; else what there is of the fullest."""
        best: Keys | None = None
        for view in range(self.n_views + 1):
            for rows in self.groups:
                there = ~store.missing(examples.ids[rows], view).numpy() & (rows >= 0)
                parts = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
                kept = [part[there[at * batch_size : at * batch_size + len(part)]] for at, part in enumerate(parts)]
                found = max(kept, key=len, default=rows[:0])
                if len(found) > (0 if best is None else len(best.rows)):
                    best = Keys(found, view)
                    if len(found) == batch_size:
                        return best
        return best

    def asked(
        self, examples: Examples, views: Views | None, batches: Iterable[tuple[int, Keys]]
    ) -> Iterator[tuple[int, TeacherBatch | None]]:
        """What the teacher is asked, batch by batch, ``None`` where nothing is missing.

        Inputs that are not held are read while the teacher answers about those before.
        """

        def ready(batch: tuple[int, Keys]) -> tuple[int, TeacherBatch | None]:
            size, keys = batch
            return size, self.batch(examples, views, keys) if len(keys.rows) else None

        return map(ready, batches) if is_held(examples.inputs) else one_ahead(ready, batches)

    def batch(self, examples: Examples, views: Views | None, keys: Keys) -> TeacherBatch:
        """What the teacher is asked about some keys."""
        rows = torch.from_numpy(keys.rows)
        if views is None or keys.view == 0:
            return TeacherBatch.of(examples, rows)
        seeds = torch.full((len(rows),), keys.view)
        return TeacherBatch.of(examples, rows, seeds=seeds, inputs=views.apply(examples, rows, seeds).inputs)
