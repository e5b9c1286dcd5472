"""`Moments`: errors, spread and correlation of answers and true numbers, output by output and batch by batch."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor


@final
class Moments:
    """Running sums over true numbers ``y`` and answers ``z``, for each output, float64 ``[C]``.

    ``count`` is the number of pairs, ``squared = Σ (z - y)²``, ``absolute = Σ |z - y|``. Pairs whose ``y`` is NaN are
    left out.

    Spreads are summed about the mean, and batches are joined as by Chan, Golub & LeVeque 1979 ("Updating Formulae and a
    Pairwise Algorithm for Computing Sample Variances"). Sums of squares about zero would lose all digits of numbers
    that are far from zero.

    >>> moments = Moments(1)
    >>> moments.add(torch.tensor([[1e6], [1e6 + 2]]), torch.tensor([[1e6 + 1], [1e6 + 2]]))
    >>> moments.squared, moments.r2()
    (tensor([1.], dtype=torch.float64), [0.5])
    """

    def __init__(self, n_outputs: int) -> None:
        zeros = torch.zeros(n_outputs, dtype=torch.float64)
        self.count, self.squared, self.absolute = zeros.long(), zeros, zeros
        self._means = torch.zeros(2, n_outputs, dtype=torch.float64)  # of y, of z
        self._spreads = torch.zeros(3, n_outputs, dtype=torch.float64)  # yy, zz, yz
        self._low = torch.full((2, n_outputs), torch.inf, dtype=torch.float64)
        self._high = -self._low

    def add(self, true: Tensor, answered: Tensor) -> None:
        """Add a batch of true numbers and answers, both ``[B, ..., C]``."""
        known = (~true.isnan()).flatten(0, -2).cpu()
        pair = torch.stack([part.detach().cpu().double().flatten(0, -2) for part in (true, answered)])
        pair = pair.masked_fill(~known, 0)
        gap = pair[1] - pair[0]
        count = known.sum(0)
        self.squared = self.squared + gap.square().sum(0)
        self.absolute = self.absolute + gap.abs().sum(0)
        means = pair.sum(1) / count.clamp_min(1)
        about = (pair - means[:, None]).masked_fill(~known, 0)
        spreads = torch.stack([(about[a] * about[b]).sum(0) for a, b in ((0, 0), (1, 1), (0, 1))])
        both = (self.count + count).clamp_min(1)
        shift, weight = means - self._means, self.count * count / both
        between = weight * torch.stack([shift[0] ** 2, shift[1] ** 2, shift[0] * shift[1]])
        self._spreads = self._spreads + spreads + between
        self._means = self._means + shift * (count / both)
        self.count = self.count + count
        self._low = torch.minimum(self._low, pair.masked_fill(~known, torch.inf).amin(1))
        self._high = torch.maximum(self._high, pair.masked_fill(~known, -torch.inf).amax(1))

    def r2(self) -> list[float | None]:
        """``1 - Σ (z - y)² / Σ (y - ȳ)²`` for each output; ``None`` if its true numbers are constant."""
        found = 1 - self.squared / self._spreads[0]
        return _where(found, self._varies[0])

    def correlation(self) -> list[float | None]:
        """Pearson's correlation of ``y`` and ``z`` for each output; ``None`` if one of the two is constant."""
        found = self._spreads[2] / (self._spreads[0] * self._spreads[1]).sqrt()
        return _where(found.clamp(-1, 1), self._varies.all(0))

    def of_labels(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation (division by ``n``) of the true numbers, for each output."""
        return self._described(0)

    def of_answers(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation (division by ``n``), for each output, of answers whose true number is known."""
        return self._described(1)

    def _described(self, which: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        deviations = (self._spreads[which] / self.count.clamp_min(1)).sqrt()
        return tuple(self._means[which].tolist()), tuple(deviations.tolist())

    @property
    def _varies(self) -> Tensor:
        # Not by the spread: of equal numbers rounding leaves a little.
        return self._high > self._low


def _where(found: Tensor, defined: Tensor) -> list[float | None]:
    return [value if sound else None for value, sound in zip(found.tolist(), defined.tolist(), strict=True)]
