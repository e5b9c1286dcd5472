"""Resolve specs with relative paths from another folder than the one they were typed in.

A store or a run records the specs of its examples and teacher, such as ``folder:pictures`` or ``run:teacher``, and the
path from itself to the folder in which they were typed. So it can be used from anywhere, and moved together with the
files that it was made from.
"""

from __future__ import annotations

import os
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.known import DIGITS, KNOWN
from joryu.examples.specs import find_place
from joryu.examples.typed_paths import is_there


def typed_in(folder: Path) -> str:
    """The current folder as a path relative to ``folder``."""
    return Path(os.path.relpath(Path.cwd(), folder.resolve())).as_posix()


def from_here(spec: str, folder: Path, seen: str | None) -> str:
    """Rewrite a spec so that it means here what it meant where it was typed: in the folder ``seen`` from ``folder``.

    A spec without an existing path is not changed: a name in the data root, a module, or a path that exists from here.

    >>> from_here("digits", Path("targets"), "..")
    'digits'
    """
    if seen is None or spec in (DIGITS.name, *(known.name for known in KNOWN)):
        return spec
    base = (folder.resolve() / seen).resolve()
    if base == Path.cwd():
        return spec
    starts = [0] if ":" not in spec else [spec.index(":") + 1]
    starts += [at + 1 for at, letter in enumerate(spec) if letter == "@"]
    for start in starts:
        # The path ends before its options (after a comma) or its part (after a #).
        for end in [len(spec), *(at for at in range(len(spec) - 1, start, -1) if spec[at] in ",#")]:
            path = spec[start:end]
            if path and not Path(path).is_absolute() and is_there(base / path):
                return f"{spec[:start]}{base / path}{spec[end:]}"
    return spec


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
