"""Files that operating systems and programs leave in folders, which are never a class, a split or a picture."""

from __future__ import annotations

from typing import Final

from joryu.examples.rejected import Rejected

CLUTTER: Final = "left behind by an operating system or a program"

_NAMES = {
    *("__macosx", ".ds_store", ".appledouble", ".spotlight-v100", ".trashes", ".fseventsd", ".localized", "icon\r"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information"),
    *("@eadir", "#recycle", "lost+found", ".directory", ".picasa.ini", "picasa.ini", ".thumbnails"),
    *(".ipynb_checkpoints", "__pycache__", ".git", ".gitattributes", ".gitignore", ".svn", ".cache", ".gitkeep"),
}


def is_clutter(name: str) -> bool:
    """Whether a file or folder has a name (without path) that an operating system or program leaves behind.

    >>> is_clutter("Thumbs.db"), is_clutter("._rose.jpg"), is_clutter("rose.jpg")
    (True, True, False)
    """
    return name.startswith("._") or name.lower() in _NAMES


def by_weight(rejected: list[Rejected]) -> list[Rejected]:
    """What was left out, sorted by name; clutter comes last."""
    return sorted(rejected, key=lambda one: (one.reason == CLUTTER, one))
