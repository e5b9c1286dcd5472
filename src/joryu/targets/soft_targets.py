"""`SoftTargets`: a small immutable typed batch of answers, the one thing every teacher gives and every objective takes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

import torch
from torch import Tensor

from joryu.errors import InputError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftTargets:
    """A batch of answers.

    Shapes, with ``B`` rows, ``C`` classes, ``k`` kept answers and ``M`` members (an axis that is present only when
    ``members`` is true):

    * dense: ``values [B, (M,) C]`` (per-pixel and per-frame kinds put their sites before the class axis);
    * top-k: ``values [B, (M,) k]`` with ``indices [B, (M,) k]`` (int64), best first.

    Top-k *logits* must be normalised (log-probabilities), so that the mass of the tail, ``1 - sum(exp(values))``, is
    known; `top_k` does this. ``temperature`` is the one the values were already softened with (1 for raw answers).
    ``coverage`` (bool ``[B, C]``) says which classes were really answered: a class that was *not returned is not zero*,
    it is only known to lie below ``bound`` (``[B]``, same space as the values). ``weight`` (``[B]``) scales each row's
    loss; ``None`` means one.

    >>> targets = SoftTargets(values=torch.tensor([[2.0, 0.0]]), space=Space.LOGITS, n_classes=2)
    >>> targets.probs().round(decimals=3)
    tensor([[0.8810, 0.1190]])

    Raises:
        InputError: shapes that do not fit one another, or a temperature that is not positive.
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

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise InputError("soft targets need a temperature", expected="a number > 0", received=self.temperature)
        if self.values.ndim < 2 + self.members:
            raise InputError(
                "soft targets need a row axis and a class axis",
                expected=f"at least {2 + self.members} axes",
                received=f"shape {tuple(self.values.shape)}",
            )
        if self.indices is None and self.values.shape[-1] != self.n_classes:
            raise InputError(
                "dense soft targets need one value per class",
                expected=f"{self.n_classes} on the last axis",
                received=f"shape {tuple(self.values.shape)}",
            )
        if self.indices is not None and self.indices.shape != self.values.shape:
            raise InputError(
                "top-k soft targets need one index per value",
                expected=f"indices of shape {tuple(self.values.shape)}",
                received=f"{tuple(self.indices.shape)}",
            )
        rows = len(self.values)
        for name in ("weight", "bound", "coverage"):
            part: Tensor | None = getattr(self, name)
            if part is not None and len(part) != rows:
                raise InputError(f"{name} must have one entry per row", expected=rows, received=len(part))

    def __len__(self) -> int:
        return len(self.values)

    def _map(self, change: object) -> SoftTargets:
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: change(v) for k, v in tensors.items() if torch.is_tensor(v)})  # type: ignore[operator]

    def select(self, rows: Tensor | slice) -> SoftTargets:
        """The given rows, as a new batch."""
        return self._map(lambda part: part[rows])

    def to(self, device: torch.device | str) -> SoftTargets:
        """The same batch on another device."""
        return self._map(lambda part: part.to(device, non_blocking=True))

    def dense(self) -> SoftTargets:
        """Top-k spread back over all classes: the tail's mass is shared evenly, and no more than the least kept answer.

        Sharing evenly is the maximum-entropy reading of what is known. With ``k = C`` this equals the dense batch.
        For ``SCORES`` and ``VOTES`` the classes that were not kept get the bound's midpoint (``bound / 2``) or zero and
        are marked as not covered.
        """
        if self.indices is None:
            return self
        shape = (*self.values.shape[:-1], self.n_classes)
        kept, k = self.values.float(), self.values.shape[-1]
        tail_classes = max(self.n_classes - k, 1)
        if self.space in (Space.LOGITS, Space.PROBS) and self.kind is not Kind.MANY_OF_MANY:
            probs = kept.exp() if self.space is Space.LOGITS else kept
            tail = (1 - probs.sum(-1, keepdim=True)).clamp_min(0) / tail_classes
            tail = torch.minimum(tail, probs.amin(-1, keepdim=True))
            fill = tail.clamp_min(torch.finfo(torch.float32).tiny).log() if self.space is Space.LOGITS else tail
            values = fill.expand(shape).clone().scatter_(-1, self.indices, kept)
            return replace(self, values=values, indices=None)
        covered = torch.zeros(shape, dtype=torch.bool, device=kept.device).scatter_(-1, self.indices, True)
        below = torch.zeros_like(kept[..., :1]) if self.bound is None else self._midpoint().expand_as(kept[..., :1])
        values = below.expand(shape).clone().scatter_(-1, self.indices, kept)
        return replace(self, values=values, indices=None, coverage=covered)

    def _midpoint(self) -> Tensor:
        assert_bound = self.bound if self.bound is not None else torch.zeros(len(self))
        return (assert_bound.float() / 2).reshape(-1, *([1] * (self.values.ndim - 1)))

    def log_probs(self, temperature: float | None = None) -> Tensor:
        """Log-probabilities ``[B, (M,) C]`` in float32, softened at ``temperature`` (default: as they were produced).

        Softening what is not logits uses ``log p`` as logits (they differ by a constant that the softmax forgets), with
        a floor at the smallest normal float32.
        """
        factor = self.temperature / (temperature if temperature is not None else self.temperature)
        return torch.log_softmax(self.logits() * factor, dim=-1)

    def probs(self, temperature: float | None = None) -> Tensor:
        """Probabilities ``[B, (M,) C]`` in float32; see `log_probs`."""
        return self.log_probs(temperature).exp()

    def logits(self) -> Tensor:
        """Dense logits ``[B, (M,) C]`` in float32, at the temperature of the batch."""
        full = self.dense()
        values = full.values.float()
        if full.space is Space.LOGITS:
            return values
        if full.space is Space.SCORES or full.kind is Kind.MANY_OF_MANY:
            return torch.logit(values, eps=1e-6)
        totals = values.sum(-1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        return (values / totals).clamp_min(torch.finfo(torch.float32).tiny).log()

    def top_k(self, k: int) -> SoftTargets:
        """The ``k`` best answers of each row, best first; logits are normalised so that the tail's mass stays known."""
        if not 1 <= k <= self.n_classes:
            raise InputError("k is not usable", expected=f"1 <= k <= {self.n_classes} classes", received=k)
        full = self.dense()
        values = full.values
        if full.space is Space.LOGITS and full.kind is not Kind.MANY_OF_MANY:
            values = torch.log_softmax(values.float(), dim=-1)
        top = values.topk(k, dim=-1)
        return replace(full, values=top.values, indices=top.indices)

    def mean(self) -> SoftTargets:
        """Members averaged as probabilities (the arithmetic mean of Hinton et al. 2015); a no-op without members."""
        if not self.members:
            return self
        return replace(self, values=self.probs().mean(1), space=Space.PROBS, indices=None, members=False)
