"""Large pictures and their masks cut into tiles, each an example of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.decoding import Pixels, strict_pillow, with_channels
from joryu.examples.examples import Examples, Rejected
from joryu.examples.originals import KEY_BYTES, ids_of
from joryu.examples.pairs.coding import Coding, Held
from joryu.examples.pairs.layout import PicturePair
from joryu.examples.pairs.masks import Mask, Sides, Values
from joryu.examples.pairs.places import MaskPlaceError
from joryu.examples.picture import Picture, Progress, Unusable, read_picture
from joryu.examples.tiling import TilePreparation
from joryu.questions import UNKNOWN

OPTIONS: Final = ("tiles", "overlap")
_THREADS = 16
Value = TypeVar("Value")
_SHARE = 8  #: of a tile's side, the overlap unless it is named


def tiling_of(options: Mapping[str, str], channels: int) -> TilePreparation:
    """How the options cut pictures: ``tiles=SIDE`` and ``overlap=PIXELS``.

    >>> tiling_of({"tiles": "256"}, 3).overlap
    32

    Raises:
        InputError: no such number of pixels.
    """
    if "tiles" not in options:
        raise InputError("only tiles overlap", expected="tiles=SIDE", received=f"overlap={options['overlap']}")
    side = _pixels("tiles", options["tiles"], 8, 8192)
    overlap = _pixels("overlap", options.get("overlap", f"{side // _SHARE}"), 0, side // 2)
    return TilePreparation(channels=channels, height=side, width=side, overlap=overlap)  # type: ignore[arg-type]


def _pixels(name: str, value: str, least: int, most: int) -> int:
    if not (value.isdecimal() and least <= int(value) <= most):
        raise InputError(
            f"the option {name} cannot be {value!r}", expected=f"whole pixels, {least} to {most}", received=value
        )
    return int(value)


class CutPicture(NamedTuple):
    """A picture in tiles ``[tiles, channels, side, side]``, its mask whole, and the key of its file."""

    pair: PicturePair
    tiles: Pixels
    mask: Mask | None
    key: bytes
    sides: Sides


def read_cut(
    pairs: Sequence[PicturePair], tiling: TilePreparation, progress: Progress | None
) -> tuple[list[CutPicture], list[Rejected]]:
    """Read pictures and masks, and cut the pictures; what cannot be used is returned by name.

    Raises:
        MaskPlaceError: what is wrong with the masks as a whole.
    """
    found, rejected = list[CutPicture](), list[Rejected]()
    with strict_pillow(), ThreadPoolExecutor(max_workers=_THREADS) as pool:
        for done, one in enumerate(pool.map(partial(_cut, tiling=tiling), pairs), 1):
            (rejected if isinstance(one, Rejected) else found).append(one)  # type: ignore[arg-type]
            if progress is not None:
                progress(done, len(pairs))
    return found, rejected


def tiles_of(found: Sequence[CutPicture], tiling: TilePreparation, coding: Coding, name: str) -> Examples:
    """The tiles of all pictures as examples.

    An id is the hash of the picture's key and the tile's corner. Labels beyond a small picture are unknown.

    Raises:
        InputError: as `Examples.of`.
    """
    labelled = bool(found) and found[0].mask is not None
    examples = Examples.of(
        torch.from_numpy(np.concatenate([one.tiles for one in found])),
        torch.cat([_labels(one.mask.values, tiling, coding) for one in found if one.mask]) if labelled else None,
        question=coding.question,
        name=name,
        sources=[f"{one.pair.name}[{left},{top}]" for one in found for left, top in tiling.corners(*one.sides)],
    )
    keys = [_tile_key(one.key, *corner) for one in found for corner in tiling.corners(*one.sides)]
    small = sum(one.sides.width < tiling.width or one.sides.height < tiling.height for one in found)
    told = [f"{len(found):,} pictures cut into {len(examples):,} tiles of {tiling.width}×{tiling.height}"]
    told += [f"{small:,} of them smaller than a tile: filled up with black, unknown there"] if small else []
    return replace(examples, ids=ids_of(keys), preparation=tiling, remarks=tuple(told))


def held_in(found: Sequence[CutPicture]) -> Held:
    """The values in each mask that was read."""
    return {one.pair.mask.name: one.mask.held for one in found if one.mask is not None and one.pair.mask is not None}


def for_each_tile(values: Sequence[Value], found: Sequence[CutPicture], tiling: TilePreparation) -> list[Value]:
    """What is said of each picture, said of each of its tiles."""
    return [value for value, one in zip(values, found, strict=True) for _ in tiling.corners(*one.sides)]


def _cut(pair: PicturePair, tiling: TilePreparation) -> CutPicture | Rejected:
    read = read_picture(Picture(pair.name, pair.picture), None)
    if isinstance(read, Unusable):
        return Rejected(pair.name, read.reason)
    pixels, *sides = read.picture
    size, mask = Sides(*sides), None
    if pair.mask is not None:
        try:
            mask = pair.mask.read(size, None)
        except MaskPlaceError:
            raise
        except InputError as error:
            return Rejected(pair.mask.name, str(error))
        if (mask.width, mask.height) != size:
            reason = f"{mask.width}×{mask.height}, and its picture {size.width}×{size.height}"
            return Rejected(pair.mask.name, reason)
    return CutPicture(pair, tiling.cut(with_channels(pixels, tiling.channels)), mask, read.key, size)


def _labels(values: Values, tiling: TilePreparation, coding: Coding) -> Tensor:
    """The labels of each tile; unknown where a tile is larger than its picture."""
    labels = coding.labels(values[None])[0]
    planes = labels[None] if labels.ndim == 2 else labels.movedim(-1, 0)
    known = tiling.cut(np.ones(values.shape, dtype=np.uint8))
    tiles = torch.from_numpy(tiling.cut(planes.numpy())).masked_fill(torch.from_numpy(known == 0)[:, None], UNKNOWN)
    return tiles[:, 0] if labels.ndim == 2 else tiles.movedim(1, -1).contiguous()


def _tile_key(key: bytes, left: int, top: int) -> bytes:
    return hashlib.sha256(key + f"[{left},{top}]".encode()).digest()[:KEY_BYTES]
