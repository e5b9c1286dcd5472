"""One picture that is not decoded yet, and what comes of many that are. Imports no PyTorch."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError
from joryu.examples.decoding import Decoded, decode_sized
from joryu.examples.original_bytes import KEY_BYTES, Source, Stretch, key_of
from joryu.examples.rejected import PassingError, Rejected

if TYPE_CHECKING:
    from joryu.examples.examples import Ids

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all) from the thread that loads."""

_AT_ONCE: Final = 16 * 2**20  # bytes; of a larger file, which may be a film of gigabytes, the header is looked at first

_GONE: Final = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN),
    *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNABORTED),
}
"""What a file that was there a moment ago answers when its disk is taken away, or its share is."""

_IN_A_ROW: Final = 8  #: files that are gone, after which the set is and not they


class Picture(NamedTuple):
    """A picture not yet decoded: the name to report it by, and its file or bytes; or why there are none.

    Of many files the path is given as text.
    """

    name: str
    source: Path | str | bytes | Stretch
    missing: str = ""

    @property
    def place(self) -> Source:
        """What another process is told of it."""
        return str(self.source) if isinstance(self.source, Path) else self.source


class Seen(NamedTuple):
    """Of pictures that are not held: the hashes of their pixels (`content_key`), and the means of their blocks."""

    pixel_ids: Ids
    block_means: npt.NDArray[np.float32]


class Pictures(NamedTuple):
    """What was read. ``kept``: which of the pictures given could be used, and are the rows of all that follows.

    ``pixels``: uint8 ``[kept, channels, height, width]``, or what was seen of pictures that are more than is held in
    memory. ``shape`` is that of one. ``sizes``: int64 ``[kept, 2]``, the width and height that each has in its file.
    ``ids``: `ids_of` their bytes.
    """

    pixels: npt.NDArray[np.uint8] | Seen
    shape: tuple[int, int, int]
    kept: npt.NDArray[np.int64]
    rejected: list[Rejected]
    sizes: npt.NDArray[np.int64]
    ids: Ids

    @property
    def held(self) -> npt.NDArray[np.uint8]:
        """The pixels, for those who had all of them held.

        Raises:
            InputError: they are not.
        """
        if isinstance(self.pixels, Seen):
            raise InputError("these pictures are not held in memory")
        return self.pixels


class SizeNeededError(InputError):
    """Pictures that only a smaller, common ``size`` lets be used together: they differ in theirs, or are too large.

    ``size`` is the one that is advised, where one is.
    """

    size: int | None = None


_USUAL: Final = 224  #: what `advised_size` never exceeds: photographs are larger than most students need


def advised_size(shorter_sides: Iterable[int]) -> int:
    """A ``size`` that lets pictures of different sizes be used: the middle one of their shorter sides.

    >>> advised_size([20, 24, 31]), advised_size([480, 600])
    (24, 224)
    """
    return min(_USUAL, int(np.median(list(shorter_sides))))


class Read(NamedTuple):
    """A picture that could be used, and the key of its bytes."""

    picture: Decoded
    key: bytes


class Unusable(NamedTuple):
    """Why a picture cannot be used, and whether that is because its file is not there any more.

    ``passing``: what failed was a disk, a network or the memory, and may not fail the next time.
    """

    reason: str
    gone: bool = False
    passing: bool = False


class Reach:
    """Watches whether a set of ``total`` pictures is still there while it is read."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken = self._in_a_row = 0

    def heed(self, gone: bool) -> None:
        """Count one picture.

        Raises:
            InputError: so many files in a row are gone that the set must be.
        """
        self._taken += 1
        self._in_a_row = self._in_a_row + 1 if gone else 0
        if self._in_a_row >= _IN_A_ROW:
            raise InputError(
                "the pictures cannot be reached any more",
                received=f"{self._in_a_row} files in a row are gone, after {self._taken - self._in_a_row:,} of "
                f"{self._total:,}",
                hint="put their folder or disk back and run the same command again: what is done is kept",
            )


def read_picture(picture: Picture, size: int | None) -> Read | Unusable:
    """The pixels of a picture and the key of its bytes, or the reason why there are none."""
    if picture.missing:
        return Unusable(picture.missing)
    try:
        return _read(picture.source, size)
    except OSError as error:
        return Unusable(f"cannot be opened: {error.strerror or error}", gone=error.errno in _GONE, passing=True)
    except MemoryError:
        return Unusable("there is no memory to read it", passing=True)
    except PassingError as error:
        return Unusable(str(error), gone=error.errno in _GONE, passing=True)
    except InputError as error:
        return Unusable(str(error))


def _read(source: Path | str | bytes | Stretch, size: int | None) -> Read:
    if isinstance(source, Stretch):
        source = source.read()
    if isinstance(source, bytes):
        return Read(decode_sized(source, size=size), key_of(source))
    with open(source, "rb") as file:  # noqa: PTH123 - a path as text is opened as it is
        before = os.fstat(file.fileno())
        if before.st_size <= _AT_ONCE:
            content = file.read()
            return Read(decode_sized(content, size=size), key_of(content))
        picture = decode_sized(file, size=size)
        file.seek(0)
        key = hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError("changed while it was read")
    return Read(picture, key)
