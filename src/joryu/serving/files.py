"""The files that a command line names: folders are searched, files of the operating system are passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from joryu.errors import InputError
from joryu.examples.tree import Folder, link_root, printable
from joryu.serving.inputs import Wanted

STDIN: Final = "-"
SIDECAR: Final = ".json"  #: added to a file's whole name to name the file of its answer
MASK: Final = ".mask.png"  #: added likewise to name its mask; with several masks the tag stands before it
_OF_A_TABLE: Final = ",;\t"  #: separators between the cells of a table's row
_SHOWN: Final = 40  #: characters of a line that a message shows
_TAG = re.compile(r"\.\d+-[0-9A-Za-z_-]*$")


def wanted_of(names: Iterable[str], stdin: IO[bytes], *, without: Path | None = None) -> Iterator[Wanted]:
    """Every file that is named directly, by its folder (see `walk`), or on stdin (``-``), one name per line.

    ``without`` is a folder that is not searched.

    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / name for name in ("b.png", "a.png", "a.png.json", "Thumbs.db")]
    ...     written = [path.write_bytes(b"") for path in paths]
    ...     [str(one.place) for one in wanted_of([folder, "-"], io.BytesIO(b"c.png\\n")) if one.reason is None]
    ['a.png', 'b.png', 'c.png']

    Raises:
        InputError: stdin holds the content of a file instead of names.
    """
    for name in names:
        if name == STDIN:
            yield from wanted_of(_named_on(stdin), stdin, without=without)
        elif is_folder(name):
            yield from walk(Path(name), without=without)
        else:
            yield Wanted(Path(name), printable(name), Path(Path(name).name))


def walk(root: Path, *, without: Path | None = None) -> Iterator[Wanted]:
    """The files below a folder, sorted by name. Answers of earlier predictions are left out.

    A file that should not be predicted (hidden, or left by the operating system) comes with the reason. ``without``
    is a folder inside that is not searched.
    """
    top = root.resolve()
    hidden = top if without is None else without.resolve()
    inside = hidden != top and hidden.is_relative_to(top)
    for path, reason in Folder(root).files(link_root(root)):
        if not (inside and path.parent.resolve().is_relative_to(hidden)) and not is_answer(path):
            yield Wanted(path, printable(str(path)), path.relative_to(root), reason)


def is_folder(name: str | Path) -> bool:
    """Whether there is a folder of this name; whatever no folder can be called, or may not be looked at, is none.

    >>> is_folder("."), is_folder("x" * 300)
    (True, False)
    """
    try:
        return Path(name).is_dir()
    except OSError:  # longer than a name may be, or in a folder that is closed to us
        return False


def is_answer(path: Path) -> bool:
    """Whether a file has the name of an answer to another file in its folder, or of a mask for it."""
    name = path.name
    if name.endswith(SIDECAR):
        about = name.removesuffix(SIDECAR)
        return bool(about) and path.with_name(about).is_file()
    if name.endswith(MASK):
        about = name.removesuffix(MASK)
        return any(one and path.with_name(one).is_file() for one in (about, _TAG.sub("", about)))
    return False


def _named_on(stdin: IO[bytes]) -> Iterator[str]:
    """The names on stdin. The first line shows whether they are names, or the content of a table or picture."""
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
