"""The hash of an input as it stands: by it the same picture is found again in another file."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


def content_key(row: npt.NDArray[Any]) -> bytes:
    """BLAKE2b-128 of an array's type, shape and bytes.

    >>> content_key(np.zeros(3, dtype=np.uint8)).hex()[:8]
    'a9fb26c5'
    """
    digest = _start(f"{row.dtype.str}{row.shape}").copy()
    digest.update(np.ascontiguousarray(row).data)
    return digest.digest()


@lru_cache(maxsize=64)
def _start(salt: str) -> hashlib.blake2b:
    return hashlib.blake2b(salt.encode(), digest_size=16)
