"""The files that were left out of a set, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from joryu.examples.clutter import CLUTTER
from joryu.examples.rejected import Rejected

MOST_FILES: Final = 10  #: the most left-out files, and the most copies, shown on a terminal


def left_out_lines(rejected: Sequence[Rejected], most: int = MOST_FILES) -> list[str]:
    """The first ``most`` files left out with reasons, how many more there are, and how many files are clutter.

    >>> left_out_lines([Rejected("a.txt", "not a picture"), Rejected("Thumbs.db", CLUTTER), Rejected("._a", CLUTTER)])
    ['a.txt: not a picture', '2 files or folders left behind by an operating system or a program']
    """
    missed = [one for one in rejected if one.reason != CLUTTER]
    lines = [f"{one.name}: {one.reason}" for one in missed[:most]]
    lines += [f"… and {len(missed) - most:,} more"] if len(missed) > most else []
    clutter = len(rejected) - len(missed)
    return [*lines, clutter_in_words(clutter)] if clutter else lines


def clutter_in_words(n: int) -> str:
    """The number of files and folders left out as clutter, in words.

    >>> clutter_in_words(1)
    '1 file or folder left behind by an operating system or a program'
    """
    return f"{n:,} {'file or folder' if n == 1 else 'files or folders'} {CLUTTER}"
