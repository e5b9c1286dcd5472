"""`Folder`: a folder on disk, read once when needed; with the files to pass over, and why."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Final

from joryu.errors import InputError
from joryu.examples.clutter import CLUTTER, is_clutter
from joryu.examples.decoding import is_picture
from joryu.examples.rejected import Rejected

USUAL: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".jp2", ".avif"),
)
_TRIED = 3  #: files without a picture's extension that are opened to see whether a folder holds pictures
_HUB = "datasets--"  #: prefix of a data set's folder in the cache of the Hugging Face Hub
_NO_SETS = ("models--", "spaces--")  #: prefixes of its other folders


class Folder:
    """A folder of pictures or of folders. Links to folders are not followed, so there are no endless loops."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @cached_property
    def entries(self) -> list[os.DirEntry[str]]:
        """Everything directly inside, sorted by name."""
        with os.scandir(self.path) as entries:
            return sorted(entries, key=attrgetter("name"))

    @cached_property
    def folders(self) -> list[Folder]:
        """The folders directly inside, without hidden ones, clutter and links."""
        return [Folder(Path(entry.path)) for entry in self.entries if _is_folder(entry) and not _skipped(entry.name)]

    @cached_property
    def full(self) -> list[Folder]:
        """The folders among `folders` that hold a picture at any depth."""
        return [folder for folder in self.folders if folder.has_picture]

    @cached_property
    def loose(self) -> list[os.DirEntry[str]]:
        """The files directly inside, without hidden ones and clutter."""
        return [entry for entry in self.entries if not _is_folder(entry) and not _skipped(entry.name)]

    @cached_property
    def has_loose_picture(self) -> bool:
        """Whether a file directly inside has a picture's extension or, if none has, one of the first few is one."""
        named = (entry for entry in self.entries if os.path.splitext(entry.name)[1].lower() in USUAL)  # noqa: PTH122
        if any(not _is_folder(entry) and not _skipped(entry.name) for entry in named):  # the first one tells
            return True
        return any(is_picture(Path(entry.path)) for entry in self.loose[:_TRIED] if entry.is_file())

    @cached_property
    def has_picture(self) -> bool:
        """Whether there is a picture in this folder, at any depth."""
        return self.has_loose_picture or any(folder.has_picture for folder in self.folders)

    def files(self, real_root: Path) -> Iterator[tuple[Path, str | None]]:
        """Every file below, by name, with the reason to pass over it or ``None``; a hidden folder is one file."""
        return ((Path(text), reason) for text, reason in self.texts(real_root))

    def texts(self, real_root: Path) -> Iterator[tuple[str, str | None]]:
        """As `files`, with paths as text, of which there may be millions."""
        for entry in self.entries:
            if entry.is_file(follow_symlinks=False) and not _skipped(entry.name):  # nearly all: nothing more is asked
                yield entry.path, None
            elif _is_folder(entry) and not _skipped(entry.name):
                yield from self._inside(entry).texts(real_root)
            else:
                yield entry.path, _reason(entry, real_root)

    def _inside(self, entry: os.DirEntry[str]) -> Folder:
        """A folder directly inside, looked into already where somebody has asked about it."""
        known = self.__dict__.get("folders", ())
        return next((folder for folder in known if folder.name == entry.name), None) or Folder(Path(entry.path))

    def aside(self, real_root: Path) -> Iterator[tuple[Path, str | None]]:
        """As `files`, but only for what is directly inside."""
        for entry in self.entries:
            if not _is_folder(entry) or _skipped(entry.name):
                yield Path(entry.path), _reason(entry, real_root)

    def clutter(self) -> list[Rejected]:
        """What is directly inside but ignored, because it is hidden or clutter."""
        return [Rejected(printable(e.name), _skipped(e.name)) for e in self.entries if _skipped(e.name)]


def link_root(root: Path) -> Path:
    """The folder that links must stay inside: the set's own, or its repository in the Hugging Face Hub's cache."""
    real = root.resolve()
    kept = (folder for folder in (real, *real.parents) if folder.name.startswith(_HUB) and (folder / "blobs").is_dir())
    return next(kept, real)


def find_files(root: Path) -> tuple[list[Path], list[Rejected]]:
    """Every file below a folder, by name, and those passed over: hidden, clutter, special, or links out of it."""
    found: list[Path] = []
    rejected: list[Rejected] = []
    for path, reason in Folder(root).files(link_root(root)):
        if reason is None:
            found.append(path)
        else:
            rejected.append(Rejected(printable(path.relative_to(root).as_posix()), reason))
    return found, rejected


def hub_snapshot(path: Path) -> Path:
    """The snapshot of a data set, if ``path`` is its folder in the Hugging Face Hub's cache; else ``path`` itself.

    ``path`` may also be a cache that holds only this one data set.

    Raises:
        InputError: there are several snapshots, and none is recorded as that of the main branch.
    """
    path = _only_kept(path)
    if not is_hub_repository(path):
        return path
    kept = sorted(folder for folder in (path / "snapshots").iterdir() if folder.is_dir())
    main = path / "refs" / "main"
    current = path / "snapshots" / main.read_text().strip() if main.is_file() else None
    if current in kept:
        return current
    if len(kept) != 1:
        raise InputError(
            f"{path} keeps {len(kept)} versions of a set", expected="one", hint="name one of those in its snapshots/"
        )
    return kept[0]


def is_hub_repository(path: Path) -> bool:
    """Whether a folder is that of a data set in the Hub's cache, with files in ``blobs`` and names in ``snapshots``."""
    return path.name.startswith(_HUB) and (path / "snapshots").is_dir()


def _only_kept(path: Path) -> Path:
    """The folder of the only data set in a cache of the Hub, or the path itself."""
    if not path.is_dir() or is_hub_repository(path):
        return path
    kept = [folder for folder in Folder(path).folders if not folder.name.startswith(_NO_SETS)]
    return kept[0].path if len(kept) == 1 and is_hub_repository(kept[0].path) else path


def printable(name: str) -> str:
    """A file's name as text that can be printed and hashed, even if it is not valid UTF-8."""
    return name if name.isascii() else os.fsencode(name).decode(errors="replace")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _skipped(name: str) -> str:
    """The reason to pass over a file because of its name; empty if there is none."""
    return CLUTTER if is_clutter(name) else "hidden" if name.startswith(".") else ""


def _reason(entry: os.DirEntry[str], real_root: Path) -> str | None:
    if skipped := _skipped(entry.name):
        return skipped
    if entry.is_file(follow_symlinks=False):
        return None
    return _reason_to_pass_over_link(Path(entry.path), real_root) if entry.is_symlink() else "not a regular file"


def _reason_to_pass_over_link(path: Path, real_root: Path) -> str | None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return "broken link"
    if not target.is_relative_to(real_root):
        return "link that leads out of the folder"
    return None if target.is_file() else "link to a folder or to a special file"
