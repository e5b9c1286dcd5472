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
from joryu.examples.beside.grouping import OPTION as GROUP
from joryu.examples.beside.grouping import group_table, groups_in_table
from joryu.examples.clutter import by_weight
from joryu.examples.decoding import strict_pillow
from joryu.examples.examples import Examples, Rejected
from joryu.examples.groups import with_groups
from joryu.examples.layouts import find_split, in_order, require_unsplit, some
from joryu.examples.options import listed
from joryu.examples.originals import Originals, PictureFiles
from joryu.examples.pairs.coding import Coding, CodingOptions, Held
from joryu.examples.pairs.layout import PairFolders, PicturePair, find_names, find_places, find_unread, match_pairs
from joryu.examples.pairs.mask_table import OPTIONS as RUN_OPTIONS
from joryu.examples.pairs.masks import Mask, Sides
from joryu.examples.pairs.places import MaskPlaceError, PictureMask
from joryu.examples.pairs.tiles import OPTIONS as TILE_OPTIONS
from joryu.examples.pairs.tiles import for_each_tile, held_in, read_cut, tiles_of, tiling_of
from joryu.examples.pictures import (
    Picture,
    Pictures,
    Progress,
    count_channels,
    read_pictures,
)
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular.target import kind_said
from joryu.examples.tree import printable

OPTIONS: Final = (
    *("classes", "images", "masks", "ignore", "group"),
    *RUN_OPTIONS,
    *TILE_OPTIONS,
)
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
    more values are numbers of classes: labels int16 ``[n, height, width]``. 255 means unknown, or the value that the
    option ``ignore`` names. Masks may also be arrays (`joryu.examples.pairs.arrays`) or run lengths in a table
    (`joryu.examples.pairs.mask_table`). The meaning of the values is found from the masks of ``train``, whichever split
    is loaded; a split without masks is unlabelled. With ``size`` a mask is cropped and resized as its picture is, with
    the nearest value. ``rejected`` lists unusable files, pictures without a mask, masks without a picture, and masks of
    another size than their picture.

    With the options ``tiles`` and ``overlap`` pictures of any size are cut into tiles (`joryu.examples.tiling`), each
    an example. The tiles of one picture are a group.

    Raises:
        InputError: there is no such split or folder, most masks have another size than their pictures, mask values
            have no meaning (the file is named), or `read_pictures` refuses the pictures.
    """
    options = options or {}
    places = find_places(root, options)
    if set(places) == {"train"} and split != "train":
        require_unsplit(root, split)
    place = find_split(root, "train" if set(places) == {"train"} else split, places)
    reference = places[next(name for name in in_order(places) if places[name].masks)]
    if place.masks is not None and reference.masks is not None and place is not reference:
        place = place._replace(masks=place.masks.with_classes(reference.masks.classes))
    found = _Found(root, split, places, place, reference, options)
    return (_in_tiles if set(TILE_OPTIONS) & set(options) else _whole)(found, size, progress)


class _Found(NamedTuple):
    """Where a set's pictures and masks are: those of the split that is loaded, and those that say what values mean."""

    root: Path
    split: str
    places: Mapping[str, PairFolders]
    place: PairFolders
    reference: PairFolders
    options: Mapping[str, str]

    @property
    def is_reference(self) -> bool:
        return self.place is self.reference

    @property
    def channels(self) -> int:
        """What the pictures of the reference are: 1 for grey, 3 for RGB."""
        return count_channels(
            Picture(pair.name, pair.picture) for pair in match_pairs(self.reference, self.root)[0]
        )  # fmt: skip

    def coding(self, pairs: Sequence[PicturePair], held: Held) -> tuple[Coding, list[str]]:
        """The meaning of the masks, and remarks; ``held``: the values of the masks of this split that were read."""
        names, remarks = _names(self.root, self.options)
        how = CodingOptions.of(names, self.options.get("ignore", ""), kind_said(self.options))
        if self.reference.masks is None:
            raise InputError("none of the masks can be used")
        coding = self.reference.masks.coding(partial(self._held_by_reference, pairs, held), how)
        read = [place.masks.name for place in self.places.values() if place.masks is not None]
        unread = find_unread(self.root, {Path(name).name for name in (*read, group_table(self.options.get(GROUP, "")))})
        absent = [] if self.place.masks else [f"{self.split} has no masks"]
        return coding, [*remarks, *coding.remarks, *absent, *unread]

    def _held_by_reference(self, pairs: Sequence[PicturePair], held: Held) -> Held:
        """The values in each of its masks, whichever split is loaded: those of pictures that cannot be used too."""
        if not self.is_reference:
            pairs, held = match_pairs(self.reference, self.root)[0], {}
        rest = [pair for pair in pairs if pair.mask is not None and pair.mask.name not in held]
        return {**held, **_masks(rest, None, 1).held}


def _whole(found: _Found, size: int | None, progress: Progress | None) -> Examples:
    """The pictures as they are, or resized."""
    pairs, rejected = match_pairs(found.place, found.root)
    read = read_pictures(
        [Picture(pair.name, pair.picture) for pair in pairs], len(pairs), size=size,
        channels=None if found.is_reference else found.channels, progress=progress,
    )  # fmt: skip
    shown = [pairs[row] for row in read.kept.tolist()]
    masks = _masks(shown, read, size)
    if masks.rejected and not masks.usable:
        raise InputError(f"none of the masks of {found.root} can be used", received=": ".join(masks.rejected[0]))
    coding, told = found.coding(pairs, masks.held)
    coding.check({masks.names[row]: masks.held[masks.names[row]] for row in masks.usable})
    labelled = found.place.masks is not None
    rows = masks.usable if labelled else list(range(len(shown)))
    examples = Examples.of(
        torch.from_numpy(read.held[rows]),
        coding.labels(np.stack([mask.values for mask in masks.read if mask is not None])) if labelled else None,
        question=coding.question,
        name=printable(found.root.name),
        sources=[shown[row].name for row in rows],
    )
    return replace(
        examples,
        ids=read.ids[rows],
        originals=Originals.on(PictureFiles.of(pair.picture for pair in shown), rows),
        rejected=tuple(by_weight([*rejected, *read.rejected, *masks.rejected])),
        remarks=tuple(told),
        preparation=PicturePreparation.of(examples.inputs),
        sizes=read.sizes[rows],
    )


def _in_tiles(found: _Found, size: int | None, progress: Progress | None) -> Examples:
    """The pictures cut into tiles of which each is an example, and each picture a group."""
    tiling = tiling_of(found.options, found.channels)
    if size is not None:
        raise InputError("tiles are cut from pictures as large as they are", expected="no --size", received=size)
    pairs, rejected = match_pairs(found.place, found.root)
    cut, odd = read_cut(pairs, tiling, progress)
    if len(odd) > len(cut):
        raise InputError(
            f"{len(odd)} of {len(pairs)} pictures and masks cannot be used", received=some(map(": ".join, odd), 2)
        )
    coding, told = found.coding(pairs, held_in(cut))
    coding.check(held_in(cut))
    examples = tiles_of(cut, tiling, coding, printable(found.root.name))
    groups, said = [one.key.hex() for one in cut], "groups are the pictures of the tiles"
    if (option := found.options.get(GROUP)) is not None:
        groups, _, said = groups_in_table([one.pair.picture for one in cut], option, found.root)  # type: ignore[assignment]
    left_out = tuple(by_weight([*rejected, *odd]))
    examples = replace(examples, rejected=left_out, remarks=(*told, *examples.remarks))
    return with_groups(examples, for_each_tile(groups, cut, tiling), said)


def pair_splits(root: Path, options: Mapping[str, str]) -> set[str]:
    """The splits that `load_pairs` can load."""
    return set(find_places(root, options))


def labelled_pair_splits(root: Path, options: Mapping[str, str]) -> set[str]:
    """The splits that have masks."""
    return {split for split, place in find_places(root, options).items() if place.masks is not None}


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
    masks = [pair.mask for pair in pairs if pair.mask is not None]
    found = _Masks([mask.name for mask in masks], [], [], {})
    sides = [None] * len(masks) if read is None else [Sides(*size) for size in read.sizes.tolist()[: len(masks)]]
    odd = list[str]()
    with strict_pillow(), ThreadPoolExecutor(max_workers=_THREADS) as pool:
        for at, mask in enumerate(pool.map(partial(_mask, size=size), masks, sides)):
            if isinstance(mask, str):
                found.rejected.append(Rejected(found.names[at], mask))
                found.read.append(None)
                continue
            found.held[found.names[at]] = mask.held
            of_picture = sides[at]
            fits = of_picture is None or (mask.width, mask.height) == of_picture
            if of_picture is not None and not fits:
                width, height = of_picture
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


def _mask(mask: PictureMask, picture: Sides | None, size: int | None) -> Mask | str:
    try:
        return mask.read(picture, size)
    except MaskPlaceError:
        raise
    except InputError as error:
        return str(error)


def _names(root: Path, options: Mapping[str, str]) -> tuple[list[str], list[str]]:
    if "classes" in options:
        return list(listed(options["classes"])), []
    return find_names(root)
