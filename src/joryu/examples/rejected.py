"""`Rejected`: a file that was left out of a set, with the reason; `PassingError`: one that may be gone tomorrow."""

from __future__ import annotations

from typing import NamedTuple

from joryu.errors import InputError


class Rejected(NamedTuple):
    """A file that was left out, and why."""

    name: str
    reason: str


class PassingError(InputError):
    """A file could not be read this time: a disk, a network or the memory failed, which says nothing about the file.

    What is kept for later runs must not hold it. ``errno`` is what the system said, where it was the system.
    """

    def __init__(self, what: str, errno: int | None = None) -> None:
        super().__init__(what)
        self.errno = errno
