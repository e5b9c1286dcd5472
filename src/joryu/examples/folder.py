"""A folder of class folders of pictures, perhaps under ``train/`` and ``test/``; or of pictures without labels."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from joryu.errors import InputError
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import canonical_split, no_such_split, require_unsplit, split_spellings, visible_folders
from joryu.examples.pictures import Picture, Progress, count_channels, read_pictures

_USUAL = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2", ".avif"}


class _Found(NamedTuple):
    """Files to read, each with the index of its class (``None``: there are no classes), and what was passed over."""

    files: list[tuple[Path, int | None]]
    rejected: list[Rejected]


def load_folder(
    root: Path, split: str = "train", *, size: int | None = None, progress: Progress | None = None
) -> Examples:
    """Pictures of ``root/CLASS/**`` or ``root/SPLIT/CLASS/**``; classes and files in the order of their names.

    Every file is tried, whatever its extension. ``rejected`` names what was left out: files that are no usable
    pictures, hidden ones, special files, files beside the class folders, and links that are broken, lead out of the
    root or lead to a folder. A folder without sub-folders is a set without labels. All splits share their classes,
    and are grey or RGB as ``train`` is: a single colour picture in ``test`` would make it another kind of set.

    Raises:
        InputError: no such split, or pictures that `read_pictures` refuses (none usable, sizes that differ).
    """
    top, train, levels = _split_folder(root, split)
    classes = tuple(sorted({folder.name for level in levels for folder in visible_folders(level)}))
    files, passed_over = _find(top, classes, real_root=root.resolve())
    if not files:
        found = "; ".join(f"{name}: {reason}" for name, reason in passed_over[:3]) or "nothing"
        raise InputError(f"no picture in {top}", expected="class folders of pictures, or pictures", received=found)
    pictures = (Picture(_name(path, top), path) for path, _ in files)
    channels = None if train == top else _channels(train, classes, root.resolve())
    read = read_pictures(pictures, len(files), size=size, channels=channels, progress=progress)
    kept = [files[row] for row in read.kept.tolist()]
    return Examples.of(
        torch.from_numpy(read.pixels),
        torch.tensor([label for _, label in kept]) if classes else None,
        classes=[_printable(name) for name in classes],
        name=_printable(root.name),
        sources=[_name(path, top) for path, _ in kept],
        rejected=sorted([*passed_over, *read.rejected]),
    )


def find_files(root: Path) -> tuple[list[Path], list[Rejected]]:
    """Every file below a folder, by name, and what is passed over: hidden, special, or a link that leads out of it."""
    found = _find(root, (), real_root=root.resolve())
    return [path for path, _ in found.files], found.rejected


def folder_splits(root: Path) -> set[str]:
    """What `load_folder` can be asked for."""
    return {canonical_split(name) or name for name in _levels(root)} or {"train"}


def has_class_folders(root: Path) -> bool:
    """Whether a folder looks like class folders of pictures, perhaps under splits: two or more that hold one."""
    for level in _levels(root).values() or (root,):
        folders = [folder for folder in visible_folders(level) if _holds_picture(folder)]
        if len(folders) > 1 and "masks" not in {folder.name for folder in folders}:  # masks are answers, not a class
            return True
    return False


def _holds_picture(folder: Path) -> bool:
    return any(path.suffix.lower() in _USUAL for path in folder.iterdir())


def _levels(root: Path) -> dict[str, Path]:
    """The split folders, by name; none unless all the folders are splits (``train`` may be a class beside ``bus``)."""
    folders = visible_folders(root)
    return {p.name: p for p in folders} if all(canonical_split(p.name) for p in folders) else {}


def _channels(train: Path, classes: tuple[str, ...], real_root: Path) -> int | None:
    files = _find(train, classes, real_root=real_root).files
    return count_channels(Picture(path.name, path) for path, _ in files) if files else None


def _split_folder(root: Path, split: str) -> tuple[Path, Path, list[Path]]:
    """The folder of the split, that of ``train`` (of the split itself if there is none), and those of all splits."""
    levels = _levels(root)
    if not levels:
        require_unsplit(root, split)
        return root, root, [root]
    found = next((levels[name] for name in split_spellings(split) if name in levels), None)
    if found is None:
        raise no_such_split(root, split, levels)
    train = next((levels[name] for name in split_spellings("train") if name in levels), found)
    return found, train, list(levels.values())


def _find(top: Path, classes: tuple[str, ...], *, real_root: Path) -> _Found:
    index = {name: label for label, name in enumerate(classes)}
    found = _Found([], [])
    for path in _walk(top):
        reason = _reason_to_pass_over(path, real_root)
        if reason is None and classes and path.parent == top:
            reason = "beside the class folders, not in one"
        if reason is None:
            found.files.append((path, index[path.relative_to(top).parts[0]] if classes else None))
        else:
            found.rejected.append(Rejected(_name(path, top), reason))
    return found


def _walk(top: Path) -> Iterator[Path]:
    """Everything below that is not a folder to go into: files, links, special files and hidden folders, by name."""
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _reason_to_pass_over(path: Path, real_root: Path) -> str | None:
    if path.name.startswith("."):
        return "hidden"
    if path.is_symlink():
        return _reason_to_pass_over_link(path, real_root)
    return None if stat.S_ISREG(path.lstat().st_mode) else "not a regular file"


def _reason_to_pass_over_link(path: Path, real_root: Path) -> str | None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        return "broken link"
    if not target.is_relative_to(real_root):
        return "link that leads out of the folder"
    return None if target.is_file() else "link to a folder or to a special file"


def _name(path: Path, top: Path) -> str:
    return _printable(path.relative_to(top).as_posix())


def _printable(name: str) -> str:
    """A file's name as text that can be printed and hashed, even if it is not valid UTF-8 on disk."""
    return os.fsencode(name).decode(errors="replace")
