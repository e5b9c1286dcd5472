"""The C library's memory, kept while a network answers batch after batch.

That is a setting of the whole process, so it is made by the commands, and by no function of the library.
"""

from __future__ import annotations

import functools
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  #: numbers of mallopt's parameters, glibc's malloc.h
_KEPT, _LARGEST = 512 << 20, 32 << 20  #: bytes; glibc takes no larger threshold for single pieces than 32 MiB
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 512 MiB that it has freed; whether it was told to.

    A network that only answers frees all activations of a batch at once. glibc then gives the end of its heap back to
    the system, and the next batch fetches it again, page by page: over a thousand page faults a batch with Hinton's
    MNIST teacher, and a handful after this (``tests/test_allocator.py`` counts them). Training frees and takes the same
    pieces but seldom reaches the end of the heap. Does nothing where the C library is another one, or where the
    environment has settings of its own. A program of yours that labels or predicts may call it once, first.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _SET_BY_USER):
        return False
    import ctypes  # noqa: PLC0415 - the command line starts without it

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))
