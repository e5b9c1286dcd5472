"""Classes from the names of files: ``cat.0.jpg``, ``dog.1.jpg``, ``american_bulldog_12.jpg``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from joryu.errors import InputError
from joryu.examples.beside.labels import place_of, places_of
from joryu.examples.layouts import canonical_split, some
from joryu.questions import UNKNOWN

_NUMBERED: Final = re.compile(r"^(?P<name>.*[^\W\d_].*?)[._\- ]+(\d+|\(\d+\))$")
_FIRST: Final = re.compile(r"^(?P<name>[^._]+)[._]")
#: words that cameras, scanners and scripts put into file names, which are not classes
_OF_PROGRAMS: Final = {
    "img", "image", "images", "pic", "picture", "photo", "frame", "dsc", "dscn", "dscf", "pxl", "mvi", "vid",
    "video", "scan", "screenshot", "untitled", "file", "sample", "id", "view", "crop", "patch", "tile", "page",
    "part", "slide", "mask", "rec", "capture", "snapshot", "foto", "gopr", "wa", "output", "result", "unknown",
}  # fmt: skip


def class_in_name(path: Path) -> str | None:
    """The part of a file's name before its number; ``None`` if there is none.

    >>> class_in_name(Path("cat.0.jpg")), class_in_name(Path("american_bulldog_12.jpg")), class_in_name(Path("3.jpg"))
    ('cat', 'american_bulldog', None)
    """
    match = _NUMBERED.match(path.stem)
    return match["name"] if match else None


def classes_in_names(paths: Sequence[Path]) -> list[str] | None:
    """The class in each file's name; ``None`` unless the names clearly begin with classes.

    They do if every name is a word and a number, no word contains digits or is one that programs or splits use, and
    every word occurs more than once.
    """
    names = [name for path in paths if (name := class_in_name(path)) is not None]
    if len(names) < len(paths):
        return None
    count = Counter(names)
    plain = all(not any(map(str.isdigit, name)) and not _is_idle(name) for name in count)
    return names if len(count) > 1 and plain and min(count.values()) > 1 else None


def may_begin_with_classes(paths: Sequence[Path]) -> bool:
    """Whether names of files could begin with classes, if the user says so (``labels=names``)."""
    count = Counter(class_in_name(path) or "" for path in paths)
    return "" not in count and 1 < len(count) <= len(paths) / 2 and not any(map(_is_idle, count))


def named_classes(paths: Sequence[Path], *, strict: bool = True) -> list[str | None]:
    """The class of each name, if the user says that names begin with classes: the part before a number or first dot.

    Raises:
        InputError: (``strict``) a name has no part before a dot or an underscore, or all names have the same class.
    """
    numbered = [class_in_name(path) for path in paths]
    whole = not strict or all(name is not None for name in numbered)
    names = numbered if whole else [match["name"] if (match := _FIRST.match(path.name)) else None for path in paths]
    if strict and None in names:
        odd = [path.name for path, name in zip(paths, names, strict=True) if name is None]
        raise InputError(
            "labels=names finds no class in a file's name",
            expected="cat.0.jpg or cat_0.jpg",
            received=some(odd, most=3),
        )
    if strict and len(set(names)) < 2:
        raise InputError("labels=names finds one class alone", expected="two or more", received=some(set(names)))
    return names


def numbers_of(names: Sequence[str | None], classes: Sequence[str]) -> list[int]:
    """The number of each name's class, -1 if it is not among ``classes``."""
    place = places_of(classes)
    found = [None if name is None else place_of(name, place) for name in names]
    return [UNKNOWN if number is None else number for number in found]


def _is_idle(name: str) -> bool:
    first = re.split(r"[\W\d_]+", name.lower())
    return bool(set(first) & _OF_PROGRAMS) or canonical_split(name) is not None
