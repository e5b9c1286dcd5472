"""What is named on a command line, as files: folders are walked, and what a system left behind is passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from joryu.examples.tree import Folder, link_root, printable
from joryu.serving.reading import Wanted

STDIN: Final = "-"
SIDECAR: Final = ".json"  #: what the file with an answer is called, behind the whole name of the file it is about
MASK: Final = ".mask.png"  #: what a mask is called likewise; where there are several, the tag stands before it
_TAG = re.compile(r"\.\d+-[0-9A-Za-z_-]*$")


def wanted_of(names: Iterable[str], stdin: IO[bytes], *, without: Path | None = None) -> Iterator[Wanted]:
    """Every file that is named: itself, in a folder (as `walk` finds them), or on stdin (``-``), one name a line.

    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / name for name in ("b.png", "a.png", "a.png.json", "Thumbs.db")]
    ...     written = [path.write_bytes(b"") for path in paths]
    ...     [str(one.place) for one in wanted_of([folder, "-"], io.BytesIO(b"c.png\\n")) if one.reason is None]
    ['a.png', 'b.png', 'c.png']
    """
    for name in names:
        if name == STDIN:
            yield from wanted_of(filter(None, map(_line, stdin)), stdin, without=without)
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


def _line(line: bytes) -> str:
    return os.fsdecode(line.rstrip(b"\r\n"))
