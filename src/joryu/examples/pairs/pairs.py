"""Picture + mask pairs as examples: a question for each pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from joryu.errors import InputError
from joryu.examples.clutter import by_weight
from joryu.examples.decoding import strict_pillow
from joryu.examples.examples import Examples, Rejected
from joryu.examples.layouts import find_split, in_order, require_unsplit, some
from joryu.examples.options import listed
from joryu.examples.originals import Originals, PictureFiles
from joryu.examples.pairs.coding import find_coding
from joryu.examples.pairs.layout import Pair, Place, find_names, find_places, find_unread, match_pairs
from joryu.examples.pairs.masks import Mask, read_mask
from joryu.examples.pictures import (
    Picture,
    Pictures,
    Progress,
    count_channels,
    read_pictures,
)
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tree import printable

OPTIONS: Final = ("classes",)
_THREADS = 16


def load_pairs(
    root: Path,
    split: str = "train",
    *,
    size: int | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Pictures of ``images/`` with their masks in ``masks/`` (or under ``train/`` and ``test/``, as Kaggle has them).

    Masks of two values are one tag for each pixel, called ``foreground`` unless ``classes`` (names, divided by
    semicolons) or ``classes.txt`` names it: labels int8 ``[n, height, width, 1]``. Masks of more values are the numbers
    of classes, 255 where nobody knows: int16 ``[n, height, width]``. What the values mean is found in the masks of
    ``train``, whatever split is asked for; a split without masks is unlabelled. With ``size`` a mask is cut and resized
    as its picture is, each pixel taking the nearest value. ``rejected`` names files that cannot be used, pictures
    without a mask, masks without a picture and masks of another size than their pictures.

    Raises:
        InputError: no such split or folders, most masks of another size than their pictures, values that mean nothing
            (named by file), or pictures that `read_pictures` refuses.
    """
    places = find_places(root)
    if set(places) == {"train"} and split != "train":
        require_unsplit(root, split)
    place = find_split(root, "train" if set(places) == {"train"} else split, places)
    reference = places[next(name for name in in_order(places) if places[name].masks)]
    pairs, rejected = match_pairs(place, root)
    read = read_pictures(
        [Picture(pair.name, pair.picture) for pair in pairs], len(pairs), size=size,
        channels=None if place is reference else _channels(reference, root), progress=progress,
    )  # fmt: skip
    shown = [pairs[row] for row in read.kept.tolist()]
    names, remarks = _names(root, options or {})
    masks = _masks(shown, read, size)
    if masks.rejected and not masks.usable:
        raise InputError(f"none of the masks of {root} can be used", received=": ".join(masks.rejected[0]))
    coding = find_coding(
        (masks if place is reference else _masks(match_pairs(reference, root)[0], None, 1)).held, names
    )
    coding.check({masks.names[row]: masks.held[masks.names[row]] for row in masks.usable})
    rows = masks.usable if place.masks else list(range(len(shown)))
    examples = Examples.of(
        torch.from_numpy(read.held[rows]),
        coding.labels(np.stack([mask.values for mask in masks.read if mask is not None])) if place.masks else None,
        question=coding.question,
        name=printable(root.name),
        sources=[shown[row].name for row in rows],
    )
    told = [*remarks, *coding.remarks, *([] if place.masks else [f"{split} has no masks"]), *find_unread(root)]
    left_out = by_weight([*rejected, *read.rejected, *masks.rejected])
    return replace(
        examples,
        ids=read.ids[rows],
        originals=Originals.on(PictureFiles([pair.picture for pair in shown]), rows),
        rejected=tuple(left_out),
        remarks=tuple(told),
        preparation=PicturePreparation.of(examples.inputs),
        sizes=read.sizes[rows],
    )


def pair_splits(root: Path) -> set[str]:
    """What `load_pairs` can be asked for."""
    return set(find_places(root))


def labelled_pair_splits(root: Path) -> set[str]:
    """The splits that have masks."""
    return {split for split, place in find_places(root).items() if place.masks is not None}


class _Masks(NamedTuple):
    """The masks of pictures that could be read, in their order; ``None`` for those that cannot be used.

    ``held`` are the values of all that could be read: those of a mask that is too large mean what the others' do.
    """

    names: list[str]
    read: list[Mask | None]
    rejected: list[Rejected]
    held: dict[str, frozenset[int]]

    @property
    def usable(self) -> list[int]:
        """Which of the pictures have a mask that can be used."""
        return [at for at, mask in enumerate(self.read) if mask is not None]


def _masks(pairs: Sequence[Pair], read: Pictures | None, size: int | None) -> _Masks:
    """The masks of pairs, which must be as large as their pictures where these were ``read``.

    Raises:
        InputError: most of them are not.
    """
    paths = [pair.mask for pair in pairs if pair.mask is not None]
    found = _Masks([f"{path.parent.name}/{path.name}" for path in paths], [], [], {})
    odd = list[str]()
    with strict_pillow(), ThreadPoolExecutor(max_workers=_THREADS) as pool:
        for at, mask in enumerate(pool.map(partial(_mask, size=size), paths)):
            if isinstance(mask, str):
                found.rejected.append(Rejected(found.names[at], mask))
                found.read.append(None)
                continue
            found.held[found.names[at]] = mask.held
            fits = read is None or (mask.width, mask.height) == tuple(read.sizes[at])
            if read is not None and not fits:
                width, height = read.sizes[at]
                odd.append(f"{found.names[at]} {mask.width}×{mask.height} for {width}×{height}")
                reason = f"{mask.width}×{mask.height}, and its picture {width}×{height}"
                found.rejected.append(Rejected(found.names[at], reason))
            found.read.append(mask if fits else None)
    if 2 * len(odd) > len(found.held):
        raise InputError(
            f"{len(odd)} of {len(found.held)} masks are not as large as their pictures", received=some(odd, 2),
            hint="save each mask at the size of its picture, without blending",
        )  # fmt: skip
    return found


def _mask(path: Path, size: int | None) -> Mask | str:
    try:
        return read_mask(path, size)
    except InputError as error:
        return str(error)


def _names(root: Path, options: Mapping[str, str]) -> tuple[list[str], list[str]]:
    if "classes" in options:
        return list(listed(options["classes"])), []
    return find_names(root)


def _channels(reference: Place, root: Path) -> int:
    return count_channels(Picture(pair.name, pair.picture) for pair in match_pairs(reference, root)[0])
