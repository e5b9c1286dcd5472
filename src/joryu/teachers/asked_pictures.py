"""Examples as a paid API is asked about them: the original bytes of each distinct picture, read when they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError
from joryu.examples import Examples, Ids, distinct_rows
from joryu.remote import Pictures
from joryu.teachers.recorded import keys_of


class _Keys(Sequence[bytes]):
    """Ids as the bytes by which a ledger knows them, made when they are asked for: millions of them stay an array."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | Sequence[bytes]:
        return keys_of(self._ids[at]) if isinstance(at, slice) else keys_of(self._ids[at : at + 1])[0]


def pictures_of(examples: Examples) -> Pictures:
    """The distinct pictures of some examples, in the order in which they are labelled: that of their ids.

    Raises:
        InputError: they do not lie in files.
    """
    if examples.originals is None:
        raise InputError(
            f"{examples.name} lies in no files", expected="pictures of a folder or of a Parquet set",
            hint="an API is sent the files themselves",
        )  # fmt: skip
    rows: npt.NDArray[np.int64] = distinct_rows(examples.ids)
    return Pictures(_Keys(examples.ids[rows]), lambda number: examples.encoded([int(rows[number])])[0])
