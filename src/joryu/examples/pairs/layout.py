"""Find the folders of pictures and the places of their masks, below the splits or with the splits inside."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.examples.beside.finding import split_said
from joryu.examples.class_folders import SplitFolders, find_set
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Rejected
from joryu.examples.layouts import canonical_split, some, visible_folders
from joryu.examples.options import listed
from joryu.examples.pairs.arrays import ARCHIVE, MaskArchive
from joryu.examples.pairs.folders import MaskFolder
from joryu.examples.pairs.mask_table import OPTIONS as RUN_OPTIONS
from joryu.examples.pairs.mask_table import MaskTable, TableSettings, holds_runs
from joryu.examples.pairs.names import below, pictures_by_name
from joryu.examples.pairs.places import MaskPlace, PictureMask
from joryu.examples.tabular.files import SUFFIXES as TABLES
from joryu.examples.tree import Folder, printable
from joryu.examples.typed_paths import expanded

_IMAGES = {"images", "imgs", "image", "img", "pictures", "photos", "jpegimages"}
_MASKS = {"masks", "mask", "labels", "annotations", "segmentations", "segmentationclass", "groundtruth", "gt"}
_NAMES = ("classes.txt", "labels.txt")
_ARCHIVES = ("masks.npz", "mask.npz", "labels.npz")

Options = Mapping[str, str]
OPENERS: Final[dict[str, Callable[[Path, Options], MaskPlace]]] = {
    "": lambda path, options: MaskFolder(Folder(path)),
    ARCHIVE: lambda path, options: MaskArchive(path),
    **dict.fromkeys(TABLES, lambda path, options: MaskTable(path, TableSettings.of(options))),
}
"""How a place of masks is opened, by its extension; a folder has none."""
_FILES = [suffix for suffix in OPENERS if suffix]


class PairFolders(NamedTuple):
    """The folder of a split's pictures, and the place of their masks, if they have any."""

    images: Folder
    masks: MaskPlace | None


class PicturePair(NamedTuple):
    """A picture and its mask; ``name`` is the picture's path below its folder."""

    name: str
    picture: Path
    mask: PictureMask | None


def find_places(root: Path, options: Options) -> dict[str, PairFolders]:
    """Find the folders of each split; a set without splits has only ``train``.

    The option ``masks`` names a folder, an archive or tables of masks. Without it they are in a folder beside the
    pictures, else in ``masks.npz``, else in a table with a column of run lengths.

    Raises:
        InputError: there is no folder of pictures with masks, or several places may be meant.
    """
    found = find_set(root)
    levels = found.splits or {"train": found.top}
    named = listed(options.get("masks", ""))
    wanted = set() if any(Path(name).suffix.lower() in _FILES for name in named) else set(named) or _MASKS
    pairs = {
        split: (folder, _only_one(level, wanted))
        for split, level in levels.items()
        if (folder := _images(level, options)) is not None
    }
    if not found.splits and "train" in pairs:
        pairs = _inner_splits(*pairs["train"]) or pairs
    images = {split: folder for split, (folder, _) in pairs.items()}
    masks = {split: OPENERS[""](folder.path, options) for split, (_, folder) in pairs.items() if folder is not None}
    masks = masks or (_named if named else _unnamed)(root, found, images, options)
    if not masks:
        raise InputError(
            f"{root} holds no pictures with masks",
            expected="images/ and masks/, perhaps under train/ and test/, or a table of run lengths",
            received=some(f"{printable(folder.name)}/" for folder in found.top.folders) or "no folder",
        )  # fmt: skip
    _require_table(masks, options)
    return {split: PairFolders(folder, masks.get(split)) for split, folder in images.items()}


def _require_table(masks: Mapping[str, MaskPlace], options: Options) -> None:
    """Refuse options of tables where no masks are in one."""
    given = [name for name in RUN_OPTIONS if name in options]
    if given and not any(place.takes_options for place in masks.values()):
        raise InputError(
            f"the option {given[0]} is about tables of run lengths",
            expected="masks in a table", received=some(place.name for place in masks.values()),
            hint="name the table: masks=FILE",
        )  # fmt: skip


def are_pairs(root: Path) -> bool:
    """Whether a folder looks like pictures with masks."""
    try:
        places = find_places(root, {})
    except InputError:
        return False
    try:
        return any(
            place.masks.are_for(pictures_by_name(place.images, root, [])) for place in places.values() if place.masks
        )
    except InputError:  # it is said to whoever loads them
        return True


def _images(level: Folder, options: Options) -> Folder | None:
    """The folder of a split's pictures: the one named, else one with a usual name, else where they lie loose."""
    if "images" in options:
        return next((folder for folder in level.folders if folder.name == options["images"]), None)
    found = _only_one(level, _IMAGES)
    return level if found is None and level.has_loose_picture and not level.full else found


def _only_one(level: Folder, names: set[str]) -> Folder | None:
    found = [folder for folder in level.folders if folder.name in names or folder.name.lower() in names]
    if len(found) > 1:
        option = "images" if names is _IMAGES else "masks"
        raise InputError(
            f"{level.path} has several folders that may be meant", expected="one of them",
            received=some(folder.name for folder in found), hint=f"say which: {option}={found[0].name}",
        )  # fmt: skip
    return found[0] if found else None


def _inner_splits(images: Folder, masks: Folder | None) -> dict[str, tuple[Folder, Folder | None]]:
    """Splits inside the folders of pictures and of masks: ``images/train``, ``masks/train``."""
    inside = {canonical_split(folder.name): folder for folder in images.folders}
    if None in inside or not inside or images.has_loose_picture or masks is None:
        return {}
    of_masks = {canonical_split(folder.name): folder for folder in masks.folders}
    return {split: (folder, of_masks.get(split)) for split, folder in inside.items() if split is not None}


def _named(
    root: Path, found: SplitFolders, images: Mapping[str, Folder], options: Options
) -> dict[str, MaskPlace]:  # fmt: skip
    """The places of masks that the option ``masks`` names, each for the splits that it is about."""
    paths = dict[Path, None]()
    for name in listed(options["masks"]):
        there = [folder / expanded(name) for folder in _around(root, found, images)]
        if not (here := dict.fromkeys(path for path in there if path.exists())):
            near = [one.name for top in (root, found.top.path) for one in top.iterdir()]
            raise InputError(
                f"{root} has no masks {name!r}", expected="a folder, an .npz file or a table of run lengths",
                received=some(sorted(set(near))), hint=did_you_mean(name, near),
            )  # fmt: skip
        paths |= here
    return _by_split(list(paths), root, images, options)


def _unnamed(
    root: Path, found: SplitFolders, images: Mapping[str, Folder], options: Options
) -> dict[str, MaskPlace]:  # fmt: skip
    """Archives of masks by their usual name, else tables with a column of run lengths."""
    files = [path for folder in _around(root, found, images) for path in sorted(folder.iterdir()) if path.is_file()]
    archives = [path for path in files if path.name.lower() in _ARCHIVES]
    tables = [path for path in files if path.suffix.lower() in (".csv", ".tsv") and holds_runs(path)]
    return _by_split(archives or tables, root, images, options)


def _around(root: Path, found: SplitFolders, images: Mapping[str, Folder]) -> list[Path]:
    """The folders where archives and tables of masks may be."""
    levels = (*found.splits.values(), *images.values())
    return list(dict.fromkeys([root, found.top.path, *(level.path for level in levels)]))


def _by_split(
    paths: Sequence[Path], root: Path, images: Mapping[str, Folder], options: Options
) -> dict[str, MaskPlace]:  # fmt: skip
    """The place of each split's masks: the one in its folder or with its name; one without a name is for all splits.

    Raises:
        InputError: there are several for one split, or what none can be read from.
    """
    masks: dict[str, MaskPlace] = {}
    for split, folder in images.items():
        own = [path for path in paths if _about(path, root, set(images)) == split or path.parent == folder.path]
        chosen = own or [path for path in paths if _about(path, root, set(images)) is None]
        if len(chosen) > 1:
            raise InputError(
                f"{root} has several masks for the same pictures", expected="one place for each split",
                received=some(path.name for path in chosen), hint=f"say which: masks={chosen[0].name}",
            )  # fmt: skip
        for path in chosen:
            suffix = "" if path.is_dir() else path.suffix.lower()
            if suffix not in OPENERS:
                raise InputError(
                    f"{path} holds no masks that can be read", received=suffix or "a file without extension",
                    expected=f"a folder, or {' or '.join(_FILES)}",
                )  # fmt: skip
            place = OPENERS[suffix](path, options)
            if len(images) == 1 or place.are_for(pictures_by_name(folder, root, [])):
                masks[split] = place
    return masks


def _about(path: Path, root: Path, splits: set[str]) -> str | None:
    """The split that a place of masks is about, by the folder that it is in or by its own name."""
    inside = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    said = next((split for part in reversed(inside) if (split := canonical_split(part)) in splits), None)
    own = split_said(path.stem)
    return said or (own if len(splits) > 1 or own in splits else None)


def match_pairs(place: PairFolders, root: Path) -> tuple[list[PicturePair], list[Rejected]]:
    """Match pictures and masks by name without extension.

    Returns the pairs, and the files that were left out.

    Raises:
        InputError: two pictures, or two masks, have the same name, or no mask matches a picture.
    """
    rejected: list[Rejected] = []
    pictures = pictures_by_name(place.images, root, rejected)
    if place.masks is None:
        return [PicturePair(below(path, place.images), path, None) for path in pictures.values()], by_weight(rejected)
    masks, left_out = place.masks.find(pictures, root)
    rejected = [one for one in rejected if one.name.rpartition("/")[2] != Path(place.masks.name).name]
    rejected += left_out
    pairs = [
        PicturePair(below(path, place.images), path, masks[name]) for name, path in pictures.items() if name in masks
    ]
    rejected += [
        Rejected(below(path, place.images), "it has no mask") for name, path in pictures.items() if name not in masks
    ]
    rejected += [
        Rejected(mask.name, "a mask without its picture") for name, mask in masks.items() if name not in pictures
    ]
    if not pairs:
        raise InputError(
            f"no mask in {place.masks.name} is called as a picture in {place.images.path} is",
            expected="a.jpg and a.png, or a_mask.png",
            received=f"{some(map(printable, pictures), 2)} and {some(map(printable, masks), 2)}",
        )  # fmt: skip
    return pairs, by_weight(rejected)


def find_names(root: Path) -> tuple[list[str], list[str]]:
    """The class names in ``classes.txt`` or ``labels.txt``, one per line, and a remark; empty without such a file.

    Raises:
        InputError: both files exist, or one is not a list of names.
    """
    there = [root / name for name in _NAMES if (root / name).is_file()]
    if not there:
        return [], []
    if len(there) > 1:
        raise InputError(
            f"{root} names its classes twice", received=some(_NAMES), hint="move one away, or try classes=…"
        )
    try:
        lines = [line.strip() for line in there[0].read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise InputError(f"{there[0]} is no UTF-8 text", hint="save it as UTF-8") from error
    if not lines:
        raise InputError(f"{there[0]} names no class")
    return lines, [f"the classes have the names in {there[0].name}"]


def find_unread(root: Path, read: Collection[str]) -> list[str]:
    """A remark about tables beside the pictures, without those whose names are given."""
    places = (root, *visible_folders(root))
    tables = [path.name for place in places for path in sorted(place.glob("*.csv")) if path.is_file()]
    unread = [name for name in tables if name not in read]
    return [f"not read: {some(unread)}"] if unread else []
