"""Memory for blocks of pictures, of its own from the system, used again for the next block.

A piece of the C library's heap, once freed, is cut up by small pieces that stay (answers about a block), and the next
block does not fit in: an evaluation of 20,000 pictures then grew by the size of all of them. And memory that the system
gives afresh must be fetched page by page, which can take a tenth of the time of decoding into it.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np
import numpy.typing as npt

_FREE: Final[deque[mmap.mmap]] = deque(maxlen=2)
"""What blocks have left behind: one for the next to be remembered, and one for the copy that its reader gets."""


def block(shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """An array of this shape; what it holds is not said.

    >>> block((2, 3)).shape
    (2, 3)
    """
    memory = _memory(max(1, int(np.prod(shape))))
    array = np.ndarray(tuple(shape), dtype=np.uint8, buffer=memory)
    # Called wherever the array comes to its end, perhaps in the middle of `_memory`: so there is no lock.
    weakref.finalize(array, _FREE.append, memory).atexit = False
    return array


def _memory(size: int) -> mmap.mmap:
    for _ in range(len(_FREE)):
        with suppress(IndexError):  # another thread was sooner
            memory = _FREE.popleft()
            if size <= len(memory) <= 2 * size:
                return memory
            if len(memory) < size:  # as the last block of an epoch, which is shorter; what is too large goes back
                _FREE.append(memory)
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return mmap.mmap(-1, size)
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # shared memory has no large pages
    with suppress(AttributeError, OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
