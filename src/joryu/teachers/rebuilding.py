"""Make a store anew from the ledger of its answers, with another vocabulary; nobody is asked."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from joryu.durable import exchange_folder, finish_exchange, require_free, sole_writer
from joryu.errors import InputError
from joryu.examples import Examples
from joryu.remote.ledger import Ledger
from joryu.targets.encoding import Encoding
from joryu.targets.store import Store
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.teachers.recorded import FAMILY, find_recorded, vocabulary_of

NEW: Final = ".rebuilt"  #: added to the folder's name while the new store is written
OLD: Final = ".before"  #: added to the name of the old store, until the new one is in its place


def ledger_spec_of(store: Store) -> str:
    """Where the ledger of a store lies.

    Raises:
        InputError: the store was not made from one.
    """
    family, _, rest = (store.teacher_spec or "").partition(":")
    if family != FAMILY or not rest:
        raise InputError(
            f"{store.path} was not made from recorded answers", expected="a store of a paid teacher",
            received=store.manifest.teacher.description, hint="joryu label --teacher google-vision makes one",
        )  # fmt: skip
    return rest.partition(",vocabulary=")[0]


def rebuild(
    store: Store,
    examples: Examples,
    *,
    most: int | None,
    at_least: int = 1,
    out: Path | None = None,
    options: LabelOptions | None = None,
) -> Store:
    """Make the store anew, with the ``most`` frequent tags of its ledger among those that came ``at_least`` so often.

    The new store is written beside the old one and takes its place when it is complete; with ``out`` it goes there, and
    the old one stays.

    Raises:
        InputError: the store has no ledger, no tag is left, ``out`` is there already, or the store is being written to.
    """
    finish(store.path)
    options = options or LabelOptions()
    place = ledger_spec_of(store)
    new = out or store.path.with_name(store.path.name + NEW)
    if out is not None:
        require_free(out)
    with ExitStack() as stack:
        if out is None:
            stack.enter_context(sole_writer(store.path))
            shutil.rmtree(new, ignore_errors=True)  # of a rebuilding that was interrupted
        ledger = stack.enter_context(Ledger.read(Path(place)))
        vocabulary = vocabulary_of(ledger, most=most, at_least=at_least)
        spec = f"{place},vocabulary={vocabulary.save(ledger.folder)}"
        teacher, known = find_recorded(spec, examples)
        made_for, kept = store.manifest.examples, store.manifest.encoding
        origin = LabelOrigin(
            teacher=f"{FAMILY}:{spec}", examples=store.examples_spec, split=made_for.split, size=made_for.size,
            command=options.origin.command,
        )  # fmt: skip
        encoding = None
        if kept is not None and kept.k is not None:
            encoding = Encoding(layout="top-k", k=min(kept.k, teacher.k), dtype=kept.dtype)
        made = label_examples(
            teacher, known, new, options=LabelOptions(encoding=encoding, progress=options.progress, origin=origin)
        )
        if out is not None:
            return made
        old = store.path.with_name(store.path.name + OLD)
        exchange_folder(store.path, new, old)
        shutil.rmtree(old)
    return Store.open(store.path)


def finish(path: Path) -> None:
    """Finish a `rebuild` that was killed between its two renames, so that no store is there."""
    finish_exchange(path, path.with_name(path.name + NEW), path.with_name(path.name + OLD))
    if path.exists():
        shutil.rmtree(path.with_name(path.name + OLD), ignore_errors=True)
