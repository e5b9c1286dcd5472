"""Memory that two processes see, in a file without a name: nothing is left of it, however they end."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Final

SHARED_BYTES: Final = 4 * 2**20  #: the size of it; what is larger goes through the pipe


def shared_file() -> int | None:
    """Such a file, open; ``None`` where the system has none that lies in memory alone."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        file = os.memfd_create("joryu-decoded")
        os.ftruncate(file, SHARED_BYTES)
    except OSError:
        return None
    return file


def mapped(file: int) -> memoryview:
    """What it holds."""
    return memoryview(mmap.mmap(file, SHARED_BYTES))


def fill(memory: memoryview, parts: Sequence[memoryview]) -> None:
    """Put parts there, one after another."""
    at = 0
    for part in parts:
        plain = part.cast("B")
        memory[at : at + len(plain)] = plain
        at += len(plain)
