"""Many picture files to one tensor, in a pool of threads; what cannot be used is reported by name and left out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import (
    Decoded,
    Pixels,
    decode_sized,
    fit,
    is_coloured,
    opened,
    strict_pillow,
    to_channels,
)
from joryu.examples.examples import Ids, Rejected
from joryu.examples.originals import KEY_BYTES, ids_of, key_of

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all) from the thread that loads."""

_BATCH = 256  # pictures in flight: enough to keep every thread busy, few enough to hold
_TASK = 8  # pictures a thread takes at once: small ones decode in 0.1 ms, of which handing over one by one takes half

_AT_ONCE = 16 * 2**20  #: bytes; of a larger file, which may be a film of gigabytes, the header is looked at first


class Picture(NamedTuple):
    """A picture not yet decoded: the name to report it by, and its file or bytes; or why there are none."""

    name: str
    source: Path | bytes
    missing: str = ""


class Pictures(NamedTuple):
    """``pixels``: uint8 ``[kept, channels, height, width]``; ``kept``: which of the pictures given those rows are.

    ``sizes``: int64 ``[kept, 2]``, the width and height that each has in its file. ``ids``: `ids_of` their bytes.
    """

    pixels: npt.NDArray[np.uint8]
    kept: npt.NDArray[np.int64]
    rejected: list[Rejected]
    sizes: npt.NDArray[np.int64]
    ids: Ids


class _Read(NamedTuple):
    """A picture that could be used, and the key of its bytes."""

    picture: Decoded
    key: bytes


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


def read_pictures(
    pictures: Iterable[Picture],
    total: int,
    *,
    size: int | None = None,
    channels: int | None = None,
    progress: Progress | None = None,
) -> Pictures:
    """Decode ``total`` pictures, in their order, into one array; RGB if any of them is coloured, else grey.

    With ``channels`` (1 or 3) they are grey or RGB whatever they hold, as in another split of the same set.

    Without ``size`` all must have the same width and height. The array is allocated once, and pictures go into it 256
    at a time, so that beside it no more than one such batch is held. ``progress`` is called after each batch.

    Raises:
        InputError: none is usable.
        SizeNeededError: their sizes differ and no ``size`` was given, or they do not fit in memory.
    """
    gathered = _Gathered(total, channels)
    with strict_pillow(), ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16)) as pool:
        pictures = iter(pictures)
        while batch := list(islice(pictures, _BATCH)):
            tasks = [batch[start : start + _TASK] for start in range(0, len(batch), _TASK)]
            for task, outcomes in zip(tasks, pool.map(partial(_decode, size=size), tasks), strict=True):
                for picture, outcome in zip(task, outcomes, strict=True):
                    gathered.take(picture.name, outcome)
            if gathered.odd:
                raise gathered.size_needed(_shorter_sides(pictures, pool))
            if progress is not None:
                progress(gathered.seen, total)
    return gathered.finish()


def _shorter_sides(pictures: Iterator[Picture], pool: ThreadPoolExecutor) -> Iterator[int]:
    """Of the pictures that can be opened; no more than the head of each is read."""
    while batch := list(islice(pictures, _BATCH)):
        yield from (side for side in pool.map(_shorter_side, batch) if side)


def _shorter_side(picture: Picture) -> int:
    try:
        with opened(picture.source) as image:
            return min(image.size)
    except InputError:
        return 0


def count_channels(pictures: Iterable[Picture]) -> int:
    """What `read_pictures` would make of them: 3 if any is coloured, else 1. Stops at the first that is."""
    with strict_pillow():
        return 3 if any(is_coloured(picture.source) for picture in pictures) else 1


def resize_pixels(pixels: npt.NDArray[np.uint8], size: int | None) -> npt.NDArray[np.uint8]:
    """Pictures that are already decoded, uint8 ``[n, 1 or 3, h, w]``, fitted to ``size`` as `decode_picture` does.

    Raises:
        InputError: they do not fit in memory.
    """
    if size is None or pixels.shape[2:] == (size, size):
        return pixels
    resized = allocate((*pixels.shape[:2], size, size))
    for row, channels in enumerate(pixels):
        picture = channels[0] if len(channels) == 1 else channels.transpose(1, 2, 0)
        resized[row] = to_channels(fit(Image.fromarray(picture), size))
    return resized


def _decode(pictures: list[Picture], size: int | None) -> list[_Read | str]:
    """For each picture its pixels and its key, or the reason why there are none."""
    outcomes: list[_Read | str] = []
    for picture in pictures:
        if picture.missing:
            outcomes.append(picture.missing)
            continue
        try:
            outcomes.append(_read(picture.source, size))
        except InputError as error:
            outcomes.append(str(error))
    return outcomes


def _read(source: Path | bytes, size: int | None) -> _Read:
    if isinstance(source, bytes):
        return _Read(decode_sized(source, size=size), key_of(source))
    try:
        with source.open("rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size <= _AT_ONCE:
                content = file.read()
                return _Read(decode_sized(content, size=size), key_of(content))
            picture = decode_sized(file, size=size)
            file.seek(0)
            key = hashlib.file_digest(file, "sha256").digest()[:KEY_BYTES]
            after = os.fstat(file.fileno())
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}") from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError("changed while it was read")
    return _Read(picture, key)


class _Gathered:
    """The array as it fills. It has three channels until the end, when it is known whether any picture is coloured."""

    def __init__(self, total: int, channels: int | None = None) -> None:
        self._total = total
        self._channels = channels
        self._pixels: npt.NDArray[np.uint8] | None = None
        self._first = ""
        self._coloured = False
        self._kept: list[int] = []
        self._sizes: list[tuple[int, int]] = []
        self._keys: list[bytes] = []
        self._rejected: list[Rejected] = []
        self.seen = 0
        self.odd = ""  #: the first picture of another size than the first one; from then on none is kept

    def take(self, name: str, outcome: _Read | str) -> None:
        if isinstance(outcome, str):
            self._rejected.append(Rejected(name, outcome))
        else:
            self._keep(name, outcome.picture.pixels)
            self._sizes.append(outcome.picture[1:])
            self._keys.append(outcome.key)
        self.seen += 1

    def _keep(self, name: str, picture: Pixels) -> None:
        if self._pixels is None:
            self._first = name
            self._pixels = allocate((self._total, 3, *picture.shape[1:]))
        height, width = self._pixels.shape[2:]
        if picture.shape[1:] != (height, width):
            self.odd = self.odd or f"{picture.shape[2]}×{picture.shape[1]} in {name}"
            return
        if self._channels == 1 and len(picture) == 3:
            picture = to_channels(Image.fromarray(picture.transpose(1, 2, 0)).convert("L"))
        self._coloured = self._coloured or len(picture) == 3
        self._pixels[len(self._kept)] = picture
        self._kept.append(self.seen)

    def size_needed(self, others: Iterable[int]) -> SizeNeededError:
        """The error that an odd picture is; ``others``: the shorter sides of the pictures that were not taken yet."""
        size = advised_size([*(min(sides) for sides in self._sizes), *others])
        height, width = self.pixel_shape
        error = SizeNeededError(
            "pictures differ in size",
            expected=f"{width}×{height} as in {self._first}",
            received=self.odd,
            hint=f"try --size {size}",
        )
        error.size = size
        return error

    @property
    def pixel_shape(self) -> tuple[int, int]:
        """Height and width of the pictures that are kept."""
        height, width = (0, 0) if self._pixels is None else self._pixels.shape[2:]
        return height, width

    def finish(self) -> Pictures:
        if self._pixels is None:
            first = f"{self._rejected[0].name}: {self._rejected[0].reason}" if self._rejected else "no file at all"
            raise InputError(f"none of {self._total} files is a usable picture", received=first)
        pixels = self._pixels[: len(self._kept)]
        if not self._coloured and self._channels != 3:
            pixels = np.ascontiguousarray(pixels[:, :1])
        sizes = np.array(self._sizes, dtype=np.int64)
        kept = np.array(self._kept, dtype=np.int64)
        return Pictures(pixels, kept, self._rejected, sizes, ids_of(self._keys))


def allocate(shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """An array that fits in memory; without the check, a system that overcommits would kill the process half-way."""
    needed = int(np.prod(shape, dtype=np.int64))
    try:
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not every system says how much it has
        available = needed
    if needed > available:
        raise SizeNeededError(
            f"{shape[0]:,} pictures of {shape[3]}×{shape[2]} do not fit in memory",
            expected=f"at most {available / 2**30:.1f} GiB",
            received=f"{needed / 2**30:.1f} GiB",
            hint="try a smaller --size",
        )
    return np.empty(shape, dtype=np.uint8)
