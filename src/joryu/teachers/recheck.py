"""Before a store is gone on with: does the teacher still say what is in it?

A fingerprint covers weights and settings and no code, so a changed `forward` goes unnoticed by it, and a store half of
which was answered before the change would be a silent mix.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, MissingExtraError
from joryu.examples import Examples
from joryu.examples.views import Views
from joryu.targets.manifest import FILE, Manifest
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store
from joryu.teachers.grid import Grid
from joryu.teachers.teacher import Teacher
from joryu.teachers.verify import Verification, compare

KEEP = "label into another folder; --no-recheck goes on all the same"


def recheck(
    teacher: Teacher, examples: Examples, out: Path, *, views: Views | None, wanted: Manifest
) -> Verification | None:
    """Ask again about one whole batch just as it was asked, so that hardly rounding sets the answers apart.

    ``None`` where ``out`` holds no answer about these examples yet.

    Raises:
        MismatchError: the teacher says something else, or the store is another teacher's.
        JoryuError: the teacher cannot answer any more what it did.
        InputError: a shard is damaged.
    """
    if not (out / FILE).is_file():
        return None
    store = Store.open(out)
    if not len(store):
        return None
    store.manifest.require(
        teacher=wanted.teacher.fingerprint, question=wanted.question, examples=wanted.examples.fingerprint,
        encoding=wanted.encoding, batch_size=wanted.batch_size,
    )  # fmt: skip
    grid = Grid.of(examples, wanted.n_views if store.manifest.views == wanted.views else 0)
    keys = grid.answered(store, store.manifest.batch_size)
    if keys is None:
        return None
    store.require_sound()
    answers = list(_answers(teacher, grid.inputs(examples, views, keys)))
    rows = torch.split(store.rows(keys.ids, keys.seeds), [len(part) for part in answers])
    found = compare(store, rows, answers)
    if not found.ok:
        raise MismatchError(
            "the teacher does not say any more what is stored of it",
            expected=f"the same {found.asked} answers, asked again, within what their encoding rounds",
            received=f"{round((1 - found.within) * found.asked)} that differ, by up to {found.max_error:.2g}",
            hint=f"its code or a library has changed: {KEEP}",
        )
    return found


def _answers(teacher: Teacher, inputs: Tensor) -> Iterator[SoftTargets]:
    """The answers about a batch, halved where it is too much at once, as it was when it was asked first."""
    try:
        answers = teacher.label(inputs)
    except (InputError, MismatchError, MissingExtraError):
        raise
    except Exception as error:
        if len(inputs) > 1:
            half = len(inputs) // 2
            yield from _answers(teacher, inputs[:half])
            yield from _answers(teacher, inputs[half:])
            return
        raise JoryuError(
            "the teacher fails on what it answered before", received=f"{type(error).__name__}: {error}", hint=KEEP
        ) from error
    if len(answers) != len(inputs):
        raise MismatchError(
            "the teacher gave another number of answers than it was asked for", expected=len(inputs),
            received=len(answers),
        )  # fmt: skip
    yield answers
