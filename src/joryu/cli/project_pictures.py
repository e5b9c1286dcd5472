"""Find a labelling project and its pictures, and report what became of the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from joryu.cli.output import counting, talk, talk_of_rejected

if TYPE_CHECKING:
    from joryu.annotations import PictureFile, Taken

MOST = 5  #: the most names of missing pictures that are shown


def place_of(folder: Path | None, pictures: Path | None, project: Path | None) -> tuple[Path, Path]:
    """The folder of a project, and that of its pictures.

    ``folder`` and ``pictures`` both name pictures; ``pictures`` is where they were moved to. Without ``project``, the
    project is in ``NAME-annotations`` in the present folder.

    Raises:
        InputError: neither ``folder`` nor ``pictures`` is given.
    """
    from joryu.errors import InputError

    named, root = folder or pictures, pictures or folder
    if named is None or root is None:
        raise InputError(
            "which pictures?", expected="a folder of pictures", received="none", hint="try joryu annotate FOLDER"
        )
    return (Path(f"{named.resolve().name}-annotations") if project is None else project), root


def require_there(root: Path, place: Path) -> None:
    """Check that the folder of pictures ``root`` exists; the hint says what to do if it was moved.

    Raises:
        InputError: it does not.
    """
    from joryu.errors import InputError

    if not root.is_dir():
        raise InputError(
            f"no folder of pictures at {root}", expected="a folder that exists",
            hint=f"if the pictures of {place} were moved, name where they are with --pictures",
        )  # fmt: skip


def require_usable(place: Path, *, begun: bool, moved: bool, asked: bool) -> None:
    """Check that the project in ``place`` can be started, before its pictures are read.

    ``begun``: it exists; ``moved``: its pictures were moved; ``asked``: classes were named.

    Raises:
        InputError: pictures were moved but there is no project, or a new project has no classes.
    """
    from joryu.errors import InputError

    if moved and not begun:
        raise InputError(
            f"no labelling project at {place}, whose pictures could have been moved",
            expected="a folder with project.json",
            hint="name it with --project",
        )
    if not begun and not asked:
        raise InputError(f"{place} is a new project", expected="--classes a,b,c", received="none")


@contextmanager
def looking(root: Path, place: Path) -> Iterator[list[PictureFile]]:
    """Give the pictures of the folder ``root`` to a ``with`` block.

    What was found out about them is then kept in the project ``place``, so that they need not be read again.
    """
    from joryu.labelling.left_out import keep_left_out
    from joryu.labelling.pictures import INDEX, new_index, scan

    index = new_index(place / INDEX)
    with counting("looking at pictures") as advance:
        found = scan(root, advance, index)
    talk_of_rejected(found.rejected)
    yield found.files
    keep_left_out(place, found.rejected)
    if not index.save(place / INDEX):
        talk(f"{place / INDEX} cannot be written: the next start looks at every picture again")


def attached_in_words(taken: Taken) -> str:
    """How many pictures of a project were found again, in one line.

    >>> from joryu.annotations import Taken
    >>> attached_in_words(Taken(there=30, moved=12, new=1, missing=(), unseen=0))
    '30 pictures found again, 12 of them by another name; 1 is new'
    """
    moved = f", {taken.moved:,} of them by another name" if taken.moved else ""
    new = f"; {taken.new:,} {'is' if taken.new == 1 else 'are'} new" if taken.new else ""
    return f"{taken.there:,} {'picture' if taken.there == 1 else 'pictures'} found again{moved}{new}"


def missing_in_words(taken: Taken) -> list[str]:
    """Which pictures of a project are missing, and what becomes of their answers; a line for each remark.

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
