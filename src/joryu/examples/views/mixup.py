"""Mixup: blend a view, and its label, with the same view of another example."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.examples import Examples, Ids, distinct_rows
from joryu.examples.hashing import Draws, Words

SHARES = 1 << 16  #: a share λ is a whole number of 65,536ths, so that blending is exact integer arithmetic everywhere
_LEVELS = 1 << 16


@dataclass(frozen=True, slots=True)
class Mixup:
    """``mixup:ALPHA``: ``λ · x + (1 − λ) · x'`` with λ ~ Beta(α, α) (Zhang et al. 2018, "mixup", eq. 1).

    The partner is chosen by hash from the distinct examples sorted by id, so the same *set* always gives the same
    partner. λ is the Beta quantile of a hash; for seed 0, λ = 1.

    >>> Mixup(0.2).spec
    'mixup:0.2'

    Raises:
        InputError: ``alpha`` is not a positive number.
    """

    alpha: float
    _sorted: list[tuple[Ids, Tensor]] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.alpha) and self.alpha > 0):
            raise InputError("mixup is not usable", expected="mixup:ALPHA with ALPHA > 0", received=self.spec)

    @property
    def spec(self) -> str:
        return f"mixup:{self.alpha!r}".removesuffix(".0")

    def partners(self, examples: Examples, draws: Draws) -> Tensor:
        """The row of each partner, int64 ``[B]``."""
        order = self._order(examples.ids)
        return order[torch.from_numpy(draws.integers(len(order), lane=1))]

    def shares(self, draws: Draws, seeds: Words) -> Tensor:
        """λ, each example's own share of its blend, in 65,536ths: int32 ``[B]``."""
        shares = _beta_quantiles(self.alpha)[draws.integers(_LEVELS)]
        return torch.from_numpy(np.where(seeds == 0, np.int32(SHARES), shares))

    def _order(self, ids: Ids) -> Tensor:
        """The rows of the distinct examples sorted by id; cached for the last set, as training needs it every batch."""
        if not (self._sorted and self._sorted[0][0] is ids):
            self._sorted[:] = [(ids, torch.from_numpy(distinct_rows(ids)))]
        return self._sorted[0][1]


def draws_of(ids: Ids, seeds: Words) -> Draws:
    """The random numbers of mixup: lane 0 for the share λ, lane 1 for the partner."""
    return Draws(ids, seeds, "mixup")


def blend(own: Tensor, other: Tensor, shares: Tensor) -> Tensor:
    """``λ · own + (1 − λ) · other``, ``[B, ...]``; uint8 is computed in exact integer arithmetic and rounded."""
    shares = shares.to(own.device).view(-1, *(1,) * (own.ndim - 1))
    if own.dtype == torch.uint8:
        rounded = own.to(torch.int32).sub_(other).mul_(shares).add_(SHARES // 2).bitwise_right_shift_(16)
        return rounded.add_(other).to(torch.uint8)
    return torch.lerp(other, own, (shares / SHARES).to(own.dtype))


@lru_cache(maxsize=8)
def _beta_quantiles(alpha: float) -> npt.NDArray[np.int32]:
    """65,536 equally likely values of λ ~ Beta(α, α), in 65,536ths: a table, because a lookup is far quicker."""
    from scipy.special import betaincinv  # noqa: PLC0415  (a fifth of a second that only mixup needs)

    middles = (np.arange(_LEVELS) + 0.5) / _LEVELS
    shares: npt.NDArray[np.int32] = np.rint(betaincinv(alpha, alpha, middles) * SHARES).astype(np.int32)
    return shares
