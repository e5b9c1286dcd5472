"""Specs that name paths, found again from another folder than the one they were typed in.

A store or a run records how its examples and its teacher were named, ``folder:pictures`` or ``run:teacher``, and beside
it the folder that was typed in, as seen from itself: so it can be used from anywhere, and moved together with what it
was made of.
"""

from __future__ import annotations

import os
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.known import DIGITS, KNOWN
from joryu.examples.specs import find_place


def typed_in(folder: Path) -> str:
    """The folder one is in now, as seen from another."""
    return Path(os.path.relpath(Path.cwd(), folder.resolve())).as_posix()


def from_here(spec: str, folder: Path, seen: str | None) -> str:
    """A spec as it has to be typed here, to mean what it meant in the folder ``seen`` from ``folder``.

    What is not there stays as it was typed: a name in the data root, a module, or a path that may be found from here.

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
        # Before its options, which a comma begins, or the part of a set, which a # does.
        for end in [len(spec), *(at for at in range(len(spec) - 1, start, -1) if spec[at] in ",#")]:
            path = spec[start:end]
            if path and not Path(path).is_absolute() and (base / path).exists():
                return f"{spec[:start]}{base / path}{spec[end:]}"
    return spec


def require_found(spec: str, folder: Path, seen: str | None) -> None:
    """Refuse to go on where the examples of a run or a store are not found from here.

    Raises:
        InputError: the examples that ``folder`` was made of are not found from here.
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
