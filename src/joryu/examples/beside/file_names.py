"""Classes in the names of files: ``cat.0.jpg``, ``dog.1.jpg``, ``american_bulldog_12.jpg``."""

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
#: what cameras, scanners and scripts call their files
_OF_PROGRAMS: Final = {
    "img", "image", "images", "pic", "picture", "photo", "frame", "dsc", "dscn", "dscf", "pxl", "mvi", "vid",
    "video", "scan", "screenshot", "untitled", "file", "sample", "id", "view", "crop", "patch", "tile", "page",
    "part", "slide", "mask", "rec", "capture", "snapshot", "foto", "gopr", "wa", "output", "result", "unknown",
}  # fmt: skip


def class_in_name(path: Path) -> str | None:
    """What stands before the number of a file's name.

    >>> class_in_name(Path("cat.0.jpg")), class_in_name(Path("american_bulldog_12.jpg")), class_in_name(Path("3.jpg"))
    ('cat', 'american_bulldog', None)
    """
    match = _NUMBERED.match(path.stem)
    return match["name"] if match else None


def classes_in_names(paths: Sequence[Path]) -> list[str] | None:
    """The class that each file is called by; ``None`` unless it is plain that the names begin with classes.

    It is where every name is a word and a number, the words hold no digits, are not such as programs and splits give,
    and each comes again.
    """
    names = [name for path in paths if (name := class_in_name(path)) is not None]
    if len(names) < len(paths):
        return None
    count = Counter(names)
    plain = all(not any(map(str.isdigit, name)) and not _is_idle(name) for name in count)
    return names if len(count) > 1 and plain and min(count.values()) > 1 else None


def may_begin_with_classes(paths: Sequence[Path]) -> bool:
    """Whether the names of files may begin with classes, for whoever knows that they do."""
    count = Counter(class_in_name(path) or "" for path in paths)
    return "" not in count and 1 < len(count) <= len(paths) / 2 and not any(map(_is_idle, count))


def named_classes(paths: Sequence[Path], *, strict: bool = True) -> list[str | None]:
    """The class that each name begins with, where it is known that they do: before its number, or before the first dot.

    Raises:
        InputError: (``strict``) a name with nothing before a dot or an underscore, or one class alone.
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
    """The number of each class, -1 where it is none of them."""
    place = places_of(classes)
    found = [None if name is None else place_of(name, place) for name in names]
    return [UNKNOWN if number is None else number for number in found]


def _is_idle(name: str) -> bool:
    first = re.split(r"[\W\d_]+", name.lower())
    return bool(set(first) & _OF_PROGRAMS) or canonical_split(name) is not None
