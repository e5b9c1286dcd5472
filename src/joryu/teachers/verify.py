"""`verify`: ask the teacher again, and compare with the stored answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.targets.encoding import Encoding
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store
from joryu.teachers.answer_distance import SUMS, SUMS_IN_BF16, distances
from joryu.teachers.teacher import Teacher, TeacherBatch


@dataclass(frozen=True, slots=True)
class Verification:
    """The distance of stored answers from those given now; errors are absolute, in probability (or a number's unit)."""

    asked: int
    max_error: float
    mean_error: float
    within: float  #: the share of rows in which rounding explains every error
    ok: bool  #: whether that is true of all rows

    def to_json(self) -> dict[str, float | int | bool]:
        """The fields as JSON-able data."""
        return asdict(self)


def verify(
    store: Store,
    teacher: Teacher,
    examples: Examples,
    *,
    sample: int = 256,
    seed: int = 0,
    tolerance: float | None = None,
) -> Verification:
    """Ask the teacher again about a random sample of stored keys, and check every shard's checksum.

    A network is asked at the precision of the store. The error that rounding explains is computed from the answer given
    *now*, class by class (`joryu.teachers.answer_distance`), and is never more than 1/32 in probability. ``tolerance``
    replaces it by one bound.

    Args:
        store: the stored answers.
        teacher: the teacher that gave them.
        examples: the examples that were asked about.
        sample: the number of keys to ask about, views included.
        seed: of the random sample.
        tolerance: the largest error in probability that passes.

    >>> import tempfile
    >>> from joryu.teachers import Network
    >>> from joryu.teachers.labelling import label_examples
    >>> examples = Examples.of(torch.randn(64, 4), classes=["cat", "dog"])
    >>> teacher = Network(torch.nn.Linear(4, 2), examples.classes)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = verify(label_examples(teacher, examples, folder), teacher, examples)
    >>> found.asked, found.ok
    (64, True)

    Raises:
        MismatchError: teacher, classes, examples or the shape of the inputs are not the store's.
        InputError: a shard is damaged, or no key of the sample has an answer.
        JoryuError: the teacher fails on some examples now.
        Stop: the teacher cannot be asked any more.
    """
    manifest = store.manifest
    examples = examples.asked(manifest.question)
    manifest.require(teacher=teacher.fingerprint, question=teacher.question, examples=examples.fingerprint)
    manifest.require_shape(tuple(examples.inputs.shape[1:]))
    store.verify_checksums()
    rows, seeds = _sample(len(examples), manifest.n_views, sample, seed)
    found = store.find(examples.ids[rows.numpy()], seeds.numpy())
    answered = found >= 0
    if not bool(answered.any()):
        raise InputError("no sampled example has soft targets", received=f"{sample} keys", hint="run joryu label first")
    rows, seeds, found = rows[answered], seeds[answered], found[answered]
    views = parse_views(manifest.views)
    parts = [slice(start, start + manifest.batch_size) for start in range(0, len(rows), manifest.batch_size)]
    shown = (views.apply(examples, rows[part], seeds[part]).inputs for part in parts)
    batches = (
        TeacherBatch.of(examples, rows[part], seeds=seeds[part], inputs=inputs)
        for part, inputs in zip(parts, shown, strict=True)
    )
    precision = manifest.asked_at or "32-true"
    fresh = (teacher.answer(replace(batch, precision=precision, again=True)).whole(len(batch)) for batch in batches)
    return compare(store, [found[part] for part in parts], fresh, tolerance)


def compare(
    store: Store, rows: Sequence[Tensor], fresh: Iterable[SoftTargets], tolerance: float | None = None
) -> Verification:
    """Compare stored rows with fresh answers, batch by batch; ``tolerance`` as in `verify`."""
    encoding = store.manifest.encoding or Encoding.natural(store.form.space)
    sums = SUMS_IN_BF16 if store.manifest.asked_at == "bf16-mixed" else SUMS
    errors, passed = [], []
    for stored, now in zip(rows, fresh, strict=True):
        found = distances(store.gather(stored), now, encoding, sums=sums)
        errors.append(found[0].errors)
        passed.append(torch.stack([far.within(tolerance) for far in found]).all(0))
    error, within = torch.cat(errors), float(torch.cat(passed).float().mean())
    return Verification(sum(map(len, rows)), float(error.max()), float(error.mean()), within, within == 1.0)


def _sample(n_examples: int, n_views: int, sample: int, seed: int) -> tuple[Tensor, Tensor]:
    total = n_examples * (n_views + 1)
    chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).choice(total, min(sample, total), replace=False)))
    return chosen % n_examples, chosen // n_examples
