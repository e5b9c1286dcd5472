"""Load pictures with masks as examples: a question about each pixel."""

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
from joryu.examples.pairs.layout import PairFolders, PicturePair, find_names, find_places, find_unread, match_pairs
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
    """Load pictures in ``images/`` with masks in ``masks/``, perhaps below ``train/`` and ``test/``.

    Masks with two values are one tag for each pixel: labels int8 ``[n, height, width, 1]``. The tag is called
    ``foreground`` unless the option ``classes`` (names separated by semicolons) or ``classes.txt`` names it. Masks with
    more values are numbers of classes, 255 meaning unknown: labels int16 ``[n, height, width]``. The meaning of the
    values is found from the masks of ``train``, whichever split is loaded; a split without masks is unlabelled. With
    ``size`` a mask is cropped and resized as its picture is, with the nearest value. ``rejected`` lists unusable
    files, pictures without a mask, masks without a picture, and masks of another size than their picture.

    Raises:
        InputError: there is no such split or folder, most masks have another size than their pictures, mask values
            have no meaning (the file is named), or `read_pictures` refuses the pictures.
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
        originals=Originals.on(PictureFiles.of(pair.picture for pair in shown), rows),
        rejected=tuple(left_out),
        remarks=tuple(told),
        preparation=PicturePreparation.of(examples.inputs),
        sizes=read.sizes[rows],
    )


def pair_splits(root: Path) -> set[str]:
    """The splits that `load_pairs` can load."""
    return set(find_places(root))


def labelled_pair_splits(root: Path) -> set[str]:
    """The splits that have masks."""
    return {split for split, place in find_places(root).items() if place.masks is not None}


class _Masks(NamedTuple):
    """The masks of the readable pictures, in the same order; ``None`` for masks that cannot be used.

    ``held`` are the values of all readable masks by file, including those of the wrong size, as their values have the
    same meaning.
    """

    names: list[str]
    read: list[Mask | None]
    rejected: list[Rejected]
    held: dict[str, frozenset[int]]

    @property
    def usable(self) -> list[int]:
        """The rows of the pictures whose mask can be used."""
        return [at for at, mask in enumerate(self.read) if mask is not None]


def _masks(pairs: Sequence[PicturePair], read: Pictures | None, size: int | None) -> _Masks:
    """Read the masks of all pairs, and check that each is as large as its picture, if pictures were ``read``.

    Raises:
        InputError: most masks have another size.
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


def _channels(reference: PairFolders, root: Path) -> int:
    return count_channels(Picture(pair.name, pair.picture) for pair in match_pairs(reference, root)[0])
