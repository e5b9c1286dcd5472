"""Shared by all layouts on disk: names of splits, and errors that name what is really there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from joryu.errors import InputError
from joryu.examples.clutter import is_clutter

ALL: Final = "all"  #: the split that holds everything

_ALIASES = {
    "train": ("train", "training", "trn", "trainset", "trainingset"),
    "test": ("test", "t10k", "testing", "tst", "testset", "test1"),
    "validation": ("validation", "valid", "val", "dev", "valset", "validationset"),
}
_CANONICAL = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}
_FILLING = {"seg", "image", "images", "img", "imgs", "picture", "pictures", "photos", "set", "data", "dataset", "split"}
Kept = TypeVar("Kept")
_FIRST = ("train", "validation", "test")


def canonical_split(name: str) -> str | None:
    """``train``, ``test`` or ``validation`` for their usual spellings; ``None`` for any other name.

    Case does not matter, and words such as ``images`` are ignored.

    >>> canonical_split("val"), canonical_split("Testing"), canonical_split("seg_train"), canonical_split("roses")
    ('validation', 'test', 'train', None)
    """
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word and word not in _FILLING]
    return _CANONICAL.get(words[0]) if len(words) == 1 else None


def in_order(splits: Iterable[str]) -> tuple[str, ...]:
    """Splits in their usual order: train, validation, test, then others by name.

    >>> in_order({"test", "extra", "train"})
    ('train', 'test', 'extra')
    """
    return tuple(sorted(set(splits), key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)))


def find_split(where: object, split: str, present: Mapping[str, Kept]) -> Kept:
    """Look up a split in ``present``, which has canonical names; any usual spelling of ``split`` is understood.

    Raises:
        InputError: the set does not have the split.
    """
    name = canonical_split(split) or split
    if name not in present:
        raise no_such_split(where, split, present)
    return present[name]


def no_such_split(where: object, split: str, present: Iterable[str]) -> InputError:
    """The error for a split that a data set does not have."""
    found = in_order(present)
    return InputError(
        f"{where} has no split {split!r}",
        expected=" or ".join(found) or "none at all",
        hint=f"try --split {found[0]}" if found else None,
    )


def require_unsplit(where: object, split: str) -> None:
    """Check the split asked of a set without splits: only ``train`` and ``all`` exist.

    So nobody tests by mistake on what was trained on.

    Raises:
        InputError: another split was asked for.
    """
    if split not in ("train", ALL):
        raise InputError(
            f"{where} is one set without splits",
            expected="train or all",
            received=split,
            hint="try dividing it (split_examples, or train/ and test/ folders)",
        )


def spelt_twice(where: object, split: str, names: Iterable[str]) -> InputError:
    """The error for two folders or files that are the same split."""
    return InputError(
        f"{where} has the split {split} more than once",
        expected="one of them",
        received=some(names),
        hint="move the others out of the folder",
    )


def some(names: Iterable[object], most: int = 6) -> str:
    """The first few names of a list, and how many more there are.

    >>> some("abc", most=2)
    'a, b and 1 more'
    """
    words = [str(name) for name in names]
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + rest


def visible_folders(folder: Path) -> list[Path]:
    """The folders directly inside, sorted by name, without hidden ones, clutter and links."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_dir() and not p.is_symlink() and not p.name.startswith(".") and not is_clutter(p.name)
    )
