"""Many picture files to one tensor, by all cores; what cannot be used is reported by name and left out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from joryu.errors import InputError
from joryu.examples.ahead import decoding_threads, in_order
from joryu.examples.decoders import DECODERS, Request
from joryu.examples.decoding import Pixels, fit, is_coloured, opened, strict_pillow, to_channels
from joryu.examples.examples import Rejected
from joryu.examples.inputs import memory_for_inputs
from joryu.examples.looking import look_through
from joryu.examples.originals import Stretch, ids_of
from joryu.examples.picture import Picture as Picture  # noqa: PLC0414 - what is read is found here
from joryu.examples.picture import Pictures as Pictures  # noqa: PLC0414
from joryu.examples.picture import Progress as Progress  # noqa: PLC0414
from joryu.examples.picture import Reach, Read, Unusable, read_picture
from joryu.examples.picture import SizeNeededError as SizeNeededError  # noqa: PLC0414
from joryu.examples.picture import advised_size as advised_size  # noqa: PLC0414
from joryu.examples.picture_record import unpacked

_BATCH = 256  # pictures between two words about how far it is
_TASK = 8  # pictures a thread takes at once: small ones decode in 0.1 ms, of which handing over one by one takes half
_TASKS = 32  #: of these are decoded and not yet taken


def read_pictures(
    pictures: Iterable[Picture],
    total: int,
    *,
    size: int | None = None,
    channels: int | None = None,
    place: Path | None = None,
    progress: Progress | None = None,
) -> Pictures:
    """Decode ``total`` pictures, in their order, into one array; RGB if any of them is coloured, else grey.

    With ``channels`` (1 or 3) they are grey or RGB whatever they hold, as in another split of the same set.

    Without ``size`` all must have the same width and height. The array is allocated once, and pictures go into it a few
    at a time. ``progress`` is called after 256 pictures each.

    Pictures that would take more than `memory_for_inputs` are decoded and let go: `Pictures.seen` then holds what was
    seen of each, which is kept in the user's cache for the set at ``place``, so that it is looked at once. Without a
    ``place`` all are held.

    Raises:
        InputError: none is usable, or their files are gone before all are read.
        SizeNeededError: their sizes differ and no ``size`` was given, or they do not fit in memory.
    """
    pictures = iter(pictures)
    first = list(islice(pictures, _BATCH))
    everything = chain(first, pictures)
    if place is not None and total * _bytes_each(first, size) > memory_for_inputs():
        return look_through(list(everything), place, size=size, channels=channels, progress=progress)
    gathered, reach = _Gathered(total, channels), Reach(total)
    with strict_pillow():
        for task, outcomes in in_order(
            partial(_decode, size=size), _tasks(everything), pool=decoding_threads(), most=_TASKS
        ):
            for picture, outcome in zip(task, outcomes, strict=True):
                gathered.take(picture.name, outcome)
                reach.heed(isinstance(outcome, Unusable) and outcome.gone)
            if gathered.odd:
                raise gathered.size_needed(_shorter_sides(everything, decoding_threads()))
            if progress is not None and (gathered.seen % _BATCH == 0 or gathered.seen == total):
                progress(gathered.seen, total)
    return gathered.finish()


def would_be_held(total: int, first: Iterable[Picture], size: int | None) -> bool:
    """Whether so many pictures like the ``first`` ones are held in memory."""
    return total * _bytes_each(first, size) <= memory_for_inputs()


def _tasks(pictures: Iterator[Picture]) -> Iterator[list[Picture]]:
    while task := list(islice(pictures, _TASK)):
        yield task


def _decode(pictures: list[Picture], size: int | None) -> tuple[list[Picture], list[Read | Unusable]]:
    """Read some pictures, in another process or, what that cannot do, here."""

    def request() -> Request:
        return Request("reads", [picture.place for picture in pictures], {"size": size})

    with DECODERS.asked(request) as records:
        if records is None:
            return pictures, [read_picture(picture, size) for picture in pictures]
        found = unpacked(records.content)
        failed = {*records.failed}
        return pictures, [
            read_picture(picture, size) if at in failed else next(found) for at, picture in enumerate(pictures)
        ]


def _bytes_each(pictures: Iterable[Picture], size: int | None) -> int:
    """The bytes of one input; of pictures as large as they come, those of the first that can be opened."""
    if size is not None:
        return 3 * size * size
    for picture in pictures:
        try:
            with opened(_openable(picture)) as image:
                return 3 * image.width * image.height
        except (InputError, OSError):
            continue
    return 0


def _openable(picture: Picture) -> Path | bytes:
    if isinstance(picture.source, Stretch):
        return picture.source.read()
    return Path(picture.source) if isinstance(picture.source, str) else picture.source


def _shorter_sides(pictures: Iterator[Picture], pool: ThreadPoolExecutor) -> Iterator[int]:
    """Of the pictures that can be opened; no more than the head of each is read."""
    while batch := list(islice(pictures, _BATCH)):
        yield from (side for side in pool.map(_shorter_side, batch) if side)


def _shorter_side(picture: Picture) -> int:
    try:
        with opened(_openable(picture)) as image:
            return min(image.size)
    except (InputError, OSError):
        return 0


def count_channels(pictures: Iterable[Picture]) -> int:
    """What `read_pictures` would make of them: 3 if any is coloured, else 1. Stops at the first that is."""
    with strict_pillow():
        return 3 if any(is_coloured(_openable(picture)) for picture in pictures) else 1


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

    def take(self, name: str, outcome: Read | Unusable) -> None:
        if isinstance(outcome, Unusable):
            self._rejected.append(Rejected(name, outcome.reason))
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
        channels, height, width = pixels.shape[1:]
        return Pictures(pixels, (channels, height, width), kept, self._rejected, sizes, ids_of(self._keys))


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
