"""The data sets that Joryu knows by name, and where to find them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from joryu.errors import InputError
from joryu.examples.cache import user_cache
from joryu.examples.collected import is_collection
from joryu.examples.emnist import EMNIST
from joryu.examples.folder import has_labelled_pictures
from joryu.examples.idx import has_idx_files
from joryu.examples.layouts import some, visible_folders
from joryu.examples.pairs import are_pairs
from joryu.examples.parquet_shards import parquet_folder
from joryu.examples.tree import Folder, printable
from joryu.examples.typed_paths import expanded


class Known(NamedTuple):
    """A data set known by name: its layout, the folders it may be in below the data root, and how to get it.

    ``part`` chooses among several sets in that folder.
    """

    name: str
    layout: str
    folders: tuple[str, ...]
    obtain: str
    part: str | None = None


class ListedSet(NamedTuple):
    """A row of `list_data`; ``path`` is ``None`` if the set is absent or comes with a library."""

    name: str
    layout: str
    path: Path | None
    obtain: str


def _torchvision(name: str, folder: str) -> Known:
    command = f"python -c \"from torchvision.datasets import {folder}; {folder}(r'{{root}}', download=True)\""
    return Known(name, "idx", (folder,), command)


def _emnist(name: str) -> Known:
    part = name.removeprefix("emnist-")
    command = (
        f"python -c \"from torchvision.datasets import EMNIST; EMNIST(r'{{root}}', split='{part}', download=True)\""
    )
    return Known(name, "idx", ("EMNIST",), command, part)


DIGITS = Known("digits", "bundled", (), "comes with scikit-learn")
KNOWN = (
    DIGITS,
    _torchvision("mnist", "MNIST"),
    _torchvision("fashion-mnist", "FashionMNIST"),
    _torchvision("kmnist", "KMNIST"),
    *map(_emnist, EMNIST),
    Known(
        "cifar10",
        "parquet",
        ("cifar10", "cifar10_jpeg"),
        "hf download uoft-cs/cifar10 --repo-type dataset --local-dir {root}/cifar10",
    ),
)


def data_root() -> Path:
    """The folder of data sets: ``$JORYU_DATA``, else ``joryu/data`` in the user's cache (``$XDG_CACHE_HOME``)."""
    if chosen := os.environ.get("JORYU_DATA"):
        return expanded(chosen)
    return user_cache() / "data"


def known_set(name: str) -> Known | None:
    """The known set of this name, or ``None``."""
    return next((known for known in KNOWN if known.name == name), None)


def find_known(name: str, root: Path) -> Path | None:
    """The path of a known set below the data root, or ``None`` if it is not there."""
    known = known_set(name)
    folders = known.folders if known else ()
    return next((root / folder for folder in folders if (root / folder).is_dir()), None)


def obtain(known: Known, root: Path) -> str:
    """The instruction for getting a known set so that it is found below this data root."""
    return known.obtain.format(root=root)


def sniff(place: Path) -> str | None:
    """The layout of a folder or file: ``idx``, ``parquet``, ``pairs`` or ``folder``; ``None`` if it has none."""
    if place.is_file():
        return "parquet" if place.suffix == ".parquet" else None
    if is_collection(place):
        return "folder"
    if has_idx_files(place):
        return "idx"
    if parquet_folder(place) is not None:
        folders = Folder(place).full
        if len(folders) > 1 or any(len(folder.full) > 1 for folder in folders):
            raise InputError(
                f"{place} holds Parquet files and folders of pictures",
                expected="one or the other",
                received=some(f"{printable(folder.name)}/" for folder in folders),
                hint=f"try parquet:{place} or folder:{place}",
            )
        return "parquet"
    if are_pairs(place):
        return "pairs"
    return "folder" if has_labelled_pictures(place) else None


def list_data(root: Path | str | None = None) -> list[ListedSet]:
    """All sets known by name, present or absent, then every other folder below the data root with a known layout.

    >>> list_data()[0].name
    'digits'
    """
    root = data_root() if root is None else Path(root)
    rows = [ListedSet(known.name, known.layout, find_known(known.name, root), obtain(known, root)) for known in KNOWN]
    taken = {row.path for row in rows}
    others = [folder for folder in visible_folders(root) if folder not in taken] if root.is_dir() else []
    layouts = ((folder, _layout_of(folder)) for folder in others)
    return rows + [ListedSet(folder.name, layout, folder, "already here") for folder, layout in layouts if layout]


def _layout_of(folder: Path) -> str | None:
    try:
        return sniff(folder)
    except (InputError, OSError):  # a folder that cannot be read, or that holds several sets, is not listed
        return None
