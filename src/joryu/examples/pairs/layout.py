"""Find the folders of pictures and of masks (below the splits, or with the splits inside), and match their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from joryu.errors import InputError
from joryu.examples.class_folders import find_set
from joryu.examples.clutter import by_weight
from joryu.examples.examples import Rejected
from joryu.examples.layouts import canonical_split, some, visible_folders
from joryu.examples.tree import Folder, link_root, printable

_IMAGES = {"images", "imgs", "image", "img", "pictures", "photos", "jpegimages"}
_MASKS = {"masks", "mask", "labels", "annotations", "segmentations", "segmentationclass", "groundtruth", "gt"}
_MASK_SUFFIX = re.compile(r"[-_. ]?(masks?|gt|labels?|seg|segmentation|groundtruth|annotation|l)$", re.IGNORECASE)
_NAMES = ("classes.txt", "labels.txt")
_NUMBERED = re.compile(r"^(\d+)\s*[:,=\s]\s*(\S.*)$")


class PairFolders(NamedTuple):
    """The folder of a split's pictures, and that of its masks, if it has any."""

    images: Folder
    masks: Folder | None


class PicturePair(NamedTuple):
    """A picture and its mask; ``name`` is the picture's path below its folder."""

    name: str
    picture: Path
    mask: Path | None


def find_places(root: Path) -> dict[str, PairFolders]:
    """Find the folders of each split; a set without splits has only ``train``.

    Raises:
        InputError: there is no folder of pictures with one of masks beside it, or there are several of either.
    """
    found = find_set(root)
    levels = found.splits or {"train": found.top}
    places = {split: place for split, level in levels.items() if (place := _place(level)) is not None}
    whole = places.get("train")
    if not found.splits and whole is not None and whole.masks is not None:
        places = _inner_splits(whole) or places
    if not any(place.masks for place in places.values()):
        raise InputError(
            f"{root} holds no pictures with masks", expected="images/ and masks/, perhaps under train/ and test/",
            received=some(f"{printable(folder.name)}/" for folder in found.top.folders) or "no folder",
        )  # fmt: skip
    return places


def are_pairs(root: Path) -> bool:
    """Whether a folder looks like pictures with masks."""
    try:
        return any(place.masks is not None and place.masks.has_picture for place in find_places(root).values())
    except InputError:
        return False


def _place(level: Folder) -> PairFolders | None:
    images, masks = (_only_one(level, names) for names in (_IMAGES, _MASKS))
    return None if images is None else PairFolders(images, masks)


def _only_one(level: Folder, names: set[str]) -> Folder | None:
    found = [folder for folder in level.folders if folder.name.lower() in names]
    if len(found) > 1:
        raise InputError(
            f"{level.path} has several folders that may be meant", expected="one of them",
            received=some(folder.name for folder in found), hint="move the others out of the folder",
        )  # fmt: skip
    return found[0] if found else None


def _inner_splits(whole: PairFolders) -> dict[str, PairFolders]:
    """Splits inside the folders of pictures and of masks: ``images/train``, ``masks/train``."""
    inside = {canonical_split(folder.name): folder for folder in whole.images.folders}
    if None in inside or not inside or whole.images.has_loose_picture or whole.masks is None:
        return {}
    masks = {canonical_split(folder.name): folder for folder in whole.masks.folders}
    return {split: PairFolders(folder, masks.get(split)) for split, folder in inside.items() if split is not None}


def match_pairs(place: PairFolders, root: Path) -> tuple[list[PicturePair], list[Rejected]]:
    """Match pictures and masks by name without extension; a mask's name may end in ``_mask`` or similar.

    Returns the pairs, and the files that were left out.

    Raises:
        InputError: two pictures, or two masks, have the same name, or no mask matches a picture.
    """
    rejected: list[Rejected] = []
    pictures = _by_name(place.images, root, rejected)
    if place.masks is None:
        return [PicturePair(_below(path, place.images), path, None) for path in pictures.values()], by_weight(rejected)
    masks = _by_name(place.masks, root, rejected)
    plain = {name if name in pictures else _MASK_SUFFIX.sub("", name): path for name, path in masks.items()}
    if len(plain) < len(masks):
        twice = [path.name for name, path in masks.items() if path not in plain.values()]
        raise InputError(f"{place.masks.path} has two masks for one picture", received=some(twice))
    pairs = [
        PicturePair(_below(path, place.images), path, plain[name]) for name, path in pictures.items() if name in plain
    ]
    rejected += [
        Rejected(_below(path, place.images), "it has no mask") for n, path in pictures.items() if n not in plain
    ]
    rejected += [
        Rejected(f"{printable(place.masks.name)}/{_below(path, place.masks)}", "a mask without its picture")
        for name, path in plain.items()
        if name not in pictures
    ]
    if not pairs:
        raise InputError(
            f"no mask in {place.masks.path} is called as a picture in {place.images.path} is",
            expected="a.jpg and a.png, or a_mask.png",
            received=f"{some(map(printable, pictures), 2)} and {some(map(printable, masks), 2)}",
        )  # fmt: skip
    return pairs, by_weight(rejected)


def _by_name(folder: Folder, root: Path, rejected: list[Rejected]) -> dict[str, Path]:
    """The files below a folder by name without extension; left-out files are appended to ``rejected``."""
    found: dict[str, Path] = {}
    for path, reason in folder.files(link_root(root)):
        name = path.relative_to(folder.path).with_suffix("").as_posix()
        if reason is not None:
            rejected.append(Rejected(f"{printable(folder.name)}/{_below(path, folder)}", reason))
        elif name in found:
            raise InputError(
                f"two files in {folder.path} are called {printable(name)}", expected="one",
                received=f"{printable(found[name].name)} and {printable(path.name)}",
            )  # fmt: skip
        else:
            found[name] = path
    return found


def _below(path: Path, folder: Folder) -> str:
    return printable(path.relative_to(folder.path).as_posix())


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
    numbered = [match for line in lines if (match := _NUMBERED.match(line))]
    if lines and len(numbered) == len(lines) and [int(match[1]) for match in numbered] == list(range(len(lines))):
        lines = [match[2] for match in numbered]
    if not lines:
        raise InputError(f"{there[0]} names no class")
    return lines, [f"the classes have the names in {there[0].name}"]


def find_unread(root: Path, options: Mapping[str, str]) -> list[str]:
    """A remark about tables beside the pictures, which are not read; the options name those that are."""
    places = (root, *visible_folders(root))
    read = {Path(value.partition("#")[0]).name for value in options.values()}
    tables = [path.name for place in places for path in sorted(place.glob("*.csv")) if path.is_file()]
    unread = [name for name in tables if name not in read]
    return [f"not read: {some(unread)}"] if unread else []
