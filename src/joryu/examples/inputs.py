"""`Inputs`: what examples look like, row by row; a tensor held in memory, or pictures decoded on demand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.ahead import one_ahead

Rows = npt.NDArray[np.int64]

MEMORY: Final = "JORYU_MEMORY"  #: the variable that says how large inputs may be to be held
DEFAULT_MEMORY: Final = 512 * 2**20
"""Bytes. One number for every machine: what is held and what is not must not depend on whose memory is larger."""

_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


class Inputs(Protocol):
    """Inputs of ``n`` examples, as ``[n, ...]``. A `torch.Tensor` is one.

    ``inputs[rows]`` reads some: a tensor or list of numbers or a slice gives ``[k, ...]``, one number ``[...]``.
    """

    @property
    def shape(self) -> torch.Size:
        """The shape of all of them together."""
        ...

    @property
    def ndim(self) -> int:
        """The number of axes, that of the examples included."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The type of their values."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Tensor: ...


class OnDemand(Inputs, Protocol):
    """Inputs that are read again whenever they are asked for."""

    @property
    def block_means(self) -> npt.NDArray[np.float32]:
        """What `joryu.examples.block_means` measures, as it was when the pictures were first looked at."""
        ...

    def select(self, rows: Rows) -> OnDemand:
        """Some rows, without reading them."""
        ...

    def spooled(self, folder: Path) -> None:
        """Keep what is decoded from now on in a file on the folder's disk, for whoever reads everything often."""
        ...


def numbers(rows: Any, n: int) -> Rows:
    """What stands in ``inputs[rows]``, as the numbers of rows; a single one has no axis.

    >>> numbers(slice(1, 3), 5).tolist(), numbers(-1, 5).tolist()
    ([1, 2], 4)

    A mask of booleans chooses the rows where it is true, as it does of a tensor.

    Raises:
        IndexError: a number that no row has, or a mask of another length.
    """
    if isinstance(rows, slice):
        return np.arange(*rows.indices(n), dtype=np.int64)
    given = np.asarray(rows)
    if given.dtype == np.bool_:  # as numbers they would all be rows 0 and 1
        if given.shape != (n,):
            raise IndexError(f"a mask of {given.shape} for {n} rows")
        return np.flatnonzero(given)
    wanted = given.astype(np.int64)
    wanted = np.where(wanted < 0, wanted + n, wanted)
    if wanted.size and not (wanted.min() >= 0 and wanted.max() < n):
        raise IndexError(f"row {int(wanted.max())} of {n}")  # as of any sequence, which so ends a loop over it
    return wanted


def take(inputs: Inputs, rows: Tensor) -> Tensor:
    """Rows by their numbers, int64 ``[B]``."""
    if isinstance(inputs, Tensor):
        return inputs.index_select(0, rows.to(inputs.device))  # ten times faster than inputs[rows] on a CPU
    return inputs[rows]


def rows_ahead(inputs: Inputs, parts: Iterable[Tensor]) -> Iterator[Tensor]:
    """The same numbers of rows; of inputs that are not held, the next part is read while one is used."""
    if isinstance(inputs, Tensor):
        yield from parts
    else:
        yield from one_ahead(partial(_read_now, inputs), parts)


def _read_now(inputs: Inputs, rows: Tensor) -> Tensor:
    inputs[rows]  # it is remembered for whoever asks next
    return rows


def select(inputs: Inputs, rows: Tensor) -> Inputs:
    """Some rows as inputs: a copy of what is held, and nothing read of what is not."""
    if isinstance(inputs, Tensor):
        return inputs[rows]
    return on_demand(inputs).select(rows.numpy())


def on_demand(inputs: Inputs) -> OnDemand:
    """Inputs that are not held, as such."""
    return cast("OnDemand", inputs)


def spooled(inputs: Inputs, folder: Path) -> None:
    """For whoever reads inputs several times: keep what is decoded of them on the folder's disk, if it has room."""
    if not is_held(inputs):
        on_demand(inputs).spooled(folder)


def is_held(inputs: Inputs) -> bool:
    """Whether all inputs are in memory already."""
    return isinstance(inputs, Tensor)


def memory_for_inputs() -> int:
    """How many bytes of inputs are held in memory: 512 MiB, or what the variable ``JORYU_MEMORY`` says (``2GiB``).

    Raises:
        InputError: the variable holds no size.
    """
    said = os.environ.get(MEMORY, "").strip()
    if not said:
        return DEFAULT_MEMORY
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?", said, flags=re.IGNORECASE)
    if found is None:
        raise InputError(f"{MEMORY} is not a size", expected="a number such as 2GiB or 800MB", received=repr(said))
    return int(float(found[1]) * _UNITS[found[2].upper()])
