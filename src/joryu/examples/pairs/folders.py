"""Masks in a folder: a file for each picture, which is a picture itself or an array."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, final

from joryu.errors import InputError
from joryu.examples.examples import Rejected
from joryu.examples.layouts import some
from joryu.examples.pairs.arrays import SUFFIXES as ARRAYS
from joryu.examples.pairs.arrays import read_array
from joryu.examples.pairs.coding import Coding, CodingOptions, Held, find_coding
from joryu.examples.pairs.masks import Mask, Sides, read_mask
from joryu.examples.pairs.names import below, by_name, plain_name
from joryu.examples.pairs.places import FoundMasks
from joryu.examples.tree import USUAL, Folder, printable

_READERS: Final[dict[str, Callable[[Path, int | None], Mask]]] = dict.fromkeys(ARRAYS, read_array)
"""Who reads a mask file, by its extension; without a row it is read as a picture."""


@final
@dataclass(frozen=True)
class MaskFile:
    """A mask in a file of its own: a picture or an array."""

    name: str
    path: Path

    def read(self, picture: Sides | None, size: int | None) -> Mask:
        """See `PictureMask.read`."""
        del picture
        return _READERS.get(self.path.suffix.lower(), read_mask)(self.path, size)


@final
@dataclass(frozen=True)
class MaskFolder:
    """A folder with a mask file for each picture."""

    folder: Folder

    @property
    def name(self) -> str:
        return str(self.folder.path)

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @property
    def takes_options(self) -> bool:
        return False

    def with_classes(self, classes: tuple[str, ...]) -> Self:
        """The same: values of masks are numbers already."""
        del classes
        return self

    def are_for(self, pictures: Collection[str]) -> bool:
        """Whether a picture or an array is called as one of these pictures is."""
        files = by_name(self.folder, self.folder.path, [])
        usable = (name for name, path in files.items() if path.suffix.lower() in (*USUAL, *ARRAYS))
        known = set(pictures)
        return any(name in known or plain_name(name) in known for name in usable)

    def find(self, pictures: Collection[str], root: Path) -> FoundMasks:
        """See `MaskPlace.find`; a mask's name may end in ``_mask`` or similar.

        Raises:
            InputError: two masks have the same name.
        """
        known, rejected = set(pictures), list[Rejected]()
        masks = by_name(self.folder, root, rejected)
        plain = {name if name in known else plain_name(name): path for name, path in masks.items()}
        if len(plain) < len(masks):
            twice = [path.name for path in masks.values() if path not in plain.values()]
            raise InputError(f"{self.folder.path} has two masks for one picture", received=some(twice))
        named = {
            name: MaskFile(f"{printable(self.folder.name)}/{below(path, self.folder)}", path)
            for name, path in plain.items()
        }
        return FoundMasks(named, rejected)

    def coding(self, held: Callable[[], Held], options: CodingOptions) -> Coding:
        """See `find_coding`."""
        return find_coding(held(), options)
