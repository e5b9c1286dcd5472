"""`MaskPlace`: where the masks of a split are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from joryu.errors import InputError
from joryu.examples.examples import Rejected
from joryu.examples.pairs.coding import Coding, CodingOptions, Held
from joryu.examples.pairs.masks import Mask, Sides


class MaskPlaceError(InputError):
    """What is wrong with a place of masks as a whole, so that no single mask is left out for it."""


class PictureMask(Protocol):
    """The mask of one picture, not read yet."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    def read(self, picture: Sides | None, size: int | None) -> Mask:
        """The mask; with ``size`` cropped and resized as its picture is, with the nearest value.

        ``picture``: the width and height of its picture, if they are known.

        Raises:
            InputError: it cannot be used, and is left out.
            MaskPlaceError: none of its place can.
        """
        ...


class FoundMasks(NamedTuple):
    """Masks by the names of their pictures (paths below their folder without extension), and what was left out."""

    masks: Mapping[str, PictureMask]
    rejected: list[Rejected]


class MaskPlace(Protocol):
    """Where the masks of a split are. To add one: a file with such a class, and its row in `layout.OPENERS`."""

    @property
    def name(self) -> str:
        """What to call it in messages."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes it names itself, if its masks have any beside their values."""
        ...

    @property
    def takes_options(self) -> bool:
        """Whether the options of tables say something about it."""
        ...

    def with_classes(self, classes: tuple[str, ...]) -> MaskPlace:
        """The same place, its classes numbered as those of train."""
        ...

    def are_for(self, pictures: Collection[str]) -> bool:
        """Whether at least one of these pictures has a mask here, without reading one.

        Raises:
            InputError: the place cannot be read.
        """
        ...

    def find(self, pictures: Collection[str], root: Path) -> FoundMasks:
        """Find the masks of pictures, given by name.

        Raises:
            InputError: two masks may be meant for one picture, or the place cannot be read.
        """
        ...

    def coding(self, held: Callable[[], Held], options: CodingOptions) -> Coding:
        """The meaning of the masks; ``held`` reads the values of all of them.

        Raises:
            InputError: they have no meaning.
        """
        ...
