"""Parse a spec such as ``mnist``, ``folder:pictures`` or ``idx:EMNIST#letters`` into a layout and a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside import OPTIONS as FOLDER_OPTIONS
from joryu.examples.known import DIGITS, KNOWN, data_root, find_known, known_set, obtain, sniff
from joryu.examples.layouts import visible_folders
from joryu.examples.options import split_options
from joryu.examples.pairs import OPTIONS as PAIR_OPTIONS
from joryu.examples.parquet import OPTIONS as PARQUET_OPTIONS
from joryu.examples.tabular import BUNDLED as TABLES
from joryu.examples.tabular import OPTIONS as TABLE_OPTIONS
from joryu.examples.tabular.files import SUFFIXES
from joryu.examples.tree import Folder, hub_snapshot
from joryu.examples.typed_paths import expanded, is_there

SCREENED: Final = "screened"
LAYOUTS = ("idx", "parquet", "folder", "project", "table", "pairs", SCREENED)
#: the options that may follow the path of each layout, as ``,name=value``
OPTIONS = {
    "table": TABLE_OPTIONS, "pairs": PAIR_OPTIONS, "folder": FOLDER_OPTIONS, "parquet": PARQUET_OPTIONS
}  # fmt: skip
BUNDLED = "bundled"  #: the layout of sets that come with a library


class Place(NamedTuple):
    """The set that a spec names.

    ``part`` is what follows a ``#``: one of several sets in a folder, or the columns of a Parquet set. The ``path`` of
    a table that comes with a library is its name. ``root`` is the data root, for a set that names another one.
    """

    layout: str
    path: Path
    part: str | None = None
    options: Mapping[str, str] = MappingProxyType({})
    root: Path | None = None


def find_place(spec: str, root: Path | str | None = None) -> Place:
    """Find the place that a spec names, and the layout of its files; ``root`` is the data root.

    Raises:
        InputError: there is no such file or folder, or its layout is not known.
    """
    with readable(spec):
        return _find_place(spec, data_root() if root is None else Path(root))


@contextmanager
def readable(spec: str) -> Iterator[None]:
    """Say in one line what the system has against reading the set that a spec names.

    Raises:
        InputError: a folder may not be listed or is none, a name is too long, a disk fails.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{spec} cannot be read: {error.strerror or error}") from error


def _find_place(spec: str, root: Path) -> Place:
    layout, colon, rest = spec.partition(":")
    if colon and layout in OPTIONS:
        return _with_options(layout, rest, root)
    text, part = _parted(spec, root)
    if text == DIGITS.name:
        return Place(BUNDLED, Path(), part)
    layout, colon, rest = text.partition(":")
    if colon and layout in LAYOUTS:
        return Place(layout, hub_snapshot(_existing(rest, root)), part, root=root)
    known, place = known_set(text), find_known(text, root) or _path(text, root)
    if place is None:
        raise _unknown(text, root)
    place = hub_snapshot(place)
    found = sniff(place)
    if found is None and place.is_dir() and Folder(place).has_picture:
        raise InputError(
            f"{place} holds pictures, but no class folders",
            expected="two or more folders of pictures, one for each class",
            hint=f"to have them without labels try folder:{text}",
        )
    if found is None:
        raise InputError(
            f"{place} has no layout that is known",
            expected="IDX files, Parquet files or class folders of pictures",
            hint=f"try table:{text},target=COLUMN"
            if place.suffix.lower() in SUFFIXES
            else "try idx:, parquet: or folder: before the path to see what is missing",
        )
    return Place(found, place, part or (known.part if known is not None else None))


def locate(spec: str, *, data_root: Path | str | None = None) -> tuple[str, Path]:
    """The layout and the path of a spec (other than ``digits``).

    Raises:
        InputError: there is no such file or folder, or its layout is not known.
    """
    place = find_place(spec, data_root)
    if place.layout == BUNDLED or table_of(place) in TABLES:
        raise InputError(f"{spec} {DIGITS.obtain} and lies in no folder of its own")
    return place.layout, place.path


def table_of(place: Place) -> Path | str:
    """The first argument of `joryu.examples.tabular.load_table`: a path, or the name of a bundled table."""
    name = str(place.path)
    return name if place.layout == "table" and name in TABLES else place.path


def bundled_table(spec: str) -> bool:
    """Whether a spec names a table that comes with a library, which comes before a path of that name.

    >>> bundled_table("table:iris,target=target"), bundled_table("table:iris.csv")
    (True, False)
    """
    return re.fullmatch(rf"table:({'|'.join(map(re.escape, TABLES))})(,\s*[a-z]+=.*)?", spec) is not None


def _with_options(layout: str, rest: str, root: Path) -> Place:
    bundled = TABLES if layout == "table" else ()
    named, options = split_options(
        rest, OPTIONS[layout], is_place=lambda text: text in bundled or _path(text, root) is not None
    )
    if named in bundled:
        return Place(layout, Path(named), options=options)
    named, part = _parted(named, root)
    return Place(layout, hub_snapshot(_existing(named, root, also=bundled)), part, options)


def _parted(spec: str, root: Path) -> tuple[str, str | None]:
    """A spec and what follows its last ``#``, unless the ``#`` is part of an existing path."""
    text, hash_sign, part = spec.rpartition("#")
    path = spec.partition(":")[2] if spec.partition(":")[0] in LAYOUTS else spec
    return (text, part) if hash_sign and text and part and _path(path, root) is None else (spec, None)


def _path(text: str, root: Path) -> Path | None:
    """An existing path, as given or below the data root, else ``None``; ``.`` and ``..`` by their own names."""
    places = (expanded(text), root / text) if text else ()
    found = next((place for place in places if is_there(place)), None)
    return found.resolve() if found is not None and found.name in ("", "..") else found


def _existing(text: str, root: Path, also: Iterable[str] = ()) -> Path:
    place = _path(text, root)
    if place is None:
        parent = expanded(text).parent
        siblings = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        raise InputError(
            f"no such file or folder: {text or '(empty)'}", hint=did_you_mean(Path(text).name, [*siblings, *also])
        )
    return place


def _unknown(spec: str, root: Path) -> InputError:
    known = known_set(spec)
    if known is not None:
        return InputError(f"{spec} is not in {root}", hint=f"set JORYU_DATA, or try: {obtain(known, root)}")
    return InputError(
        f"no examples are known as {spec!r}",
        expected="digits, a name in the data root, a path, idx:DIR, parquet:DIR_OR_FILE, folder:DIR, project:DIR, "
        "table:FILE_OR_DIR, pairs:DIR or screened:FILE",
        hint=f"did you mean table:{spec}?" if spec in TABLES else did_you_mean(spec.lower(), _near(spec, root)),
    )


def _near(spec: str, root: Path) -> Iterator[str]:
    yield from (known.name for known in KNOWN)
    yield from (folder.name for folder in visible_folders(root)) if root.is_dir() else ()
    rest = spec.partition(":")[2]
    if rest:
        yield from (f"{layout}:{rest}" for layout in LAYOUTS)
