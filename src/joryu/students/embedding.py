"""`Embedding`: what a row of a table becomes before a network: its categories as learned vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Blocks = Sequence[tuple[int, int]]
"""The first input, and the one behind the last, of each column of categories of a table."""


class Embedding(nn.Module):
    """Maps the inputs of each column of categories to ``width`` numbers, and leaves those of numbers as they are.

    A column of ``K`` categories is ``K`` inputs of which one is set (one-hot), so its vector is ``x_k V``, a row of the
    table ``V [K, width]``: an embedding of entities (Guo & Berkhahn 2016, "Entity embeddings of categorical variables",
    eq. 3). An unknown category, which sets none, is the zero vector before the normalisation of inputs. Weights start
    from N(0, 1 / width).

    Shapes: ``[B, inputs]`` to ``[B, numbers + columns of categories · width]``, numbers first.

    >>> colours = Embedding(4, [(1, 4)], width=2)
    >>> colours(torch.eye(4)[1:]).shape, colours.width
    (torch.Size([3, 3]), 3)
    """

    def __init__(self, n_inputs: int, blocks: Blocks, *, width: int) -> None:
        super().__init__()
        self._blocks = tuple(blocks)
        within = {at for start, end in self._blocks for at in range(start, end)}
        numbers = [at for at in range(n_inputs) if at not in within]
        # Not in the state: the plan says them.
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        tables = [nn.Linear(end - start, width, bias=False) for start, end in self._blocks]
        for table in tables:
            nn.init.normal_(table.weight, std=width**-0.5)
        self.tables = nn.ModuleList(tables)
        self.width = len(numbers) + width * len(self._blocks)

    def forward(self, rows: Tensor) -> Tensor:
        numbers: Tensor = self.numbers  # type: ignore[assignment]
        vectors = [table(rows[:, start:end]) for table, (start, end) in zip(self.tables, self._blocks, strict=True)]
        return torch.cat([rows.index_select(1, numbers), *vectors], dim=1)
