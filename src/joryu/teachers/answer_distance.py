"""The distance between stored answers and answers given now, and how much of it rounding alone can explain.

The tolerance is computed from the *fresh* answer, never from the stored one: otherwise a damaged stored answer with
large values would give itself a large tolerance.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from joryu.questions import Link
from joryu.targets.compact import half_steps
from joryu.targets.coverage import NO_ANSWER, covers
from joryu.targets.encoding import COARSE, Encoding, decode, encode
from joryu.targets.soft_targets import SoftTargets, Space

NOISE = 1e-4
"""What a probability may move by because the same example sat in another batch, or ran on other hardware; a number or a
variance by so much of the largest in the batch."""

MOST = COARSE * 2**-13
"""Nothing explains more in probability: half a float16 unit of the largest logit kept as it is, 1/16, moves the two
best classes apart by ``p (1 - p) * 2 / 16 <= 1/32``."""

SOFTER = 4.0
"""Logits are compared once more at this temperature, as students see them: what is far below the best shows there."""

SUMS = 8 * torch.finfo(torch.float32).eps
"""What adding up in another order changes of a logit, relative to the largest of its row."""

SUMS_IN_BF16 = 2.0**-10
"""The same where products are taken in bf16: another sum may round a unit to its neighbour, 2⁻⁸ away. With oneDNN's
products and PyTorch's own, a ResNet-18's logits came 3e-4 of the largest apart, Hinton's MNIST teacher's 2e-5."""

SECOND_ORDER = 1.05  # steps are at most 1/8 where they count, and the bounds below are of first order


class Distance(NamedTuple):
    """Absolute errors ``[B, n]`` in probability (for numbers: in their units), and what rounding explains of each."""

    errors: Tensor
    explained: Tensor

    def within(self, tolerance: float | None) -> Tensor:
        """Whether all errors of a row are explained, or within ``tolerance``: bool ``[B]``; False for rows with NaN."""
        return (self.errors <= (self.explained if tolerance is None else tolerance)).all(1)


def distances(stored: SoftTargets, fresh: SoftTargets, encoding: Encoding, *, sums: float = SUMS) -> list[Distance]:
    """Stored answers against fresh ones, row by row: at their own temperature and, of logits, at a softer one.

    A logit that is off by ``d_i`` moves ``p_i`` by ``p_i (d_i + Σ_j p_j d_j)`` at most, a tag by ``p (1 - p) d``;
    ``d`` is half a unit of the stored type beside the fresh value, as the store would lay it out, and what adding up in
    another order changes: ``sums``, relative to the largest of the row.
    """
    if stored.space is Space.NUMBERS:
        return _distances_of_numbers(stored, fresh, encoding, sums)
    step = _step(fresh, encoding, sums)
    before, now = stored.probs(), fresh.probs()
    gap, explained = (before - now).abs(), _explained(now, step, stored)
    own = Distance(_answered(gap, before, now, stored, fresh).flatten(1), explained.flatten(1))
    if stored.space is not Space.LOGITS:
        return [own]
    before, now = (_softer(_named(part.logits(), stored), stored) for part in (stored, fresh))
    explained = _explained(now, _named(step, stored).clamp_min(0) / SOFTER, stored)
    return [own, Distance((before - now).abs().flatten(1), explained.flatten(1))]


def _distances_of_numbers(stored: SoftTargets, fresh: SoftTargets, encoding: Encoding, sums: float) -> list[Distance]:
    found = []
    for before, now, unit in (
        (stored.numbers(), fresh.numbers(), _half_unit(encoding)),
        *([] if stored.variance is None or fresh.variance is None else [(stored.variance, fresh.variance, 0.0)]),
    ):
        size = now.float().abs()
        largest = size.flatten(0, -2).amax(0) if len(now) else size  # of each number, as each has a unit of its own
        explained = NOISE * largest + (unit + sums) * size
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


def _step(fresh: SoftTargets, encoding: Encoding, sums: float) -> Tensor:
    """How far rounding and adding up may move each class's logit, ``[B, ..., C]``."""
    logits = fresh.logits()
    if fresh.space is not Space.LOGITS:  # a relative step of a probability is an absolute one of its logarithm
        return torch.full_like(logits, _half_unit(encoding) + sums)
    laid_out = logits
    if encoding.k is not None:
        laid_out = logits if fresh.link.independent else torch.log_softmax(logits, -1)
    elif fresh.indices is None:
        encoded = encode(fresh, encoding)
        laid_out = decode(encoded.columns, encoded.form, fresh.question, encoding).values.float()
    summed = sums * logits.abs().amax(-1, keepdim=True)
    if encoding.dtype == "uint8":
        return half_steps(laid_out, fresh.link) + summed
    return _half_unit(encoding) * laid_out.abs() + summed


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
