"""The names by which pictures and masks belong together."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from joryu.errors import InputError
from joryu.examples.examples import Rejected
from joryu.examples.tree import Folder, link_root, printable

_MASK_SUFFIX = re.compile(r"[-_. ]?(masks?|gt|labels?|seg|segmentation|groundtruth|annotation|l)$", re.IGNORECASE)
_NO_PICTURES = (".csv", ".tsv", ".parquet", ".npy", ".npz", ".txt", ".json", ".jsonl", ".xml", ".md")


def plain_name(name: str) -> str:
    """A mask's name without what says that it is a mask.

    >>> plain_name("cat_mask"), plain_name("a/7-gt")
    ('cat', 'a/7')
    """
    return _MASK_SUFFIX.sub("", name)


def pictures_by_name(folder: Folder, root: Path, rejected: list[Rejected]) -> dict[str, Path]:
    """As `by_name`, without tables, arrays and texts, which may lie among pictures.

    Raises:
        InputError: two pictures have the same name.
    """
    return by_name(folder, root, rejected, without=_NO_PICTURES)


def by_name(
    folder: Folder, root: Path, rejected: list[Rejected], without: Collection[str] = ()
) -> dict[str, Path]:  # fmt: skip
    """The files below a folder by name without extension; left-out files are appended to ``rejected``.

    ``without``: extensions of files that are left out too.

    Raises:
        InputError: two files have the same name.
    """
    found: dict[str, Path] = {}
    for path, passed_over in folder.files(link_root(root)):
        name = path.relative_to(folder.path).with_suffix("").as_posix()
        reason = passed_over or ("no picture" if path.suffix.lower() in without else None)
        if reason is not None:
            rejected.append(Rejected(f"{printable(folder.name)}/{below(path, folder)}", reason))
        elif name in found:
            raise InputError(
                f"two files in {folder.path} are called {printable(name)}", expected="one",
                received=f"{printable(found[name].name)} and {printable(path.name)}",
            )  # fmt: skip
        else:
            found[name] = path
    return found


def below(path: Path, folder: Folder) -> str:
    """A file's path as seen from a folder, as it can be printed."""
    return printable(path.relative_to(folder.path).as_posix())
