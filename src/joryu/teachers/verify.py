"""Asking the teacher again: do the stored answers still say what it says?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.views import parse_views
from joryu.targets.coverage import NO_ANSWER
from joryu.targets.soft_targets import Kind, SoftTargets, Space
from joryu.targets.store import Store
from joryu.teachers.teacher import Teacher

NOISE = 1e-4
"""What a probability may move by because the same example sat in another batch, or ran on other hardware."""


@dataclass(frozen=True, slots=True)
class Verification:
    """How far stored answers are from those given now; errors are absolute, in probability."""

    asked: int
    max_error: float
    mean_error: float
    within: float  #: the share of rows whose every error is within what the encoding and `NOISE` explain
    ok: bool  #: whether that is all of them

    def to_json(self) -> dict[str, float | int | bool]:
        """As plain numbers."""
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
    """Ask the teacher again about a random sample of stored keys, and read every shard against its checksum.

    A logit ``z`` kept with relative error ``e`` moves a softmax probability by at most ``max|z| * e / 2`` (``p_i (1 -
    p_i) * 2 max|dz|``, to first order), which is what the encoding explains; ``tolerance`` sets one bound for all rows.

    Args:
        store: the stored answers.
        teacher: who gave them.
        examples: what was asked about.
        sample: how many keys to ask about, views included.
        seed: of the sample.
        tolerance: the largest error in probability that passes.

    Raises:
        MismatchError: another teacher, other classes or other examples than the store's.
        InputError: a damaged shard; no key of the sample has an answer.
    """
    manifest = store.manifest
    examples = examples.named(manifest.classes)
    manifest.require(teacher=teacher.fingerprint, classes=teacher.classes, examples=examples.fingerprint)
    store.verify_checksums()
    rows, seeds = _sample(len(examples), manifest.n_views, sample, seed)
    found = store.find(examples.ids[rows.numpy()], seeds.numpy())
    answered = found >= 0
    if not bool(answered.any()):
        raise InputError("no sampled example has soft targets", received=f"{sample} keys", hint="run joryu label first")
    rows, seeds, found = rows[answered], seeds[answered], found[answered]
    views = parse_views(manifest.views)
    errors, limits = [], []
    for start in range(0, len(rows), manifest.batch_size):
        part = slice(start, start + manifest.batch_size)
        stored = store.gather(found[part])
        fresh = teacher.label(views.apply(examples, rows[part], seeds[part]).inputs)
        errors.append(_errors(stored, fresh))
        limits.append(_explained(stored) if tolerance is None else torch.full((len(stored),), tolerance))
    error, limit = torch.cat(errors), torch.cat(limits)
    within = float((error.amax(1) <= limit).float().mean())
    return Verification(len(rows), float(error.max()), float(error.mean()), within, within == 1.0)


def _sample(n_examples: int, n_views: int, sample: int, seed: int) -> tuple[Tensor, Tensor]:
    total = n_examples * (n_views + 1)
    chosen = torch.from_numpy(np.sort(np.random.default_rng(seed).choice(total, min(sample, total), replace=False)))
    return chosen % n_examples, chosen // n_examples


def _errors(stored: SoftTargets, fresh: SoftTargets) -> Tensor:
    before, now = _comparable(stored), _comparable(fresh)
    if stored.indices is not None:
        named = stored.indices.clamp_min(0)
        gap = (before.gather(-1, named) - now.gather(-1, named)).where(stored.indices != NO_ANSWER, 0.0)
    else:
        gap = before - now
        if stored.coverage is not None:
            gap = gap.where(stored.coverage, 0.0)
    return gap.abs().flatten(1)


def _comparable(soft_targets: SoftTargets) -> Tensor:
    return soft_targets.values.float() if soft_targets.kind is Kind.REGRESSION else soft_targets.probs()


def _explained(stored: SoftTargets) -> Tensor:
    precision = torch.finfo(stored.values.dtype).eps / 2  # rounding to nearest
    largest = stored.values.float().abs().flatten(1).amax(1).clamp_min(1)
    factor = 0.5 if stored.space is Space.LOGITS and stored.kind is not Kind.REGRESSION else 1.0
    return NOISE + factor * precision * largest
