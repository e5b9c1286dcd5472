"""Label codecs: for each kind of hard label its shape, its value for unknown, its strata for splits, its blends.

``n`` is the number of examples and ``C`` the number of outputs throughout.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Protocol, final

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions.link import Link

UNKNOWN = -1  #: the label of a class or tag that nobody gave
STRATA = 10  #: groups that a stratified split makes of numbers, and of masks by the share of the picture they cover


class LabelKind(StrEnum):
    """The kinds of hard label: the number of a class, a distribution over classes, a vector of tags, numbers."""

    CLASS = "class"
    DISTRIBUTION = "distribution"
    TAGS = "tags"
    NUMBERS = "numbers"


NATURAL: dict[Link, tuple[LabelKind, ...]] = {
    Link.SOFTMAX: (LabelKind.CLASS, LabelKind.DISTRIBUTION),
    Link.SIGMOID: (LabelKind.TAGS,),
    Link.IDENTITY: (LabelKind.NUMBERS,),
}
"""The kinds of label that outputs of each link can be compared with, the usual one first."""


class LabelCodec(Protocol):
    """Checks, splits and blends the labels of one kind.

    ``n_axes`` is the number of axes of the question's grid: 0, or 2 where each pixel has a label.
    """

    def check(self, labels: Tensor, n_outputs: int, n_axes: int) -> Tensor:
        """Check labels, and give them back in the dtype that they are kept in.

        Raises:
            InputError: labels of this kind have no such shape, dtype or value. No value is rounded to make it fit.
        """
        ...

    def known(self, labels: Tensor) -> Tensor:
        """Which examples have a label for at least one output or pixel: bool ``[n]``."""
        ...

    def hide(self, labels: Tensor, rows: Tensor) -> Tensor:
        """A copy of the labels in which those of ``rows`` (row numbers, or bool ``[n]``) are unknown."""
        ...

    def unknown(self, sites: tuple[int, ...], n_outputs: int) -> Tensor:
        """Unknown labels; ``sites`` is ``(n,)``, or ``(n, height, width)`` for masks."""
        ...

    def occurrences(self, labels: Tensor, n_outputs: int) -> Tensor:
        """In how many examples each output occurs, int64 ``[C]``.

        A class or tag occurs where a label names it, or gives it a share above 0; a number, where it is known.
        """
        ...

    def strata(self, labels: Tensor) -> Tensor:
        """The group of each example in a stratified split, int64 ``[n]``; `UNKNOWN` for an example without a label."""
        ...

    def blend(self, labels: Tensor, others: Tensor, share: Tensor, n_outputs: int) -> Tensor:
        """``share · labels + (1 - share) · others`` as floats (Zhang et al. 2018, "mixup", eq. 1).

        ``share`` is ``[n]``. A blend with an unknown label is unknown, unless the share of the other is 0. Numbers of
        classes ``[n]`` become distributions ``[n, C]``, all zero where unknown.
        """
        ...


@final
class ClassLabels:
    """The number of a class; -1 is unknown.

    They are int64 ``[n]``; masks are int16 ``[n, height, width]``, or int32 from 32,768 classes on. The strata are the
    classes. The stratum of a mask is the class with most pixels, 0 not counted, which is the background by custom.

    >>> codec(LabelKind.CLASS).check(torch.tensor([0, 2, -1]), n_outputs=3, n_axes=0)
    tensor([ 0,  2, -1])
    """

    def check(self, labels: Tensor, n_outputs: int, n_axes: int) -> Tensor:
        _require_axes(labels, 1 + n_axes, "numbers of classes")
        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise InputError(
                "numbers of classes must be whole numbers", expected="an integer dtype", received=labels.dtype,
                hint="convert them yourself if 1.0 means class 1; ask for numbers if they are measurements",
            )  # fmt: skip
        _require_range(labels, n_outputs)
        return labels.long() if n_axes == 0 else labels.to(torch.int16 if n_outputs < 2**15 else torch.int32)

    def known(self, labels: Tensor) -> Tensor:
        return (labels != UNKNOWN).flatten(1).any(1) if labels.ndim > 1 else labels != UNKNOWN

    def hide(self, labels: Tensor, rows: Tensor) -> Tensor:
        return _with(labels, rows, UNKNOWN)

    def unknown(self, sites: tuple[int, ...], n_outputs: int) -> Tensor:
        del n_outputs
        return torch.full(sites, UNKNOWN)

    def occurrences(self, labels: Tensor, n_outputs: int) -> Tensor:
        flat = labels.long().flatten(1) if labels.ndim > 1 else labels.long()[:, None]
        there = torch.zeros(len(flat), n_outputs + 1, dtype=torch.bool)
        return there.scatter_(1, flat + 1, value=True)[:, 1:].sum(0)

    def strata(self, labels: Tensor) -> Tensor:
        if labels.ndim == 1:
            return labels.long()
        # Of a mask: the class that covers most beside the first, which is the background by custom.
        flat = labels.flatten(1).long()
        counts = torch.zeros(len(flat), int(flat.max().clamp_min(0)) + 2).scatter_add_(
            1, flat + 1, torch.ones_like(flat, dtype=torch.float32)
        )
        counts[:, :2] = 0
        best = counts.max(1)
        return torch.where(self.known(labels), torch.where(best.values > 0, best.indices - 1, 0), UNKNOWN)

    def blend(self, labels: Tensor, others: Tensor, share: Tensor, n_outputs: int) -> Tensor:
        one, other = (_one_hot(part.long(), n_outputs) for part in (labels, others))
        known = _both(labels != UNKNOWN, others != UNKNOWN, share)
        return _mixed(one, other, share).masked_fill(~known[..., None], 0)


@final
class DistributionLabels:
    """A distribution over the classes, such as graded labels or shares of votes; all zero is unknown.

    They are float32 ``[n, C]``, or ``[n, height, width, C]`` for masks. The stratum is the class with the largest
    share; of a mask, the one with the largest mean share.

    >>> codec(LabelKind.DISTRIBUTION).strata(torch.tensor([[0.2, 0.8], [0.0, 0.0]]))
    tensor([ 1, -1])
    """

    def check(self, labels: Tensor, n_outputs: int, n_axes: int) -> Tensor:
        _require_axes(labels, 2 + n_axes, "distributions over classes")
        _require_outputs(labels, n_outputs)
        found = labels.float()
        sums = found.sum(-1)
        fits = ((sums - 1).abs() < 1e-3) | (sums == 0)
        if found.numel() and (not bool(fits.all()) or float(found.amin()) < 0):
            raise InputError(
                "distributions over classes must be shares", expected="numbers >= 0 that sum to 1 (0: unknown)",
                received=f"sums {float(sums.min()):g} to {float(sums.max()):g}, least {float(found.amin()):g}",
            )  # fmt: skip
        return found

    def known(self, labels: Tensor) -> Tensor:
        return labels.flatten(1).sum(1) > 0

    def hide(self, labels: Tensor, rows: Tensor) -> Tensor:
        return _with(labels, rows, 0.0)

    def unknown(self, sites: tuple[int, ...], n_outputs: int) -> Tensor:
        return torch.zeros(*sites, n_outputs)

    def occurrences(self, labels: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        return _anywhere(labels > 0)

    def strata(self, labels: Tensor) -> Tensor:
        best = labels if labels.ndim == 2 else labels.flatten(1, -2).mean(1)
        return best.argmax(-1).where(self.known(labels), UNKNOWN)

    def blend(self, labels: Tensor, others: Tensor, share: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        known = _both(labels.sum(-1, keepdim=True) > 0, others.sum(-1, keepdim=True) > 0, share)
        return _mixed(labels, others, share).masked_fill(~known, 0)


def decided(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which tags or pixels are positive, and for which this is known, both bool in the shape of the labels.

    A label above 0.5 is positive. One of exactly 0.5, or of -1, is not known.

    >>> decided(torch.tensor([1.0, 0.7, 0.5, 0.0, -1.0]))
    (tensor([ True,  True, False, False, False]), tensor([ True,  True, False,  True, False]))
    """
    known = labels != UNKNOWN
    if not labels.is_floating_point():
        return labels == 1, known
    return labels > 0.5, known & (labels != 0.5)


@final
class TagLabels:
    """A vector of tags: each 0 or 1 in int8, or a share between in float32; -1 is unknown.

    They are ``[n, C]``, or ``[n, height, width, C]`` for masks. The stratum of an example is the rarest of its tags, so
    that rare tags get into every part of a split. The stratum of a mask is the share of the picture that it covers:
    nothing, or one of ten equal steps.

    >>> codec(LabelKind.TAGS).known(torch.tensor([[1, 0], [-1, -1]], dtype=torch.int8))
    tensor([ True, False])
    """

    def check(self, labels: Tensor, n_outputs: int, n_axes: int) -> Tensor:
        _require_axes(labels, 2 + n_axes, "vectors of tags")
        _require_outputs(labels, n_outputs)
        if labels.is_floating_point():
            found = labels.float()
            wrong = found[(found != UNKNOWN) & ~((found >= 0) & (found <= 1))].tolist()
        else:  # looked at before it is int8, in which a mask's 255 would be the -1 of unknown
            ends = [] if not labels.numel() else [int(labels.min()), int(labels.max())]
            wrong = [end for end in ends if not UNKNOWN <= end <= 1]
            found = labels.to(torch.int8)
        if wrong:
            raise InputError(
                "tags must be 0, 1 or a number between, and -1 where nobody knows", received=f"{wrong[0]:g}"
            )
        return found

    def known(self, labels: Tensor) -> Tensor:
        return (labels != UNKNOWN).flatten(1).any(1)

    def hide(self, labels: Tensor, rows: Tensor) -> Tensor:
        return _with(labels, rows, UNKNOWN)

    def unknown(self, sites: tuple[int, ...], n_outputs: int) -> Tensor:
        return torch.full((*sites, n_outputs), UNKNOWN, dtype=torch.int8)

    def occurrences(self, labels: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        return _anywhere(labels > 0)

    def strata(self, labels: Tensor) -> Tensor:
        known = self.known(labels)
        held = labels.clamp_min(0).float()
        if labels.ndim > 2:  # how much of the picture is covered: nothing, or one of ten equal shares
            covered = held.flatten(1).mean(1)
            return torch.where(covered > 0, 1 + (covered * STRATA).long().clamp_max(STRATA - 1), 0).where(
                known, UNKNOWN
            )
        # The rarest tag that an example has, so that rare tags get into every part (as Sechidis et al. 2011 deal them).
        counts = (held > 0).sum(0).double()
        scores = torch.where(held > 0, counts, math.inf)
        rarest = scores.min(1)
        return torch.where(rarest.values.isfinite(), rarest.indices, labels.shape[1]).where(known, UNKNOWN)

    def blend(self, labels: Tensor, others: Tensor, share: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        known = _both(labels != UNKNOWN, others != UNKNOWN, share)
        return _mixed(labels.float(), others.float(), share).where(known, float(UNKNOWN))


@final
class NumberLabels:
    """Numbers; NaN is unknown.

    They are float32 ``[n, C]``, or ``[n, height, width, C]`` on a grid. The strata are ten equally large groups by the
    mean of an example's numbers.

    >>> codec(LabelKind.NUMBERS).occurrences(torch.tensor([[1.0, 2.0], [3.0, float("nan")]]), n_outputs=2)
    tensor([2, 1])
    """

    def check(self, labels: Tensor, n_outputs: int, n_axes: int) -> Tensor:
        _require_axes(labels, 2 + n_axes, "numbers")
        _require_outputs(labels, n_outputs)
        found = labels.float()
        if bool(found.isinf().any()):
            raise InputError("a number to learn is infinite", expected="finite numbers, NaN where nobody knows")
        return found

    def known(self, labels: Tensor) -> Tensor:
        return (~labels.isnan()).flatten(1).any(1)

    def hide(self, labels: Tensor, rows: Tensor) -> Tensor:
        return _with(labels, rows, math.nan)

    def unknown(self, sites: tuple[int, ...], n_outputs: int) -> Tensor:
        return torch.full((*sites, n_outputs), math.nan)

    def occurrences(self, labels: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        return _anywhere(~labels.isnan())

    def strata(self, labels: Tensor) -> Tensor:
        known = self.known(labels)
        means = labels.flatten(1).nanmean(1).double()
        if not bool(known.any()):
            return torch.full((len(labels),), UNKNOWN)
        edges = torch.quantile(means[known], torch.linspace(0, 1, STRATA + 1, dtype=torch.float64)[1:-1])
        return torch.bucketize(means.nan_to_num(), edges).where(known, UNKNOWN)

    def blend(self, labels: Tensor, others: Tensor, share: Tensor, n_outputs: int) -> Tensor:
        del n_outputs
        known = _both(~labels.isnan(), ~others.isnan(), share)
        return _mixed(labels.nan_to_num(), others.nan_to_num(), share).where(known, math.nan)


CODECS: dict[LabelKind, LabelCodec] = {
    LabelKind.CLASS: ClassLabels(),
    LabelKind.DISTRIBUTION: DistributionLabels(),
    LabelKind.TAGS: TagLabels(),
    LabelKind.NUMBERS: NumberLabels(),
}


def codec(kind: LabelKind) -> LabelCodec:
    """The codec of a kind of label.

    >>> codec(LabelKind.TAGS).unknown((1,), n_outputs=2)
    tensor([[-1, -1]], dtype=torch.int8)
    """
    return CODECS[kind]


def _require_axes(labels: Tensor, n_axes: int, what: str) -> None:
    if labels.ndim != n_axes:
        raise InputError(
            f"these labels are no {what}", expected=f"{n_axes} axes", received=f"shape {list(labels.shape)}"
        )


def _require_outputs(labels: Tensor, n_outputs: int) -> None:
    if labels.shape[-1] != n_outputs:
        raise InputError(
            "labels do not fit the outputs", expected=f"{n_outputs} on the last axis",
            received=f"shape {list(labels.shape)}",
        )  # fmt: skip


def _require_range(labels: Tensor, n_outputs: int) -> None:
    if not labels.numel():
        return
    low, high = int(labels.min()), int(labels.max())
    if low < UNKNOWN or high >= n_outputs:
        raise InputError(
            "labels outside the classes", expected=f"{UNKNOWN} (none) or 0..{n_outputs - 1}", received=f"{low}..{high}"
        )


def _anywhere(flags: Tensor) -> Tensor:
    """In how many examples each output is flagged at one site at least; ``[n, …, C]`` to ``[C]``."""
    return (flags.flatten(1, -2).any(1) if flags.ndim > 2 else flags).sum(0)


def _with(labels: Tensor, rows: Tensor, value: float) -> Tensor:
    changed = labels.clone()
    changed[rows] = value
    return changed


def _one_hot(labels: Tensor, n_outputs: int) -> Tensor:
    return torch.nn.functional.one_hot(labels.clamp_min(0), n_outputs).float()


def _both(known: Tensor, others_known: Tensor, share: Tensor) -> Tensor:
    """Which values of a blend are known: those where both are, or where the other has a share of 0."""
    alone = (share == 1).reshape(-1, *[1] * (known.ndim - 1))
    return known & (others_known | alone)


def _mixed(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    own = share.to(one.dtype).reshape(-1, *[1] * (one.ndim - 1))
    return own * one + (1 - own) * other
