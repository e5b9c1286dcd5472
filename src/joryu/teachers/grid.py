"""All that a teacher is asked: every example and view, in an order and in batches that nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from joryu.examples import Examples, Ids, distinct_rows
from joryu.examples.views import Views
from joryu.targets.index import Rows
from joryu.targets.store import Store
from joryu.teachers.asking import Keys


class Grid(NamedTuple):
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

    def batches(self, store: Store, batch_size: int) -> Iterator[tuple[int, Keys]]:
        """Each batch's full size and those of its keys that have no answer yet.

        Shards hold whole batches, so after a kill a batch is there or not; it is there in part only where examples
        failed, and then those alone are asked again.
        """
        for view in range(self.n_views + 1):
            missing = store.missing(self.ids, view).numpy()
            seeds = np.full(len(self.rows), view, dtype=np.uint64)
            for start in range(0, len(self.rows), batch_size):
                keys = Keys(self.rows, self.ids, seeds).part(start, start + batch_size)
                absent = missing[start : start + batch_size]
                wanted = keys if absent.all() else Keys(keys.rows[absent], keys.ids[absent], keys.seeds[absent])
                yield len(keys.rows), wanted

    def answered(self, store: Store, batch_size: int) -> Keys | None:
        """A batch that has all its answers, to be asked again just as it was; else what there is of the fullest."""
        best: Keys | None = None
        for view in range(self.n_views + 1):
            there = ~store.missing(self.ids, view).numpy()
            parts = [
                np.flatnonzero(there[start : start + batch_size]) + start for start in range(0, len(there), batch_size)
            ]
            at = max(parts, key=len)
            if len(at) > (0 if best is None else len(best.rows)):
                best = Keys(self.rows[at], self.ids[at], np.full(len(at), view, dtype=np.uint64))
                if len(at) == batch_size:
                    break
        return best

    def inputs(self, examples: Examples, views: Views | None, keys: Keys) -> Tensor:
        """What the teacher is shown of some keys, which are all of one view."""
        rows = torch.from_numpy(keys.rows)
        if views is None or keys.seeds[0] == 0:
            return examples.inputs.index_select(0, rows)
        return views.apply(examples, rows, torch.from_numpy(keys.seeds.astype(np.int64))).inputs
