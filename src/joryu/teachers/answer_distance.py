"""The distance between stored answers and answers given now, and how much of it rounding alone can explain.

The tolerance is computed from the *fresh* answer, never from the stored one: otherwise a damaged stored answer with
large values would give itself a large tolerance.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from joryu.questions import Link
from joryu.targets.coverage import NO_ANSWER, covers
from joryu.targets.encoding import COARSE, Encoding, decode, encode
from joryu.targets.soft_targets import SoftTargets, Space

NOISE = 1e-4
"""What a probability may move by because the same example sat in another batch, or ran on other hardware."""

MOST = COARSE * 2**-13
"""Nothing explains more in probability: half a float16 unit of the largest logit kept as it is, 1/16, moves the two
best classes apart by ``p (1 - p) * 2 / 16 <= 1/32``."""

SOFTER = 4.0
"""Logits are compared once more at this temperature, as students see them: what is far below the best shows there."""

SUMS = 8 * torch.finfo(torch.float32).eps
"""What adding up in another order changes of a logit, relative to the largest of its row."""

SECOND_ORDER = 1.05  # factor for the second order: the bounds below are of first order, for steps of at most 1/8


class Distance(NamedTuple):
    """Absolute errors ``[B, n]`` in probability (for numbers: in their units), and what rounding explains of each."""

    errors: Tensor
    explained: Tensor

    def within(self, tolerance: float | None) -> Tensor:
        """Whether all errors of a row are explained, or within ``tolerance``: bool ``[B]``; False for rows with NaN."""
        return (self.errors <= (self.explained if tolerance is None else tolerance)).all(1)


def distances(stored: SoftTargets, fresh: SoftTargets, encoding: Encoding) -> list[Distance]:
    """Compare stored answers with fresh ones row by row: at their own temperature and, for logits, at a softer one.

    To first order, errors ``d_j`` of the logits move ``p_i`` by at most ``p_i (d_i + Σ_j p_j d_j)``, and a tag by
    ``p (1 - p) d``. ``d`` is half a unit in the last place of the stored type at the fresh value.
    """
    if stored.space is Space.NUMBERS:
        return _distances_of_numbers(stored, fresh, encoding)
    step = _step(fresh, encoding)
    before, now = stored.probs(), fresh.probs()
    gap, explained = (before - now).abs(), _explained(now, step, stored)
    own = Distance(_answered(gap, before, now, stored, fresh).flatten(1), explained.flatten(1))
    if stored.space is not Space.LOGITS:
        return [own]
    before, now = (_softer(_named(part.logits(), stored), stored) for part in (stored, fresh))
    explained = _explained(now, _named(step, stored).clamp_min(0) / SOFTER, stored)
    return [own, Distance((before - now).abs().flatten(1), explained.flatten(1))]


def _distances_of_numbers(stored: SoftTargets, fresh: SoftTargets, encoding: Encoding) -> list[Distance]:
    found = []
    for before, now, unit in (
        (stored.numbers(), fresh.numbers(), _half_unit(encoding)),
        *([] if stored.variance is None or fresh.variance is None else [(stored.variance, fresh.variance, 0.0)]),
    ):
        explained = NOISE + (unit + SUMS) * now.float().abs()
        found.append(Distance((before.float() - now.float()).abs().flatten(1), explained.flatten(1)))
    return found


def _answered(gap: Tensor, before: Tensor, now: Tensor, stored: SoftTargets, fresh: SoftTargets) -> Tensor:
    """The errors of stored outputs; for outputs answered only now, the excess over the bound that the store gives."""
    if stored.indices is None and stored.coverage is None:
        return gap
    known = covers(stored.indices, stored.n_outputs) if stored.indices is not None else stored.coverage
    given = fresh.coverage if fresh.indices is None else covers(fresh.indices, fresh.n_outputs)
    if known is None:
        return gap
    least = before.masked_fill(~known, torch.inf).amin(-1, keepdim=True)
    above = (now - least.where(known.any(-1, keepdim=True), 0.0)).clamp_min(0)
    if stored.indices is None:
        above = torch.minimum(above, (now - before).clamp_min(0))
    if given is not None:
        above = above.where(given, 0.0)
    return gap.where(known, above)


def _explained(probs: Tensor, step: Tensor, stored: SoftTargets) -> Tensor:
    if stored.link is Link.SIGMOID:  # errors are relative for a stored probability, and ``p (1 - p) d`` for a logit
        moved = probs * step if stored.space is Space.PROBS else probs * (1 - probs) * step
    else:
        moved = probs * (step + (probs * step).sum(-1, keepdim=True))
        if stored.indices is None and stored.coverage is None:  # then the softmax removes what all errors share
            moved = moved - 2 * probs * probs * step
    return NOISE + (SECOND_ORDER * moved).clamp_max(MOST)


def _step(fresh: SoftTargets, encoding: Encoding) -> Tensor:
    """The largest error of each class's logit by rounding and summation, ``[B, ..., C]``."""
    logits = fresh.logits()
    if fresh.space is not Space.LOGITS:  # a relative error of a probability is an absolute error of its logarithm
        return torch.full_like(logits, _half_unit(encoding) + SUMS)
    laid_out = logits
    if encoding.k is not None:
        laid_out = logits if fresh.link.independent else torch.log_softmax(logits, -1)
    elif fresh.indices is None:
        encoded = encode(fresh, encoding)
        laid_out = decode(encoded.columns, encoded.form, fresh.question).values.float()
    return _half_unit(encoding) * laid_out.abs() + SUMS * logits.abs().amax(-1, keepdim=True)


def _half_unit(encoding: Encoding) -> float:
    return torch.finfo(torch.float16 if encoding.dtype == "float16" else torch.float32).eps / 2  # rounding to nearest


def _named(dense: Tensor, stored: SoftTargets) -> Tensor:
    """The values of the classes that the stored row holds; all others are minus infinity."""
    if stored.indices is not None:
        return dense.gather(-1, stored.indices.clamp_min(0)).masked_fill(stored.indices == NO_ANSWER, -torch.inf)
    return dense if stored.coverage is None else dense.masked_fill(~stored.coverage, -torch.inf)


def _softer(logits: Tensor, stored: SoftTargets) -> Tensor:
    """Probabilities over the stored classes alone, at `SOFTER` times their temperature; 0 for other classes."""
    return stored.link.probs(logits, SOFTER).where(logits != -torch.inf, 0.0)
