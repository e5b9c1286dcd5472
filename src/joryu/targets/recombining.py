"""Stored answers of several teachers as those of one ensemble, by any rule; nobody is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from joryu.durable import require_free
from joryu.errors import InputError, MismatchError
from joryu.examples import Ids
from joryu.examples.places import typed_in
from joryu.examples.views import parse_views
from joryu.targets.combination import Combination, ensemble_fingerprint
from joryu.targets.encoding import Encoding
from joryu.targets.ensemble_spec import write_ensemble
from joryu.targets.index import Seeds
from joryu.targets.manifest import FILE, Cost, ExamplesRecord, Manifest, Provenance, TeacherRecord
from joryu.targets.members import in_order_of, member_of, require_same_outputs, stack_members
from joryu.targets.store import Store
from joryu.targets.writer import StoreWriter

BATCH = 4096  #: rows combined at a time


class _Member(NamedTuple):
    """One member: the store that holds its answers, and its place on the members axis there."""

    store: Store
    at: int
    record: TeacherRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RecombineOptions:
    """How to recombine.

    ``members`` chooses among all, counted from 1 in the order of the stores; none means all. ``encoding`` is what is
    kept, by default as in the stores. ``progress`` is called with (keys done, keys in all), and ``command`` is what was
    typed, for the manifest.
    """

    members: tuple[int, ...] = ()
    encoding: Encoding | None = None
    progress: Callable[[int, int], None] | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Recombined:
    """The new store, who its members are, and how many keys some member has no answer about."""

    store: Store
    members: tuple[str, ...]
    unanswered: int
    without_views: bool  #: views that some store lacks, or has others of, were left out


def recombine(
    stores: Sequence[Store],
    out: Path | str,
    combination: Combination,
    options: RecombineOptions = RecombineOptions(),
) -> Recombined:
    """Write the answers of several stores as those of one ensemble into ``out``; run again to go on.

    A store of an ensemble brings all its members. The new store equals, bit by bit, that which asking the same ensemble
    gives, so ``joryu label`` goes on with it; but answers that were kept in one byte each stay as they were rounded.
    The cost is what the stores cost. Outputs in another order are mapped by name to that of the first member. Keys that
    some member has no answer about are failures, with its name.

    Raises:
        InputError: no store, no such member, weights for another number of members; or ``out`` holds a store that is
            read, or a run.
        MismatchError: the members answered different questions, at different temperatures, about other examples or
            about inputs with other keys; or ``out`` holds another ensemble.
    """
    chosen = _chosen(stores, options.members)
    combination.require_members(len(chosen))
    place = Path(out)
    if any(store.path.resolve() == place.resolve() for store in stores):
        raise InputError(f"{out} is one of the stores that are combined", expected="a new folder")
    if place.exists() and not (place / FILE).is_file():
        require_free(place)
    for store in stores:
        store.require_sound()
    manifest = _manifest(chosen, combination, place, options)
    seeds = range(manifest.n_views + 1)
    every = [_keys(member.store, set(seeds)) for member in chosen]
    keys = every[0] if all(np.array_equal(one, every[0]) for one in every) else np.unique(np.concatenate(every), axis=0)
    names = tuple(member.record.description for member in chosen)
    with StoreWriter(place, manifest) as writer:
        if manifest.precision is not None:
            writer.keep_precision(manifest.precision)
        begun = Store.open(place)
        missing = begun.missing(keys[:, :2], keys[:, 2]).numpy()
        todo = keys[missing]
        for start in range(0, len(todo), BATCH):
            part = todo[start : start + BATCH]
            _combine(writer, chosen, names, combination, part[:, :2], part[:, 2])
            if options.progress is not None:
                options.progress(int((~missing).sum()) + start + len(part), len(keys))
        made = writer.compact()
    if not len(made):
        raise MismatchError("the stores have no example in common", expected="answers about the same examples",
                            received=", ".join(str(store.path) for store in stores))  # fmt: skip
    most = max(store.manifest.n_views for store in stores)
    return Recombined(made, names, len(keys) - len(made), without_views=manifest.n_views < most)


def _chosen(stores: Sequence[Store], members: Sequence[int]) -> list[_Member]:
    every = [member for store in stores for member in _members(store)]
    if not every:
        raise InputError("there is nothing to combine", expected="one store of answers or more", received="none")
    if strange := [at for at in members if not 1 <= at <= len(every)]:
        raise InputError("no such member", expected=f"1..{len(every)}", received=strange[0])
    if len(set(members)) < len(members):
        raise InputError("a member was chosen twice", received=list(members), hint="give it a larger weight")
    chosen = [every[at - 1] for at in members] or every
    known: dict[str, str] = {}
    for member in chosen:
        name, own = member.record.description, member.record.fingerprint
        if own in known:
            raise InputError(
                "a teacher would be a member twice", expected="teachers that differ",
                received=name if known[own] == name else f"{known[own]} and {name}, which are the same",
                hint="leave one out with --members, or give it a larger weight",
            )  # fmt: skip
        known[own] = name
    return chosen


def _members(store: Store) -> list[_Member]:
    teacher = store.manifest.teacher
    if not store.form.members:
        return [_Member(store, 0, _from_here(store, teacher))]
    if len(teacher.members) != store.form.members:
        raise InputError(
            f"{store.path} does not say who its members are", expected=f"{store.form.members} of them",
            received=f"{len(teacher.members)}",
        )  # fmt: skip
    return [_Member(store, at, _from_here(store, one)) for at, one in enumerate(teacher.members)]


def _from_here(store: Store, record: TeacherRecord) -> TeacherRecord:
    spec = None if record.spec is None else store.from_here(record.spec)
    return record.model_copy(update={"spec": spec, "members": ()})


def _combine(
    writer: StoreWriter, members: Sequence[_Member], names: Sequence[str], combination: Combination, ids: Ids,
    views: Seeds,
) -> None:  # fmt: skip
    """Add the answers about some keys; those that a member has none about are failures."""
    rows = [member.store.find(ids, views) for member in members]
    answered = torch.stack([found >= 0 for found in rows])
    failures = {
        int(key): f"{names[int(answered[:, key].int().argmin())]}: no answer in its store"
        for key in (~answered.all(0)).nonzero()
    }
    if failures:
        writer.fail(ids, views, failures)
    kept = answered.all(0)
    if not bool(kept.any()):
        return
    question = writer.manifest.question
    answers = [
        in_order_of(member_of(member.store.gather(found[kept]), member.at), question, name)
        for member, found, name in zip(members, rows, names, strict=True)
    ]
    writer.add(ids[kept.numpy()], views[kept.numpy()], stack_members(answers, combination, names))
    writer.flush_if_due()


def _keys(store: Store, seeds: set[int]) -> Ids:
    """The answered keys as ``[n, 3]``, ordered by view and id."""
    ids, views = store.keys(torch.arange(store.n_rows))
    keys = np.unique(np.column_stack([views, ids]), axis=0)
    return np.ascontiguousarray(keys[np.isin(keys[:, 0], list(seeds))][:, [1, 2, 0]])


def _manifest(members: Sequence[_Member], combination: Combination, out: Path, options: RecombineOptions) -> Manifest:
    """What the new store is to be; it is that of an ensemble which was asked."""
    first, stores = members[0].store.manifest, list({id(member.store): member.store for member in members}.values())
    for member in members:
        own = member.store.manifest
        require_same_outputs(own.question, first.question, member.record.description)
        if own.keys != first.keys:
            raise MismatchError(
                "the stores name their examples differently", expected=f"keys of {first.keys}",
                received=f"{own.keys} in {member.store.path}", hint="joryu targets rekey gives a store today's keys",
            )  # fmt: skip
    records = tuple(member.record for member in members)
    # With classes in an order that was typed, a spec alone would find another teacher.
    specs = [record.spec for record in records if record.spec is not None and record.order is None]
    manifests = [store.manifest for store in stores]
    precisions = {manifest.precision for manifest in manifests} - {None}
    same_views = _have_same_views(manifests)
    return Manifest(
        question=first.question,
        teacher=TeacherRecord(
            fingerprint=ensemble_fingerprint(combination, [record.fingerprint for record in records]),
            description=f"{combination} of {', '.join(record.description for record in records)}",
            spec=write_ensemble(combination, specs) if len(specs) == len(records) else None,
            members=records,
        ),
        examples=_examples(stores),
        keys=first.keys,
        views=first.views if same_views else None,
        n_views=min(manifest.n_views for manifest in manifests) if same_views else 0,
        batch_size=first.batch_size,
        encoding=options.encoding or _encoding(manifests),
        precision=precisions.pop() if len(precisions) == 1 else None,
        cost=sum((manifest.cost for manifest in manifests), Cost()),
        provenance=Provenance(command=options.command, typed_in=typed_in(out)),
    )


def _have_same_views(manifests: Sequence[Manifest]) -> bool:
    """Whether an example id and a view seed are the same view in all stores.

    A blend is drawn from the whole set, and a view in pixels is another one at another size.
    """
    if len({manifest.views for manifest in manifests}) > 1:
        return False
    views, records = parse_views(manifests[0].views), [manifest.examples for manifest in manifests]
    if views.blends and len({record.fingerprint for record in records}) > 1:
        return False
    return views.relative or len({record.shape for record in records}) == 1


def _examples(stores: Sequence[Store]) -> ExamplesRecord:
    """The set that all were asked about, as the first was shown it: the smallest, as people answer about some."""
    records = [store.manifest.examples for store in stores]
    first, least = records[0], min(records, key=lambda record: record.count)
    seen = {"size": first.size, "shape": first.shape}
    spec = stores[records.index(least)].examples_spec
    return least.model_copy(update={**seen, "spec": spec})


def _encoding(manifests: Sequence[Manifest]) -> Encoding | None:
    """That of all stores; none where they differ, or round to one byte by a scale that members would share."""
    found = {manifest.encoding for manifest in manifests}
    encoding = found.pop() if len(found) == 1 else None
    return None if encoding is None or encoding.dtype == "uint8" else encoding
