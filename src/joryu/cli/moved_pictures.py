"""What became of a project's pictures, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joryu.annotations import Taken

MOST = 5  #: names of missing pictures that are shown


def attached_in_words(taken: Taken) -> str:
    """What was found again, in one line.

    >>> from joryu.annotations import Taken
    >>> attached_in_words(Taken(there=30, moved=12, new=1, missing=(), unseen=0))
    '30 pictures found again, 12 of them by another name; 1 is new'
    """
    moved = f", {taken.moved:,} of them by another name" if taken.moved else ""
    new = f"; {taken.new:,} {'is' if taken.new == 1 else 'are'} new" if taken.new else ""
    return f"{taken.there:,} {'picture' if taken.there == 1 else 'pictures'} found again{moved}{new}"


def missing_in_words(taken: Taken) -> list[str]:
    """What is not there any more, and what became of the answers.

    >>> from joryu.annotations import Taken
    >>> for line in missing_in_words(Taken(there=3, moved=0, new=0, missing=("a.jpg", "b.jpg"), unseen=1)):
    ...     print(line)
    2 pictures are gone: a.jpg, b.jpg
    1 answered picture is not there: its answers are kept, and count again when it returns
    """
    lines = []
    if taken.missing:
        shown, more = ", ".join(taken.missing[:MOST]), len(taken.missing) - MOST
        rest = f" and {more:,} more" if more > 0 else ""
        what = "1 picture is" if len(taken.missing) == 1 else f"{len(taken.missing):,} pictures are"
        lines.append(f"{what} gone: {shown}{rest}")
    if taken.unseen == 1:
        lines.append("1 answered picture is not there: its answers are kept, and count again when it returns")
    elif taken.unseen:
        kept = "their answers are kept, and count again when they return"
        lines.append(f"{taken.unseen:,} answered pictures are not there: {kept}")
    return lines
