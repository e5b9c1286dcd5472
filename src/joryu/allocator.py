"""The C library's memory, kept while a network answers batch after batch.

That is a setting of the whole process, so it is made by the commands, and by no function of the library.
"""

from __future__ import annotations

import functools
import os
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  #: numbers of mallopt's parameters, glibc's malloc.h
_KEPT = 2**31 - 1  #: bytes; mallopt takes no larger number
_SET_BY_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 2 GiB that it has freed, for its next batch; whether it was told to.

    A network frees all activations of a batch at once. glibc gives large pieces, and the end of its heap, back to the
    system, and the next batch fetches them again, page by page: over a thousand page faults a batch with Hinton's MNIST
    teacher, and a handful after this; 115,209 a step of a small convolutional network, and none
    (``tests/test_allocator.py`` counts them). ``joryu train --network cnn:24x8 --size 160 --batch-size 50`` spent a
    quarter of its time on them (27.5 s, and 20.3 s without; 500 photographs, one core of an EPYC). The process takes no
    more than it did, but does not shrink in between. Does nothing where the C library is another one, or where
    the environment has settings of its own. A program of yours that trains, labels or predicts may call it once, first.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _SET_BY_USER):
        return False
    import ctypes  # noqa: PLC0415 - the command line starts without it

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _KEPT))
