"""What can be expected of a tag that a teacher did not return: more of a common tag than of a rare one."""

from __future__ import annotations

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import Link
from joryu.targets.index import Rows
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.targets.store import Store

_PART = 1024  #: rows gathered at a time
_LEVELS = 64  #: quantiles over which the expectation is averaged


def expected_unreturned(store: Store, rows: Rows | Tensor | None = None) -> tuple[float, ...]:
    """The expected probability of each tag given that it was not returned, from how often and how high it was.

    The log-odds of each tag are taken for normal, ``v ~ N(μ_c, s²)`` with one ``s`` for all tags, seen only above the
    row's bound ``b`` (Tobin 1958). A tag returned for a share ``r`` of the rows has ``α = Φ⁻¹(1 - r)`` and
    ``μ = b - s α``; its returned log-odds exceed the bound by ``s (φ(α) / r - α)`` on average, which gives ``s`` by
    least squares over all tags. The result is ``E[σ(v) | v < b]``, with ``σ`` the sigmoid. It is below the bound and
    falls with ``r``.

    Args:
        store: of tags, dense or top-k.
        rows: of the store, those that are taught; all if not given.

    Raises:
        InputError: the store is of another question, or of several members.
    """
    question = store.manifest.question
    if question.link is not Link.SIGMOID or question.grid:
        raise InputError("only tags can be returned or not", expected="a store of tags", received=str(question))
    every = torch.arange(store.n_rows) if rows is None else torch.as_tensor(rows)
    counts, excess = (torch.zeros(len(question), dtype=torch.float64) for _ in range(2))
    bounds, silent = 0.0, 0
    for start in range(0, len(every), _PART):
        part = store.gather(every[start : start + _PART])
        tags, above, bound = _returned(part)
        counts += torch.bincount(tags, minlength=len(question))
        excess += torch.bincount(tags, above.clamp_min(0), minlength=len(question))
        usable = bound.isfinite()
        bounds += float(bound[usable].sum())
        silent += int((~usable).sum())
    said = max(1, len(every) - silent)
    return tuple(_expected(counts, excess, len(every), bounds / said).tolist())


def _returned(part: SoftTargets) -> tuple[Tensor, Tensor, Tensor]:
    """Which tags were returned, how far each lies above its row's bound, and the bounds, in log-odds."""
    if part.members:
        raise InputError("an ensemble returns every tag", expected="answers of one teacher", received="members")
    bound = part.dense().bound if part.bound is None else part.bound
    values = part.values.double()
    if part.space is Space.PROBS:
        values = part.link.logits(values)
        bound = None if bound is None else part.link.logits(bound.double())
    if part.indices is not None:
        kept, tags = part.indices >= 0, part.indices
    else:
        kept = torch.ones_like(values, dtype=torch.bool) if part.coverage is None else part.coverage
        tags = torch.arange(values.shape[-1]).expand_as(values)
    level = values.new_full((len(values),), torch.inf) if bound is None else bound.double()
    above = (values - level[:, None]).nan_to_num(neginf=0.0)
    return tags[kept], above[kept], level


def _expected(counts: Tensor, excess: Tensor, n_rows: int, bound: float) -> Tensor:
    share = (counts + 0.5) / (n_rows + 1)  # never 0 or 1
    alpha = -torch.special.ndtri(share)
    beyond = torch.exp(-alpha.square() / 2) / (2 * torch.pi) ** 0.5 / share - alpha
    sigma = float((excess * beyond).sum() / (counts * beyond.square()).sum().clamp_min(1e-12))
    sigma = max(sigma, 1e-3)
    levels = (torch.arange(_LEVELS, dtype=torch.float64) + 0.5) / _LEVELS
    below = torch.special.ndtri(levels * (1 - share[:, None]))  # quantiles of v below the bound
    return torch.sigmoid(bound - sigma * alpha[:, None] + sigma * below).mean(1).clamp(1e-6, 1 - 1e-6)
