"""What the layouts on disk share: the names of splits, and errors that name what is really there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from joryu.errors import InputError

ALL: Final = "all"  #: the split that holds everything, for layouts that hold one unsplit set

_ALIASES = {
    "train": ("train", "training"),
    "test": ("test", "t10k", "testing"),
    "validation": ("validation", "valid", "val", "dev"),
}
_CANONICAL = {alias: name for name, aliases in _ALIASES.items() for alias in aliases}


def canonical_split(name: str) -> str | None:
    """``train``, ``test`` or ``validation`` for their usual spellings, ``None`` for any other name.

    >>> canonical_split("val"), canonical_split("t10k"), canonical_split("roses")
    ('validation', 'test', None)
    """
    return _CANONICAL.get(name.lower())


def in_order(splits: Iterable[str]) -> tuple[str, ...]:
    """Splits as they follow one another: train, validation, test, then others by name.

    >>> in_order({"test", "extra", "train"})
    ('train', 'test', 'extra')
    """
    first = ("train", "validation", "test")
    return tuple(sorted(set(splits), key=lambda name: (first.index(name) if name in first else len(first), name)))


def split_spellings(split: str) -> tuple[str, ...]:
    """How files and folders may spell a split, the asked-for spelling first."""
    return tuple(dict.fromkeys((split, *_ALIASES.get(canonical_split(split) or "", ()))))


def no_such_split(where: object, split: str, present: Iterable[str]) -> InputError:
    """The error for a split that a data set does not have."""
    found = sorted(set(present))
    return InputError(
        f"{where} has no split {split!r}", expected=" or ".join(found) or "none at all", hint=f"try --split {found[0]}"
    )


def require_unsplit(where: object, split: str) -> None:
    """An unsplit set answers to ``train`` and ``all`` only, so that nobody tests on what was trained on.

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


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the near misses of ``word``, or ``None``.

    >>> did_you_mean("minst", ["mnist", "digits"])
    'did you mean mnist?'
    """
    near = get_close_matches(word, sorted(set(known)), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else None


def visible_folders(folder: Path) -> list[Path]:
    """The folders directly inside, sorted by name; hidden ones and links are not among them."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink() and not p.name.startswith("."))
