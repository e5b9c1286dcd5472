"""Resolve specs with relative paths from another folder than the one they were typed in.

A store or a run records the specs of its examples and teacher, such as ``folder:pictures`` or ``run:teacher``, and the
path from itself to the folder in which they were typed. So it can be used from anywhere, and moved together with the
files that it was made from.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from joryu.errors import InputError
from joryu.examples.known import DIGITS, KNOWN
from joryu.examples.specs import LAYOUTS, bundled_table, find_place
from joryu.examples.typed_paths import is_there

_ROOT: Final = {"parquet": "root"}
"""The option of examples that names a place as seen from where they are typed; others name one inside the set."""

_NAMES: Final = "labels"  #: the option of any teacher that does


def typed_in(folder: Path) -> str:
    """The current folder as a path relative to ``folder``."""
    return Path(os.path.relpath(Path.cwd(), folder.resolve())).as_posix()


def from_here(spec: str, folder: Path, seen: str | None) -> str:
    """Rewrite a spec so that it means here what it meant where it was typed: in the folder ``seen`` from ``folder``.

    A spec without an existing path is not changed: a name that Joryu knows, one in the data root, a module, or a path
    that exists from here. A path in an option (``root=``, a teacher's ``labels=``) is rewritten too.

    >>> from_here("digits", Path("targets"), "..")
    'digits'
    """
    if seen is None or bundled_table(spec):
        return spec
    base = (folder.resolve() / seen).resolve()
    if base == Path.cwd() or _is_known(spec, base):
        return spec
    return _with_option(_with_path(spec, base), base)


def _is_known(spec: str, base: Path) -> bool:
    """Whether a spec is a name that comes before a path, perhaps with a part behind a ``#`` that is none of a path."""
    names = {DIGITS.name, *(known.name for known in KNOWN)}
    return spec in names or (spec.rpartition("#")[0] in names and not is_there(base / spec))


def _with_path(spec: str, base: Path) -> str:
    """The spec with its first path that exists from ``base`` as an absolute one."""
    starts = [0] if ":" not in spec else [spec.index(":") + 1]
    starts += [at + 1 for at, letter in enumerate(spec) if letter == "@"]
    for start in starts:
        # The path ends before its options (after a comma) or its part (after a #).
        for end in [len(spec), *(at for at in range(len(spec) - 1, start, -1) if spec[at] in ",#")]:
            path = spec[start:end]
            if path and not Path(path).is_absolute() and is_there(base / path):
                return f"{spec[:start]}{base / path}{spec[end:]}"
    return spec


def _with_option(spec: str, base: Path) -> str:
    """The spec with the place that its option names as an absolute one, where it exists from ``base``."""
    layout = spec.partition(":")[0]
    name = _ROOT.get(layout, "") if layout in LAYOUTS else _NAMES
    found = re.search(rf",\s*{name}=\s*(.+?)\s*(?=,\s*[a-z-]+=|$)", spec) if name else None
    if found is None or Path(found[1]).is_absolute() or not is_there(base / found[1]):
        return spec
    return f"{spec[: found.start(1)]}{base / found[1]}{spec[found.end(1) :]}"


def require_found(spec: str, folder: Path, seen: str | None) -> None:
    """Check that the examples of a run or store are found from here.

    Raises:
        InputError: the examples that ``folder`` was made from are not found.
    """
    if spec == DIGITS.name:
        return
    try:
        find_place(spec)
    except InputError as error:
        where = "" if seen is None else f", as seen from {(folder.resolve() / seen).resolve()}"
        raise InputError(
            f"the examples that {folder} was made of are not found", expected=f"{spec}{where}", received=error.what,
            hint="name them from here with --examples",
        ) from error  # fmt: skip
