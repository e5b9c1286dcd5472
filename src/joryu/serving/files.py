"""What is named on a command line, as files: folders are walked, and what a system left behind is passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from joryu.errors import InputError
from joryu.examples.tree import Folder, link_root, printable
from joryu.serving.reading import Wanted

STDIN: Final = "-"
SIDECAR: Final = ".json"  #: what the file with an answer is called, behind the whole name of the file it is about
MASK: Final = ".mask.png"  #: what a mask is called likewise; where there are several, the tag stands before it
_OF_A_TABLE: Final = ",;\t"  #: between the cells of a row
_SHOWN: Final = 40  #: letters of a line that is no name
_TAG = re.compile(r"\.\d+-[0-9A-Za-z_-]*$")


def wanted_of(names: Iterable[str], stdin: IO[bytes], *, without: Path | None = None) -> Iterator[Wanted]:
    """Every file that is named: itself, in a folder (as `walk` finds them), or on stdin (``-``), one name a line.

    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / name for name in ("b.png", "a.png", "a.png.json", "Thumbs.db")]
    ...     written = [path.write_bytes(b"") for path in paths]
    ...     [str(one.place) for one in wanted_of([folder, "-"], io.BytesIO(b"c.png\\n")) if one.reason is None]
    ['a.png', 'b.png', 'c.png']

    Raises:
        InputError: what comes on stdin is a file's content.
    """
    for name in names:
        if name == STDIN:
            yield from wanted_of(_named_on(stdin), stdin, without=without)
        elif Path(name).is_dir():
            yield from walk(Path(name), without=without)
        else:
            yield Wanted(Path(name), printable(name), Path(Path(name).name))


def walk(root: Path, *, without: Path | None = None) -> Iterator[Wanted]:
    """The files below a folder, by name; those that cannot be meant with the reason, and no answers beside them.

    ``without`` is a folder inside that is not looked at.
    """
    top = root.resolve()
    hidden = top if without is None else without.resolve()
    inside = hidden != top and hidden.is_relative_to(top)
    for path, reason in Folder(root).files(link_root(root)):
        if not (inside and path.parent.resolve().is_relative_to(hidden)) and not is_answer(path):
            yield Wanted(path, printable(str(path)), path.relative_to(root), reason)


def is_answer(path: Path) -> bool:
    """Whether a file lies beside another one and is called as an answer to it, or a mask of it, would be."""
    name = path.name
    if name.endswith(SIDECAR):
        about = name.removesuffix(SIDECAR)
        return bool(about) and path.with_name(about).is_file()
    if name.endswith(MASK):
        about = name.removesuffix(MASK)
        return any(one and path.with_name(one).is_file() for one in (about, _TAG.sub("", about)))
    return False


def _named_on(stdin: IO[bytes]) -> Iterator[str]:
    """The names on stdin; the first line tells names from the rows of a table, or from a picture."""
    names = filter(None, (os.fsdecode(line.rstrip(b"\r\n")) for line in stdin))
    for first in names:
        if not _exists(first) and (any(mark in first for mark in _OF_A_TABLE) or printable(first) != first):
            raise InputError(
                "stdin names no files", expected="the name of a file on each line",
                received="".join(letter if letter.isprintable() else "�" for letter in first[:_SHOWN])
                + ("…" if len(first) > _SHOWN else ""),
                hint="try joryu predict RUN FILE, with these rows (or this picture) in FILE",
            )  # fmt: skip
        yield first
        yield from names


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # longer than a name may be, or with a zero byte in it
        return False
