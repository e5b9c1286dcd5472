"""Convert a store whose keys are hashes of pixels, as they once were, to keys that are hashes of files.

Nothing is asked again. The new store is written beside the old one, and takes its place when it is complete. The old
store is renamed and kept.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from joryu.durable import exchange_folder, finish_exchange, sole_writer
from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import Examples, Ids, distinct_rows
from joryu.targets.failures import id_from_hex, id_to_hex, read_failures
from joryu.targets.index import Rows
from joryu.targets.manifest import Manifest
from joryu.targets.store import Store
from joryu.targets.writer import StoreWriter

NEW: Final = ".rekeyed"  #: added to the folder's name while the new store is written
OLD: Final = ".by-pixels"  #: added to the name of the folder in which the old store is kept
_BLOCK = 16_384


class Rekeyed(NamedTuple):
    """The result of `rekey`."""

    store: Store  #: the new store
    moved: int  #: the number of answers in it
    left: int  #: the number of answers that are in the old store alone
    aside: Path  #: the folder of the old store


def rekey(
    store: Store, examples: Examples, *, without_views: bool = False, progress: Callable[[int, int], None] | None = None
) -> Rekeyed:
    """Give the answers of a store the ids that their examples have today. If it was interrupted, run it again.

    The ``examples`` must be read at the size at which they were labelled: their `Examples.pixel_ids` are then the
    store's keys. If several files have the same pixels, their one answer becomes an answer for each.

    Answers about views cannot be moved, because views are drawn from the id of their example: the same seed would name
    another view than the teacher was shown. ``without_views`` leaves them in the old store. ``progress`` is called
    with the number of answers that are written and their total.

    Raises:
        InputError: the store is damaged or being written to, its keys need no change, or a folder is in the way.
        MismatchError: none of its answers is about these examples, or it has views.
        JoryuError: the new store cannot be written completely.
    """
    manifest, path = store.manifest, store.path
    if manifest.keys != "pixels" or not (examples.ids != examples.pixel_ids).any():
        raise InputError(f"{path} needs no other keys: its examples are known by them", hint="use it as it is")
    if manifest.n_views and not without_views:
        raise MismatchError(
            f"{path} holds answers about views, which are drawn from the old keys: by the new ones they would be other "
            "views than the teacher was shown", expected="answers about the examples themselves",
            received=f"{manifest.n_views} views ({manifest.views})",
            hint="try --without-views: those answers then stay in the old store alone",
        )  # fmt: skip
    store.require_sound()
    rows = distinct_rows(examples.ids)
    ids, found = examples.ids[rows], store.find(examples.pixel_ids[rows], 0).numpy()
    there = found >= 0
    if not there.any():
        raise MismatchError(
            f"no answer in {path} is about these examples", expected=_wanted(manifest),
            received=f"{len(examples)} examples {examples.name}, pictures of {_size(examples)}",
            hint="name the very set that was labelled, and the --size at which it was",
        )  # fmt: skip
    with sole_writer(path):
        _write(store, path.with_name(path.name + NEW), _described(manifest, examples, len(rows)),
               _Answers(ids[there], found[there], _failed(store, examples)), progress)  # fmt: skip
        exchange_folder(path, path.with_name(path.name + NEW), path.with_name(path.name + OLD))
    left = len(store) - len(np.unique(found[there]))
    return Rekeyed(Store.open(path), int(there.sum()), left, path.with_name(path.name + OLD))


def finish(path: Path) -> None:
    """Rename the new store to ``path`` if `rekey` was killed between its two renames, so that no store is there."""
    finish_exchange(path, path.with_name(path.name + NEW), path.with_name(path.name + OLD))


class _Answers(NamedTuple):
    """The new ids, the row of each one's answer in the old store, and the reasons of failures by new id."""

    ids: Ids
    rows: Rows
    failed: dict[str, str]


def _write(
    old: Store, place: Path, manifest: Manifest, answers: _Answers, progress: Callable[[int, int], None] | None
) -> None:
    with StoreWriter(place, manifest) as writer:
        absent = Store.open(place).missing(answers.ids, 0).numpy()
        ids, rows = answers.ids[absent], answers.rows[absent]
        for start in range(0, len(ids), _BLOCK):
            part = slice(start, start + _BLOCK)
            views = np.zeros(len(ids[part]), dtype=np.uint64)
            columns = old.columns(torch.from_numpy(rows[part]))
            writer.append([{"id": ids[part], "view": views, **columns}])
            writer.flush_if_due()
            if progress is not None:
                progress(min(start + _BLOCK, len(ids)), len(ids))
        known = {failure.id for failure in read_failures(place)}
        fresh = {key: reason for key, reason in answers.failed.items() if key not in known}
        if fresh:
            failed = np.stack([id_from_hex(key) for key in fresh])
            writer.fail(failed, np.zeros(len(failed), dtype=np.uint64), dict(enumerate(fresh.values())))
        new = writer.compact()
    if len(new) != len(answers.ids):
        raise JoryuError(f"{place} is not whole", expected=f"{len(answers.ids)} answers", received=len(new))


def _described(manifest: Manifest, examples: Examples, count: int) -> Manifest:
    record = {"fingerprint": examples.fingerprint, "count": count, "shape": tuple(examples.inputs.shape[1:])}
    about = manifest.examples.model_copy(update=record)
    changes = {"keys": examples.keyed_by, "examples": about, "views": None, "n_views": 0, "former": (), "strangers": 0}
    return manifest.model_copy(update=changes)


def _failed(store: Store, examples: Examples) -> dict[str, str]:
    """The reasons of the teacher's failures on some of the examples, by new id."""
    reasons = {failure.id: failure.reason for failure in store.failures() if failure.view == 0}
    keys = ((id_to_hex(new), id_to_hex(old)) for new, old in zip(examples.ids, examples.pixel_ids, strict=True))
    return {new: reasons[old] for new, old in keys if old in reasons} if reasons else {}


def _wanted(manifest: Manifest) -> str:
    made_for = manifest.examples
    size = f" at size {made_for.size}" if made_for.size else ""
    return f"the {made_for.count} examples {made_for.spec or made_for.name}{size}"


def _size(examples: Examples) -> str:
    return "×".join(map(str, reversed(examples.inputs.shape[2:])))
