"""`SoftTargets`: a small immutable typed batch of answers, which every teacher gives and every objective takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.targets.coverage import NO_ANSWER, covers, least_kept, spread, tail_share

TINY = torch.finfo(torch.float32).tiny  #: the floor under a probability before its logarithm is taken
SCORE_FLOOR = 1e-6  #: scores are kept this far from 0 and 1 before their log-odds are taken


class Space(StrEnum):
    """The space the values live in."""

    LOGITS = "logits"  #: unnormalised log-probabilities (or, per tag, log-odds)
    PROBS = "probs"  #: a distribution over classes, summing to one
    SCORES = "scores"  #: one independent probability per tag
    VOTES = "votes"  #: counts of voters per class
    DIRICHLET = "dirichlet"  #: concentrations of a Dirichlet over class distributions


class Kind(StrEnum):
    """The question that was asked."""

    ONE_OF_MANY = "one-of-many"
    MANY_OF_MANY = "many-of-many"
    PER_PIXEL = "per-pixel"
    PER_FRAME = "per-frame"
    REGRESSION = "regression"


Name = TypeVar("Name", Space, Kind)


def _member(names: type[Name], name: str) -> Name:
    try:
        return names(name)
    except ValueError as error:
        expected = ", ".join(names)
        raise InputError(f"unknown {names.__name__.lower()}", expected=expected, received=repr(name)) from error


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SoftTargets:
    """A batch of answers.

    Shapes, with ``B`` rows, ``C`` classes, ``k`` kept answers and ``M`` members (an axis that is present only when
    ``members`` is true):

    * dense: ``values [B, (M,) C]`` (per-pixel and per-frame kinds put their sites before the class axis);
    * top-k: ``values [B, (M,) k]`` with ``indices [B, (M,) k]`` (int64), best first; an index of -1 marks an empty
      place, for a teacher that gave fewer than ``k`` answers.

    *Not returned is not zero.* ``coverage`` (bool, the shape of dense values) says which classes were really answered;
    a top-k row covers what its indices name. Of every other class it is only known that it lies below ``bound``
    (``[B]``, same space as the values; a top-k row without one is bounded by its least kept answer). So that the mass
    left over is known too, one-of-many *logits* that are top-k or partly covered must be log-probabilities; `top_k`
    sees to it.

    ``temperature`` is the one the values were already softened with (1 for raw answers). ``weight`` (``[B]``) scales
    each row's loss; ``None`` means one. ``signals`` (``[B, S]``, named by ``signal_names``) is what was measured of a
    teacher while it answered, such as a person's response time; what was not measured is NaN, never 0.

    >>> targets = SoftTargets(values=torch.tensor([[2.0, 0.0]]), space=Space.LOGITS, n_classes=2)
    >>> targets.probs().round(decimals=3)
    tensor([[0.8810, 0.1190]])

    Raises:
        InputError: shapes that do not fit one another, a temperature that is not a positive number, a space that does
            not fit the kind, or coverage of tags without a bound.
    """

    values: Tensor
    space: Space
    n_classes: int
    kind: Kind = Kind.ONE_OF_MANY
    indices: Tensor | None = None
    temperature: float = 1.0
    weight: Tensor | None = None
    coverage: Tensor | None = None
    bound: Tensor | None = None
    members: bool = False
    signals: Tensor | None = None
    signal_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Plain strings are welcome, but everything below compares members: "logits" must become Space.LOGITS.
        object.__setattr__(self, "space", _member(Space, self.space))
        object.__setattr__(self, "kind", _member(Kind, self.kind))
        if not 0 < self.temperature < math.inf:
            raise InputError("soft targets need a temperature", expected="a number > 0", received=self.temperature)
        self._check_values()
        self._check_coverage()
        self._check_signals()
        for name, part in (("weight", self.weight), ("bound", self.bound)):
            if part is not None and part.shape != self.values.shape[:1]:
                expected = f"shape ({len(self.values)},)"
                raise InputError(f"{name} needs one number per row", expected=expected, received=tuple(part.shape))

    def _check_values(self) -> None:
        shape = tuple(self.values.shape)
        if len(shape) < 2 + self.members:
            raise InputError(
                "soft targets need a row axis and a class axis",
                expected=f"at least {2 + self.members} axes",
                received=f"shape {shape}",
            )
        if self.kind in (Kind.ONE_OF_MANY, Kind.MANY_OF_MANY) and len(shape) != 2 + self.members:
            raise InputError(
                "one answer per example has no axis beside its row and its classes",
                expected="[rows, members, classes]" if self.members else "[rows, classes]",
                received=f"shape {shape}",
                hint="members=True keeps several teachers' answers apart",
            )
        if self.indices is None and shape[-1] != self.n_classes:
            raise InputError(
                "dense soft targets need one value per class",
                expected=f"{self.n_classes} on the last axis",
                received=f"shape {shape}",
            )
        if self.indices is not None and (self.indices.shape != self.values.shape or self.indices.dtype != torch.int64):
            raise InputError(
                "top-k soft targets need one index per value",
                expected=f"int64 indices of shape {shape}",
                received=f"{self.indices.dtype} of shape {tuple(self.indices.shape)}",
            )
        if self.kind is Kind.MANY_OF_MANY and self.space in (Space.PROBS, Space.VOTES, Space.DIRICHLET):
            raise InputError("this space cannot hold tags", expected="scores or logits", received=self.space.value)
        if self.indices is not None and self.space is Space.DIRICHLET:
            raise InputError("concentrations cannot be cut to the best k", expected="dense values", received="indices")

    def _check_coverage(self) -> None:
        if self.coverage is None:
            return
        if self.indices is not None or self.space in (Space.VOTES, Space.DIRICHLET):
            raise InputError(
                "coverage belongs to dense logits, probabilities or scores",
                received=f"{'dense' if self.indices is None else 'top-k'} {self.space}",
                hint="the indices of top-k rows say what they cover",
            )
        if self.coverage.shape != self.values.shape or self.coverage.dtype != torch.bool:
            raise InputError(
                "coverage needs one flag per value",
                expected=f"bool of shape {tuple(self.values.shape)}",
                received=f"{self.coverage.dtype} of shape {tuple(self.coverage.shape)}",
            )
        if self.per_tag and self.bound is None:
            raise InputError(
                "coverage of tags needs a bound",
                expected="the score that every tag not returned lies below, per row",
                received=None,
                hint="try bound=torch.ones(rows) where nothing is known",
            )

    def _check_signals(self) -> None:
        expected = (len(self.values), len(self.signal_names))
        if (self.signals is None and not self.signal_names) or (
            self.signals is not None and self.signal_names and tuple(self.signals.shape) == expected
        ):
            return
        raise InputError(
            "signals need one number per row and name",
            expected=f"signals of shape {expected}" if self.signal_names else "names of the signals",
            received=None if self.signals is None else tuple(self.signals.shape),
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def per_tag(self) -> bool:
        """Whether each class is a question of its own (a sigmoid each), not one of several answers (one softmax)."""
        return self.space is Space.SCORES or self.kind is Kind.MANY_OF_MANY

    def _map(self, change: Callable[[Tensor], Tensor]) -> SoftTargets:
        # What was sound stays sound, row by row: to check it again would cost a training step more than to cut it.
        changed = object.__new__(type(self))
        for name in self.__slots__:
            part = getattr(self, name)
            object.__setattr__(changed, name, change(part) if isinstance(part, Tensor) else part)
        return changed

    def select(self, rows: Tensor | slice) -> SoftTargets:
        """The given rows, as a new batch."""
        return self._map(lambda part: part[rows])

    def to(self, device: torch.device | str) -> SoftTargets:
        """The same batch on another device."""
        return self._map(lambda part: part.to(device, non_blocking=True))

    def dense(self) -> SoftTargets:
        """Every class given a value; what was not answered is filled in.

        One of many: the mass left over, shared evenly, but no more than the least answer or the ``bound``: the
        maximum-entropy reading of what is known. Tags: the ``bound`` itself, with ``coverage`` false. Votes: zero. With
        ``k = C`` nothing is left to fill.
        """
        if self.indices is None and self.coverage is None:
            return self
        values = self._filled()
        if self.space is Space.VOTES:
            return replace(self, values=values, indices=None)
        coverage = self.coverage if self.indices is None else covers(self.indices, self.n_classes)
        bound = self._known_bound() if self.per_tag else self.bound
        return replace(self, values=values, indices=None, coverage=coverage, bound=bound)

    def _filled(self) -> Tensor:
        """Values for every class."""
        values = _wide(self.values)
        if self.indices is None and self.coverage is None:
            return values
        fill = self._fill(values)
        if self.indices is not None:
            return spread(values, self.indices, self.n_classes, fill)
        return torch.where(self._answered(), values, fill)

    def _fill(self, values: Tensor) -> Tensor:
        """``[..., 1]``: what a class that was not answered gets, row by row."""
        if self.space is Space.VOTES:
            return values.new_zeros(1)
        if self.per_tag:
            return self._per_row(self._known_bound())
        answered, log = self._answered(), self.space is Space.LOGITS
        share = tail_share(values.exp() if log else values, answered, self.n_classes)
        least = values.masked_fill(~answered, math.inf).amin(-1, keepdim=True)
        fill = torch.minimum(share.log() if log else share, least)
        return fill if self.bound is None else torch.minimum(fill, self._per_row(self.bound))

    def _answered(self) -> Tensor:
        """Which of the values are answers."""
        if self.indices is not None:
            return self.indices != NO_ANSWER
        return torch.ones_like(self.values, dtype=torch.bool) if self.coverage is None else self.coverage

    def _known_bound(self) -> Tensor:
        """Tags: what no tag left out exceeds; without a bound, the least answer of the row."""
        if self.bound is not None:
            return self.bound
        return least_kept(_wide(self.values), self._answered(), self._top)

    @property
    def _top(self) -> float:
        """What no value of this space exceeds."""
        return math.inf if self.space is Space.LOGITS else 1.0

    def _per_row(self, numbers: Tensor) -> Tensor:
        return _wide(numbers).reshape(-1, *[1] * (self.values.ndim - 1))

    def log_probs(self, temperature: float | None = None) -> Tensor:
        """Log-probabilities ``[B, (M,) C]``, softened at ``temperature`` (default: as they were produced).

        ``log_softmax(logits · own temperature / temperature)``; tags take the log-sigmoid instead, each for itself.
        Softening what is not logits uses ``log p`` as logits (they differ by a constant that the softmax forgets), with
        a floor at the smallest normal float32. float32, or float64 where the values are.
        """
        logits = self.logits()
        if temperature is not None and temperature != self.temperature:
            logits = logits * (self.temperature / temperature)
        return torch.nn.functional.logsigmoid(logits) if self.per_tag else torch.log_softmax(logits, dim=-1)

    def probs(self, temperature: float | None = None) -> Tensor:
        """Probabilities ``[B, (M,) C]``; see `log_probs`."""
        return self.log_probs(temperature).exp()

    def logits(self) -> Tensor:
        """Dense logits ``[B, (M,) C]`` at the temperature of the batch; float32, or float64 where the values are.

        Probabilities, votes and Dirichlet concentrations become the logarithm of their (mean) distribution.
        """
        values = self._filled()
        if self.space is Space.LOGITS:
            return values
        if self.per_tag:
            return torch.logit(values, eps=SCORE_FLOOR)
        totals = values.sum(-1, keepdim=True).clamp_min(TINY)
        return (values / totals).clamp_min(TINY).log()

    def top_k(self, k: int) -> SoftTargets:
        """The ``k`` best answers of each row, best first; one-of-many logits are normalised, so that the tail is known.

        Raises:
            InputError: ``k`` outside ``1..C``, or Dirichlet concentrations, which cannot be cut.
        """
        if not 1 <= k <= self.n_classes:
            raise InputError("k is not usable", expected=f"1 <= k <= {self.n_classes} classes", received=k)
        values, covered = _wide(self.values), self._answered()
        if self.indices is not None:
            values = spread(values, self.indices, self.n_classes, values.new_zeros(1))
            covered = covers(self.indices, self.n_classes)
        elif self.space is Space.LOGITS and not self.per_tag and self.coverage is None:
            values = torch.log_softmax(values, dim=-1)
        top = values.masked_fill(~covered, -math.inf).topk(k, dim=-1)
        kept = covered.gather(-1, top.indices)
        bound = self.bound
        if self.per_tag:  # what is dropped lies below the least answer kept, what was missing before below the bound
            least = least_kept(top.values, kept, self._top)
            bound = least if bound is None else torch.maximum(bound.to(least.dtype), least)
        indices = top.indices.masked_fill(~kept, NO_ANSWER)
        return replace(self, values=top.values.masked_fill(~kept, 0), indices=indices, coverage=None, bound=bound)

    def mean(self, temperature: float | None = None) -> SoftTargets:
        """Members averaged as probabilities, softened at ``temperature`` first; a no-op without members.

        ``p = 1/M Σ_m softmax(v_m / T)``: the arithmetic mean of Hinton et al. 2015, §3. A tag is covered where every
        member answered it.
        """
        if not self.members:
            return self
        full = self.dense()
        own = self.temperature if temperature is None else temperature
        probs = full.probs(own).mean(1)
        space, coverage, bound = (Space.SCORES if self.per_tag else Space.PROBS), None, None
        if self.per_tag and full.coverage is not None:
            coverage = full.coverage.all(1)
            bound = probs.masked_fill(coverage, 0).reshape(len(probs), -1).amax(1)
        return replace(full, values=probs, space=space, temperature=own, coverage=coverage, bound=bound, members=False)


def _wide(values: Tensor) -> Tensor:
    """At least float32: half precision erases what a high temperature would teach."""
    return values if values.dtype in (torch.float32, torch.float64) else values.float()
