"""Check, before a store is continued, that the teacher still gives the stored answers.

A fingerprint covers weights and settings but not code. So a changed `forward` has the same fingerprint, and a store
that was half labelled before the change would silently mix two teachers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError, Stop
from joryu.examples import Examples, distinct_rows
from joryu.examples.views import Views
from joryu.targets.growth import former_rows, grow, read_former
from joryu.targets.manifest import FILE, Cost, Manifest
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store
from joryu.teachers.grid import Grid
from joryu.teachers.teacher import Teacher, TeacherBatch
from joryu.teachers.verify import Verification, compare

KEEP = "label into another folder; --no-recheck goes on all the same"


class Rechecked(NamedTuple):
    """The result of a recheck and its cost, which is added to the store's."""

    found: Verification
    cost: Cost


def recheck(
    teacher: Teacher, examples: Examples, out: Path, *, views: Views | None, wanted: Manifest
) -> Rechecked | None:
    """Ask again about one whole batch just as it was asked, its precision too, so that hardly rounding sets the answers
    apart.

    Returns ``None`` if ``out`` holds no answer about these examples yet. Examples that fail now are ignored, unless all
    of them fail.

    Raises:
        MismatchError: the teacher answers differently, or the store is another teacher's.
        JoryuError: the teacher fails on all examples that it answered before.
        Stop: the teacher cannot be asked any more.
        InputError: a shard is damaged.
    """
    if not (out / FILE).is_file():
        return None
    store = Store.open(out)
    if not len(store):
        return None
    grid = _grid(store, examples, wanted)
    keys = grid.answered(examples, store, store.manifest.batch_size)
    if keys is None:
        return None
    store.require_sound()
    batch = replace(grid.batch(examples, views, keys), precision=store.manifest.asked_at or "32-true", again=True)
    replies = list(_replies(teacher, batch))
    rows = store.rows(batch.ids, batch.seeds)
    found = compare(store, [rows[reply.places] for reply in replies], [reply.answers for reply in replies])
    if not found.ok:
        raise MismatchError(
            "the teacher does not say any more what is stored of it",
            expected=f"the same {found.asked} answers, asked again, within what their encoding rounds",
            received=f"{round((1 - found.within) * found.asked)} that differ, by up to {found.max_error:.2g}",
            hint=f"its code or a library has changed: {KEEP}",
        )
    return Rechecked(found, sum((reply.cost for reply in replies), Cost()))


def _grid(store: Store, examples: Examples, wanted: Manifest) -> Grid:
    """The keys of the store, in the batches in which they were asked."""
    grown = grow(store.path, store.manifest, wanted, examples.ids[distinct_rows(examples.ids)])
    manifest = store.manifest if grown is None else grown.manifest
    manifest.require(
        teacher=wanted.teacher.fingerprint, question=wanted.question, examples=wanted.examples.fingerprint,
        encoding=wanted.encoding, batch_size=wanted.batch_size,
    )  # fmt: skip
    former = [*read_former(store.path, store.manifest), *([] if grown is None else [grown.brought])]
    n_views = wanted.n_views if store.manifest.views == wanted.views else 0
    return Grid.of(examples, n_views, former_rows(examples.ids, former))


class _Answered(NamedTuple):
    places: Tensor  #: positions in the batch, int64
    answers: SoftTargets
    cost: Cost


def _replies(teacher: Teacher, batch: TeacherBatch, first: int = 0) -> Iterator[_Answered]:
    """The answers about a batch. If it fails it is halved, as in the first labelling."""
    n, started = len(batch), time.perf_counter()
    try:
        reply = teacher.answer(batch)
    except (Stop, InputError, MismatchError, MissingExtraError):
        raise
    except Exception as error:
        if n > 1:
            yield from _replies(teacher, batch.part(slice(0, n // 2)), first)
            yield from _replies(teacher, batch.part(slice(n // 2, n)), first + n // 2)
            return
        raise _fails(f"{type(error).__name__}: {error}") from error
    places = torch.tensor([first + at for at in reply.answered(n)], dtype=torch.int64)
    if reply.stop is not None:
        raise reply.stop
    if reply.soft_targets is None:
        raise _fails(next(iter(reply.failures.values()), "no answer"))
    seconds = reply.cost.seconds or time.perf_counter() - started
    yield _Answered(places, reply.soft_targets, reply.cost.model_copy(update={"seconds": seconds}))


def _fails(reason: str) -> JoryuError:
    return JoryuError("the teacher fails on what it answered before", received=reason, hint=KEEP)
