"""Masks as NumPy arrays: a ``.npy`` or ``.npz`` file for each picture, or one ``.npz`` with an array for each."""

from __future__ import annotations

import weakref
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self, final

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import PIXEL_LIMIT
from joryu.examples.layouts import some
from joryu.examples.pairs.coding import Coding, CodingOptions, Held, find_coding
from joryu.examples.pairs.masks import Mask, Sides, fitted
from joryu.examples.pairs.names import plain_name
from joryu.examples.pairs.places import FoundMasks
from joryu.examples.tree import USUAL, printable

SUFFIXES: Final = (".npy", ".npz")
ARCHIVE: Final = ".npz"


def read_array(path: Path, size: int | None = None) -> Mask:
    """Read a mask of numbers, ``[height, width]`` or ``[height, width, 1]``, from a ``.npy`` file, or the only array
    of a ``.npz`` file. ``size`` as in `joryu.examples.pairs.masks.read_mask`. Nothing is unpickled.

    Raises:
        InputError: it is no such array, or the file is damaged.
    """
    with _one_kind_of_error():
        if path.suffix.lower() != ARCHIVE:
            return mask_of(np.load(path, allow_pickle=False), size)
        _require_sound(path)
        with np.load(path, allow_pickle=False) as archive:
            if len(archive.files) != 1:
                raise InputError("several arrays in one file", expected="one mask", received=some(archive.files))
            return mask_of(archive[archive.files[0]], size)


def _require_sound(path: Path) -> None:
    """Let a damaged archive fail here: NumPy would fail too, and leave the file open."""
    with path.open("rb") as file:
        if file.read(2) == b"PK":
            zipfile.ZipFile(file).close()


def mask_of(values: npt.NDArray[Any], size: int | None = None) -> Mask:
    """A mask of an array's values, which are never rounded.

    >>> mask_of(np.array([[True, False]])).values.tolist()
    [[1, 0]]

    Raises:
        InputError: another shape, or values that are no whole numbers of 32 bits.
    """
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or not values.size:
        raise InputError(
            "this array is no mask", expected="[height, width]", received=f"shape {list(values.shape)}",
            hint="of one channel for each class, try the number of the class: array.argmax(-1)",
        )  # fmt: skip
    if values.size > PIXEL_LIMIT:
        raise InputError("too many pixels", expected=f"at most {PIXEL_LIMIT:,}", received=f"{values.size:,}")
    if values.dtype.kind not in "bui":
        raise InputError(
            "this array is no mask", expected="whole numbers or booleans", received=f"dtype {values.dtype}",
            hint="try array > 0.5 or array.astype('uint8'), whichever is meant",
        )  # fmt: skip
    low, high = int(values.min()), int(values.max())
    if low < -(2**31) or high >= 2**31:
        raise InputError("these are no values of a mask", expected="numbers of 32 bits", received=f"{low} to {high}")
    small = low >= 0 and high < 256
    whole = Image.fromarray(np.ascontiguousarray(values.astype(np.uint8 if small else np.int32)))
    return Mask(fitted(whole, size), frozenset(np.unique(values).astype(int).tolist()), *whole.size)


@final
@dataclass(frozen=True)
class ArchivedMask:
    """A mask in an archive of many, by its key."""

    archive: MaskArchive
    key: str

    @property
    def name(self) -> str:
        return f"{printable(self.archive.path.name)}[{self.key!r}]"

    def read(self, picture: Sides | None, size: int | None) -> Mask:
        """See `joryu.examples.pairs.places.PictureMask.read`."""
        del picture
        with _one_kind_of_error():
            return mask_of(self.archive.opened[self.key], size)


@final
@dataclass(frozen=True)
class MaskArchive:
    """One ``.npz`` file with an array for each picture; the key is the picture's name, with or without extension."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @cached_property
    def opened(self) -> Mapping[str, npt.NDArray[Any]]:
        """The arrays by key, each read when it is asked for.

        Raises:
            InputError: the file is no such archive.
        """
        with _one_kind_of_error():
            _require_sound(self.path)
            found = np.load(self.path, allow_pickle=False)
        if not isinstance(found, NpzFile):  # NumPy reads what the file holds, whatever its name says
            raise InputError("not an archive of arrays", expected="a file saved by numpy.savez", received="one array")
        weakref.finalize(self, found.close)  # it reads as long as this lives
        return found

    @property
    def takes_options(self) -> bool:
        return False

    def with_classes(self, classes: tuple[str, ...]) -> Self:
        """The same: values of masks are numbers already."""
        del classes
        return self

    def are_for(self, pictures: Collection[str]) -> bool:
        """Whether a key is the name of one of these pictures."""
        known = set(pictures)
        return any(_name(key, known) in known for key in self._keys)

    def find(self, pictures: Collection[str], root: Path) -> FoundMasks:
        """See `joryu.examples.pairs.places.MaskPlace.find`.

        Raises:
            InputError: two keys are for one picture, or the file cannot be read.
        """
        del root
        known = set(pictures)
        found: dict[str, ArchivedMask] = {}
        for key in self._keys:
            name = _name(key, known)
            if name in found:
                raise InputError(f"{self.path} has two masks for one picture", received=f"{found[name].key} and {key}")
            found[name] = ArchivedMask(self, key)
        return FoundMasks(found, [])

    def coding(self, held: Callable[[], Held], options: CodingOptions) -> Coding:
        """See `find_coding`."""
        return find_coding(held(), options)

    @property
    def _keys(self) -> list[str]:
        try:
            return list(self.opened)
        except InputError as error:
            raise InputError(f"{self.path} cannot be read", received=str(error)) from error


def _name(key: str, known: set[str]) -> str:
    without = key[: -len(Path(key).suffix)] if Path(key).suffix.lower() in USUAL else key
    return next((name for name in (key, without, plain_name(without)) if name in known), without)


@contextmanager
def _one_kind_of_error() -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        pickled = "pickle" in str(error).lower()
        why = "Python objects (a pickle), which are never loaded" if pickled else str(error).split("\n")[0]
        raise InputError(
            "not an array that can be read", expected="whole numbers saved by numpy.save or savez", received=why or None
        ) from error
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror or error}") from error
