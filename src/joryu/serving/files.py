"""What is named on a command line, as files: folders are walked, and what a system left behind is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from joryu.examples.tree import Folder, link_root, printable
from joryu.serving.reading import Wanted

STDIN: Final = "-"
SIDECAR: Final = ".json"  #: what the file with an answer is called, behind the whole name of the file it is about


def wanted_of(names: Iterable[str], stdin: IO[bytes]) -> Iterator[Wanted]:
    """Every file that is named: itself, in a folder, or on stdin (``-``), one name a line.

    >>> import io, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [Path(folder) / name for name in ("b.png", "a.png", "a.png.json", "Thumbs.db")]
    ...     written = [path.write_bytes(b"") for path in paths]
    ...     [str(one.place) for one in wanted_of([folder, "-"], io.BytesIO(b"c.png\\n")) if one.reason is None]
    ['a.png', 'b.png', 'c.png']
    """
    for name in names:
        if name == STDIN:
            yield from wanted_of(filter(None, map(_line, stdin)), stdin)
        elif Path(name).is_dir():
            yield from walk(Path(name))
        else:
            yield Wanted(Path(name), printable(name), Path(Path(name).name))


def walk(root: Path, *, without: Path | None = None) -> Iterator[Wanted]:
    """The files below a folder, by name; those that cannot be meant with the reason, and no answers beside them.

    ``without`` is a folder that is not looked at.
    """
    hidden = None if without is None else without.resolve()
    for path, reason in Folder(root).files(link_root(root)):
        if hidden is not None and path.resolve().is_relative_to(hidden):
            continue
        if not is_sidecar(path):
            yield Wanted(path, printable(str(path)), path.relative_to(root), reason)


def is_sidecar(path: Path) -> bool:
    """Whether a file lies beside another one that it is called after, as an answer does."""
    return path.suffix == SIDECAR and path.with_suffix("").is_file()


def _line(line: bytes) -> str:
    return os.fsdecode(line.rstrip(b"\r\n"))
