"""Paths as they are typed: an odd one is a name that nothing has, and no error of the system."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path


def expanded(text: str) -> Path:
    """A path with ``~`` as the folder of its user; where the system knows no such user, as it stands.

    >>> expanded("~nobody I know/set").name
    'set'
    """
    try:
        return Path(text).expanduser()
    except (RuntimeError, ValueError):  # half a character, or none, is in no name
        return Path(text)


def is_there(path: Path) -> bool:
    """Whether there is something; under a name that is longer than any system takes there is nothing.

    >>> is_there(Path("x" * 5000))
    False
    """
    return _unless_too_long(path.exists)


def is_file(path: Path) -> bool:
    """Whether there is a file; under a name that is longer than any system takes there is none."""
    return _unless_too_long(path.is_file)


def _unless_too_long(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False
