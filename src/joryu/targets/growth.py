"""Let a store grow with its set: new examples are asked about, old answers stay, and former sets are recorded.

The ids that each former set brought are kept in files beside the manifest. From them the batches in which these were
asked can be made again, so that a labelling that was interrupted gives the same bits as one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from joryu.durable import durable_file
from joryu.errors import InputError, MismatchError
from joryu.examples import Ids, distinct_rows
from joryu.examples.views import parse_views
from joryu.targets.failures import id_from_hex, read_failures
from joryu.targets.index import Rows, find_ids
from joryu.targets.manifest import FormerExamples, Manifest
from joryu.targets.provenance import now
from joryu.targets.shards import list_shards
from joryu.targets.store import Store


class Growth(NamedTuple):
    """How the set of a store has changed since it was last labelled, in numbers of distinct examples."""

    new: int  #: in the set, and the teacher was never asked about them
    kept: int  #: in the set, and the teacher was asked about them
    gone: int  #: no longer in the set, and the teacher was asked about them


class Grown(NamedTuple):
    """The manifest of a store for its new set, how the set changed, and the ids that its present set brought."""

    manifest: Manifest
    growth: Growth
    brought: Ids


def grow(folder: Path, stored: Manifest, wanted: Manifest, ids: Ids) -> Grown | None:
    """Extend a store to a set with these distinct ``ids``, of which the teacher was asked about some before.

    ``stored`` is the store's manifest, ``wanted`` that of the new labelling. ``None`` means that the store does not
    grow: its set is the same, it has no answer yet, or no example is in both sets. Then `Manifest.require` decides.

    Raises:
        MismatchError: the store's views blend examples of its set, so that another set would have other views.
        InputError: the store is damaged.
    """
    if stored.examples.fingerprint == wanted.examples.fingerprint:
        return None
    if not list_shards(folder).current and not read_failures(folder):
        return None
    store = Store.open(folder)
    known = _known(store)
    kept = int((find_ids(known, ids) >= 0).sum())
    if not kept:
        return None
    if stored.n_views and parse_views(stored.views).blends:
        raise MismatchError(
            f"the views {stored.views} blend examples of the set that the teacher was shown, and this set is another",
            expected=f"the {stored.examples.count} examples {stored.examples.spec or stored.examples.name} unchanged",
            received=f"{len(ids)} examples, {kept} of them among those", hint="label into another folder",
        )  # fmt: skip
    former = read_former(folder, stored)
    brought = known if not former else known[find_ids(np.concatenate(former), known) < 0]
    answered = sum(int((~store.missing(ids, seed)).sum()) for seed in range(stored.n_views + 1))
    record = FormerExamples(**stored.examples.model_dump(), brought=len(brought), until=now())
    changes = {
        "examples": wanted.examples,
        "former": (*stored.former, record),
        "strangers": len(store) - answered,
    }
    if wanted.examples.spec is not None:  # both specs were typed anew, in a folder that may be another one
        typed_in = {"typed_in": wanted.provenance.typed_in}
        changes |= {"teacher": wanted.teacher, "provenance": stored.provenance.model_copy(update=typed_in)}
    growth = Growth(new=len(ids) - kept, kept=kept, gone=len(known) - kept)
    return Grown(stored.model_copy(update=changes), growth, brought)


def write_former(folder: Path, grown: Grown) -> None:
    """Write the ids that the former set brought. This must be done before the manifest is written, which needs them."""
    with durable_file(folder / _file(len(grown.manifest.former))) as file:
        file.write(np.ascontiguousarray(grown.brought, dtype="<u8").tobytes())


def read_former(folder: Path, manifest: Manifest) -> list[Ids]:
    """The ids that each former set brought, uint64 ``[n, 2]``, in their order.

    Raises:
        InputError: a file of ids is missing or damaged.
    """
    found = []
    for number, record in enumerate(manifest.former, start=1):
        path = folder / _file(number)
        content = path.read_bytes() if path.is_file() else b""
        if len(content) != 16 * record.brought:
            raise InputError(
                f"{path} is missing or damaged", expected=f"{record.brought} ids of 16 bytes",
                received=f"{len(content)} bytes", hint="put it back from a copy, or label into another folder",
            )  # fmt: skip
        found.append(np.frombuffer(content, dtype="<u8").reshape(-1, 2).astype(np.uint64))
    return found


def former_rows(ids: Ids, former: Sequence[Ids]) -> tuple[Rows, ...]:
    """The rows in ``ids`` of the ids that each former set brought; -1 for those that are no longer there."""
    return tuple(find_ids(ids, brought) for brought in former)


def _known(store: Store) -> Ids:
    """All ids that the teacher was ever asked about, without repeats, in their order."""
    ids = [shard.columns["id"] for shard in store.shards]
    ids += (
        [np.stack([id_from_hex(failure.id) for failure in failures])] if (failures := read_failures(store.path)) else []
    )
    every = np.concatenate(ids)
    return every[distinct_rows(every)]


def _file(number: int) -> str:
    return f"former-{number:04d}.ids"
