"""The inputs of several parts as one: the splits of a set of which not all are held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.examples.block_means import means_of
from joryu.examples.inputs import Inputs, OnDemand, Rows, numbers, spooled, take


def joined(parts: Sequence[Inputs]) -> Inputs:
    """The inputs of several parts one after another."""
    held = [part for part in parts if isinstance(part, Tensor)]
    return torch.cat(held) if len(held) == len(parts) else Joined(tuple(parts))


@final
@dataclass(frozen=True)
class Joined:
    """The inputs of several parts one after another, at least one of which is not held."""

    parts: Sequence[Inputs]

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.parts[0].shape[1:]))

    @property
    def ndim(self) -> int:
        return self.parts[0].ndim

    @property
    def dtype(self) -> torch.dtype:
        return self.parts[0].dtype

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, rows: Any, /) -> Tensor:
        if (wanted := numbers(rows, len(self))).ndim == 0:
            return self[wanted[None]][0]
        ends = np.cumsum([len(part) for part in self.parts])
        part_of = np.searchsorted(ends, wanted, side="right")
        found = torch.empty((len(wanted), *self.shape[1:]), dtype=self.dtype)
        for at, part in enumerate(self.parts):
            here = np.flatnonzero(part_of == at)
            if len(here):
                own = wanted[here] - (int(ends[at]) - len(part))
                found[torch.from_numpy(here)] = take(part, torch.from_numpy(own))
        return found

    @property
    def block_means(self) -> npt.NDArray[np.float32]:
        return np.concatenate([means_of(part) for part in self.parts])

    def select(self, rows: Rows) -> OnDemand:
        """Some rows, without reading those that are not held."""
        return Chosen(self, rows)

    def spooled(self, folder: Path) -> None:
        """Keep what is decoded of each part that is not held."""
        for part in self.parts:
            spooled(part, folder)


@final
@dataclass(frozen=True)
class Chosen:
    """Some rows of inputs that are not held."""

    whole: Joined
    rows: Rows

    @property
    def shape(self) -> torch.Size:
        return torch.Size((len(self), *self.whole.shape[1:]))

    @property
    def ndim(self) -> int:
        return self.whole.ndim

    @property
    def dtype(self) -> torch.dtype:
        return self.whole.dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any, /) -> Tensor:
        wanted = self.rows[numbers(rows, len(self))]
        return self.whole[torch.from_numpy(wanted) if wanted.ndim else int(wanted)]

    @property
    def block_means(self) -> npt.NDArray[np.float32]:
        return self.whole.block_means[self.rows]

    def select(self, rows: Rows) -> OnDemand:
        """Some of these rows."""
        return Chosen(self.whole, self.rows[rows])

    def spooled(self, folder: Path) -> None:
        """Keep what is decoded of the whole."""
        self.whole.spooled(folder)
