"""The labelling loop: every example and view to the teacher once, every answer to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

from joryu.errors import InputError, MismatchError, Stop
from joryu.examples import Examples, Ids, distinct_rows
from joryu.examples.collected import OriginCounts
from joryu.examples.places import typed_in
from joryu.examples.views import Views
from joryu.precision import require_wish
from joryu.questions import difference
from joryu.targets.encoding import Encoding
from joryu.targets.growth import Growth, former_rows, grow, read_former
from joryu.targets.manifest import FILE, ExamplesRecord, Manifest, Provenance, TeacherRecord
from joryu.targets.store import Store
from joryu.targets.writer import Flush, StoreWriter
from joryu.teachers.asking import Asker
from joryu.teachers.grid import Grid
from joryu.teachers.precision import SAMPLE, WORTH, StorePrecision, Wish, require_same_precision
from joryu.teachers.recheck import recheck
from joryu.teachers.teacher import Composed, Teacher, TeacherBatch
from joryu.teachers.verify import Verification

BATCH_SIZE = 256


@dataclass(frozen=True, slots=True)
class LabelOrigin:
    """How to find the teacher and the examples again (their specs), and what was typed; for the manifest.

    ``order`` names the classes in the teacher's own order, where that is not the examples'.
    """

    teacher: str | None = None
    order: tuple[str, ...] | None = None
    examples: str | None = None
    split: str | None = None
    size: int | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """How to label.

    Args:
        encoding: what is kept of an answer; by default everything, logits about pixels in one byte each where that
            changes little (`joryu.targets.rounding`), other logits in float16, and anything else in float32.
        batch_size: how many examples the teacher sees at once; by default what the store began with, or 256.
        flush: when the open shard is written.
        patience: give up when so many examples in a row, asked one by one, have failed: the teacher is at fault then.
        recheck: ask one batch again before going on with a store, to see that its answers are still the teacher's; not
            for a teacher that is paid by the answer.
        precision: what a network computes at; ``auto`` is that of a store with answers, and of a new one bf16 where
            a sample shows that it changes nothing (`joryu.teachers.precision`), else float32.
        progress: called with (keys answered or tried, keys in all) after every batch.
        origin: specs and command, for the manifest.
    """

    encoding: Encoding | None = None
    batch_size: int | None = None
    flush: Flush = field(default_factory=Flush)
    patience: int = 20
    recheck: bool = True
    precision: Wish = "auto"
    progress: Callable[[int, int], None] | None = None
    origin: LabelOrigin = field(default_factory=LabelOrigin)


class Labelled(NamedTuple):
    """A store, and what labelling it took.

    ``asked`` keys were asked, ``kept`` answers were there already. ``again`` is what came of one batch of these asked
    again; ``None`` where there was none, or nobody wanted to know. ``growth`` is how the set has changed, if it has.
    """

    store: Store
    asked: int
    kept: int
    again: Verification | None
    growth: Growth | None = None


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
    ended; but for one batch of them, which shows whether they are still the teacher's (``recheck``). Distinct examples
    are asked in the order of their ids, in batches that never change, since a matrix product may round differently in a
    batch of another size: the resumed store equals an uninterrupted one to the bit.

    Where the set has grown since, new examples are asked about and old answers stay; those about examples that are no
    longer in the set stay too, and are not counted.

    What a teacher's reply says it failed on, and answers that are not finite, go to ``failures.jsonl`` and never into
    the store, and are asked again by the next run. A batch that a teacher raises an error on is halved until the
    examples at fault stand alone. A teacher that stops (its budget is spent) is no failure: what it answered is kept.

    Args:
        teacher: who answers.
        examples: what is asked about; a set that names no classes takes the teacher's.
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
        InputError: views asked for but not given, or not to be had of these examples; another process writes to
            ``out``; a shard there is damaged.
        MismatchError: ``out`` holds soft targets of another teacher, other examples, classes, views or encoding; or
            answers that the teacher does not give any more, though its fingerprint is the same; or the teacher answers
            another question than the examples ask.
        Stop: the teacher can be asked no more; the same call goes on where it stopped.
        JoryuError: the teacher failed on everything it was asked, or the disk does not take the answers.
    """
    return label_and_count(teacher, examples, out, views=views, n_views=n_views, options=options).store


def label_and_count(
    teacher: Teacher,
    examples: Examples,
    out: Path | str,
    *,
    views: Views | None = None,
    n_views: int = 0,
    options: LabelOptions = LabelOptions(),
) -> Labelled:
    """`label_examples`, and what it took."""
    if n_views and views is None:
        raise InputError("views were asked for but not described", received=f"n_views={n_views}", hint="give views too")
    if n_views and views is not None and len(examples):  # before a manifest is written or the teacher asked
        views.apply(examples, torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64))
    require_wish(options.precision)
    examples = examples.asked(teacher.question)
    _require_question(teacher, examples)
    manifest, ids = _manifest(teacher, examples, Path(out), n_views, views, options)
    _require_continuation(Path(out), examples, manifest, options.precision)
    # Before the store is opened for writing: that one is refused must not leave it with views it had not.
    try:
        again = recheck(teacher, examples, Path(out), views=views, wanted=manifest) if options.recheck else None
        with StoreWriter(out, manifest, flush=options.flush, ids=ids) as writer:
            if again is not None:
                writer.spend(**again.cost.model_dump())
            former = former_rows(examples.ids, read_former(writer.path, writer.manifest))
            done = _ask_missing(teacher, examples, views, Grid.of(examples, n_views, former), writer, options)
    except Stop as stop:
        raise _how_to_go_on(stop, Path(out), manifest) from stop
    return done if again is None else done._replace(again=again.found)


def _ask_missing(
    teacher: Teacher, examples: Examples, views: Views | None, grid: Grid, writer: StoreWriter, options: LabelOptions
) -> Labelled:
    begun = Store.open(writer.path)
    begun.require_sound()  # now: the merge at the end would refuse too, but with the teacher asked and paid

    def sample() -> Iterator[TeacherBatch]:
        return _sample(examples, views, grid, begun, writer.manifest.batch_size)

    asker = Asker(teacher, writer, options.patience, StorePrecision(teacher, writer, options.precision, sample))
    done = asked = 0
    for size, batch in grid.asked(examples, views, grid.batches(examples, begun, writer.manifest.batch_size)):
        if batch is not None:
            asker.ask(batch)
            asked += len(batch)
        done += size
        if options.progress is not None:
            options.progress(done, grid.total)
    store = writer.compact()
    if len(store) == 0:
        raise asker.complaint("the teacher could answer nothing")
    return Labelled(store, asked, grid.total - asked, None, writer.growth)


def _sample(
    examples: Examples, views: Views | None, grid: Grid, begun: Store, batch_size: int
) -> Iterator[TeacherBatch]:
    """The first that are asked: ids are hashes, so their order is a random one, and these are spread over the set."""
    left = SAMPLE if grid.total >= WORTH else 0
    for _, keys in grid.batches(examples, begun, batch_size) if left else ():
        batch = grid.batch(examples, views, keys).part(slice(0, left))
        yield batch
        left -= len(batch)
        if not left:
            return


def growth_of(teacher: Teacher, examples: Examples, out: Path) -> Growth | None:
    """How the set has changed since the store that is there was last labelled; ``None`` if it has not.

    Raises:
        InputError: the store is damaged.
        MismatchError: its views blend examples of the set, which must then not change.
    """
    if not (out / FILE).is_file():
        return None
    wanted, ids = _manifest(teacher, examples.asked(teacher.question), out, 0, None, LabelOptions())
    grown = grow(out, Manifest.read(out), wanted, ids)
    return None if grown is None else grown.growth


def would_add_views(out: Path, views: Views | None, n_views: int) -> bool:
    """Whether labelling would give a store that is already there more views than it was made with."""
    if views is None or not (out / FILE).is_file():
        return False
    stored = Manifest.read(out)
    return stored.n_views < n_views and stored.views in (None, views.spec)


def _require_question(teacher: Teacher, examples: Examples) -> None:
    """Check that the teacher answers the question of the examples; a student would learn another one otherwise.

    Raises:
        MismatchError: the two questions differ in names, order, link or grid.
    """
    if (found := difference(examples.asked_question, teacher.question)) is not None:
        raise MismatchError(
            "the teacher answers another question than the examples ask", expected=found[0], received=found[1],
            hint="choose a teacher of this question, or name the examples' outputs as the teacher does (--classes)",
        )  # fmt: skip


def _size_shown(examples: Examples, origin: LabelOrigin) -> int | None:
    """The size to record in the store, from which the same inputs can be read again; ``None``: as the files are.

    It is that of the examples' preparation, which may be the teacher's own size and not the one that was typed.
    """
    own = examples.preparation
    if examples.sizes is None or own is None or own.kind != "pictures" or own.height != own.width:
        return origin.size
    native = bool((examples.sizes == own.height).all())
    return None if native and origin.size is None else own.height


def _require_continuation(out: Path, examples: Examples, wanted: Manifest, precision: Wish) -> None:
    """Check that the answers of a store that was begun in ``out`` are of the same kind as those that are to come.

    Raises:
        MismatchError: they are about inputs of another shape, have keys of another kind, or were computed at another
            precision.
    """
    if (out / FILE).is_file() and len(begun := Store.open(out)):
        begun.require_keys(examples)
        begun.manifest.require_shape(wanted.examples.shape)
        require_same_precision(begun.manifest.asked_at, precision)


def _how_to_go_on(stop: Stop, out: Path, wanted: Manifest) -> Stop:
    """The teacher's own words, with how far it came and what to type."""
    total = wanted.examples.count * (wanted.n_views + 1)
    store = Store.open(out)
    answered = len(store) - store.manifest.strangers
    kept = f"what was answered is kept ({answered:,} of {total:,}): run the same command again to go on"
    hint = kept if stop.hint is None else f"{stop.hint}; {kept}"
    return Stop(stop.what, expected=stop.expected, received=stop.received, hint=hint)


def _record(teacher: Teacher, origin: LabelOrigin) -> TeacherRecord:
    """What the manifest says of the teacher; one that is composed of others tells of each."""
    if isinstance(teacher, Composed):
        own = teacher.record()
        return own.model_copy(update={"spec": origin.teacher or own.spec})
    return TeacherRecord(
        fingerprint=teacher.fingerprint, description=origin.teacher or type(teacher).__name__, spec=origin.teacher,
        order=origin.order,
    )  # fmt: skip


def _manifest(
    teacher: Teacher, examples: Examples, out: Path, n_views: int, views: Views | None, options: LabelOptions
) -> tuple[Manifest, Ids]:
    """What the store is to be, and the ids of the distinct examples that it is about."""
    ids = examples.ids[distinct_rows(examples.ids)]
    begun = Manifest.read(out).batch_size if (out / FILE).is_file() else BATCH_SIZE
    origin, counts = options.origin, OriginCounts.of(examples)
    manifest = Manifest(
        question=teacher.question.answer,
        teacher=_record(teacher, origin),
        examples=ExamplesRecord(
            fingerprint=examples.fingerprint,
            name=examples.name,
            count=len(ids),
            spec=origin.examples,
            split=origin.split,
            size=_size_shown(examples, origin),
            shape=tuple(examples.inputs.shape[1:]),
            licences=None if counts is None else counts.licences,
            sources=None if counts is None else counts.sources,
        ),
        keys=examples.keyed_by,
        views=views.spec if views is not None and n_views else None,
        n_views=n_views,
        batch_size=options.batch_size or begun,
        encoding=options.encoding,
        provenance=Provenance(command=origin.command, typed_in=typed_in(out)),
    )
    return manifest, ids
