"""Decide which folders of a set are splits, which are classes and which are neither; ambiguous sets are refused."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from joryu.errors import InputError
from joryu.examples.examples import Rejected
from joryu.examples.layouts import canonical_split, in_order, some, spelt_twice
from joryu.examples.tree import Folder, hub_snapshot, is_hub_repository, printable

ALONE: Final = "is its only folder of pictures, so they have no labels"  #: remark, unless a table or names give labels
BESIDE_SPLITS: Final = "beside the splits, not in one"  #: the reason for leaving out files outside all splits

_WITHOUT_LABEL = {"unlabelled", "unlabeled", "unsup", "unsupervised"}
_PERHAPS_WITHOUT = {"unknown", "unsorted", "unclassified"}  # a class if train has it too, else unlabelled pictures
_ANSWERS = {"mask", "masks", "annotations", "segmentations", "labels"}
_PART = re.compile(r"(part|images?|imgs?|pictures?|photos?|batch|chunk|shard)[\W_]*\d+$", re.IGNORECASE)
_QUESTIONS = {"image", "images", "imgs", "pictures", "photos"}


class SplitFolders(NamedTuple):
    """The folder of a set after descending into single folders: its splits (none: one set), remarks, left-out files."""

    top: Folder
    splits: dict[str, Folder]
    remarks: list[str]
    rejected: list[Rejected]

    @property
    def first(self) -> Folder:
        """The folder of train, else of the first split; the set's own folder if it has no splits."""
        return self.splits[in_order(self.splits)[0]] if self.splits else self.top


class Level(NamedTuple):
    """The folders of one split: one per class, and those of unlabelled pictures; none if pictures lie loose.

    They are in ``top``, which is the folder of the split or one inside it.
    """

    split: Folder
    top: Folder
    classes: dict[str, Folder]
    unlabelled: list[Folder]
    rejected: list[Rejected]
    remarks: list[str]


def find_set(root: Path) -> SplitFolders:
    """Find the splits of a set, in its folder or in the only folder inside.

    Raises:
        InputError: folders may be either splits or classes, or a split exists twice.
    """
    top, way, rejected = Folder(root), "", list[Rejected]()
    while not (splits := _splits(top)) and (inner := _only(top)) is not None:
        rejected += top.clutter()
        below = hub_snapshot(inner.path)
        top, way = Folder(below), f"{way}{printable(below.relative_to(top.path).as_posix())}/"
    remarks = [f"found in {way}"] if way else []
    if not splits:
        return SplitFolders(top, {}, remarks, rejected)
    spare = [folder for folder in top.folders if folder.name not in {taken.name for taken in splits.values()}]
    if beside := [f"{printable(folder.name)}/" for folder in spare if folder.has_picture]:
        remarks.append(f"beside its splits and not read: {some(beside)}")
    names = [folder.name for folder in spare] + [entry.name for entry in top.loose]
    rejected += [*top.clutter(), *(Rejected(printable(name), BESIDE_SPLITS) for name in names)]
    return SplitFolders(top, splits, remarks, rejected)


def class_level(folder: Folder, known: Mapping[str, str] | None = None) -> Level:
    """Find the class folders of a split, directly inside or in the only folder there.

    ``known``: the classes of train by `spelling`. With them only a folder of a known class counts as a class. A folder
    named like ``unlabelled``, or a single folder, holds unlabelled pictures; others are left out, with the reason.

    Raises:
        InputError: class names differ only in case, or the folders are several sets, or pictures and their masks.
    """
    top, remarks, rejected = folder, list[str](), list[Rejected]()
    while not _is_known(top.full, known) and (inner := _only(top)) is not None:
        rejected += top.clutter()
        top = inner
        remarks.append(f"the pictures of {printable(folder.name)} are in its {printable(inner.name)}/")
    copies = _copies(top)
    folders = [one for one in top.full if one not in copies]
    if copies:
        remarks.append(f"a copy of the set and not read: {some(f'{printable(one.name)}/' for one in copies)}")
        rejected += [Rejected(printable(one.name), "a copy of the folders beside it") for one in copies]
    _require_classes(top, folders)
    rejected += [
        Rejected(printable(one.name), "folder without a picture") for one in top.folders if not one.has_picture
    ]
    named = [one for one in folders if one.name.lower() not in _WITHOUT_LABEL]
    unlabelled = [one for one in folders if one.name.lower() in _WITHOUT_LABEL]
    if known is None:
        return _of_reference(Level(folder, top, {one.name: one for one in named}, unlabelled, rejected, remarks))
    return _of_other(Level(folder, top, {one.name: one for one in named}, unlabelled, rejected, remarks), known)


def lies_in_parts(folder: Folder) -> bool:
    """Whether the folders of a split are named like parts of one set: ``images_part_1``, ``images_part_2``."""
    return len(folder.full) > 1 and _are_parts(folder.full)


def _are_parts(folders: Iterable[Folder]) -> bool:
    return all(_PART.search(folder.name) for folder in folders)


def spelling(name: str) -> str:
    """A name normalised for comparison: case, Unicode composition and surrounding spaces do not matter.

    >>> spelling("Caf\\u00e9") == spelling("cafe\\u0301 ")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold().strip())


def _of_reference(level: Level) -> Level:
    if len(level.classes) != 1:
        return level
    name, folder = next(iter(level.classes.items()))
    remark = f"{printable(name)}/ {ALONE}"
    return level._replace(classes={}, unlabelled=[folder, *level.unlabelled], remarks=[*level.remarks, remark])


def _of_other(level: Level, known: Mapping[str, str]) -> Level:
    classes: dict[str, Folder] = {}
    unlabelled, rejected, remarks = [*level.unlabelled], [*level.rejected], [*level.remarks]
    for name, folder in level.classes.items():
        match = known.get(spelling(name))
        if match is not None:
            classes[match] = folder
            if match != name:
                remarks.append(f"{printable(name)} of {printable(level.top.name)} is the class {printable(match)}")
        elif not known or len(level.classes) == 1 or name.lower() in _PERHAPS_WITHOUT:
            unlabelled.append(folder)
        else:
            count = sum(1 for _ in folder.files(folder.path))
            reason = f"a class that train does not have ({count:,} {'file' if count == 1 else 'files'})"
            rejected.append(Rejected(printable(name), reason))
            remarks.append(f"{printable(name)} of {printable(level.top.name)} is left out: {reason}")
    return level._replace(classes=classes, unlabelled=unlabelled, rejected=rejected, remarks=remarks)


def _is_known(folders: Iterable[Folder], known: Mapping[str, str] | None) -> bool:
    return any(spelling(folder.name) in (known or {}) for folder in folders)


def _only(folder: Folder) -> Folder | None:
    """The only folder with pictures, if they lie in folders inside it (so it is no class) and nothing is beside it."""
    if folder.has_loose_picture or len(folder.full) != 1:
        return None
    inner = folder.full[0]
    return inner if inner.full and not inner.has_loose_picture else None


def _splits(top: Folder) -> dict[str, Folder]:
    """The split folders by canonical name; none if the folders are classes (``train`` beside ``bus`` is a class)."""
    spelt = [(name, folder) for folder in top.full if (name := canonical_split(folder.name))]
    others = [folder for folder in top.full if not canonical_split(folder.name)]
    if not spelt or (others and _are_classes(top, [folder for _, folder in spelt], others)):
        return {}
    count = Counter(name for name, _ in spelt)
    for name in count:
        if count[name] > 1:
            raise spelt_twice(top.path, name, (printable(folder.name) for split, folder in spelt if split == name))
    return dict(spelt) | {folder.name: folder for folder in others if folder.name.lower() in _WITHOUT_LABEL}


def _are_classes(top: Folder, spelt: list[Folder], others: list[Folder]) -> bool:
    """Whether folders named like splits are really classes, like the folders beside them.

    Raises:
        InputError: both are possible.
    """
    split, deep = canonical_split(spelt[0].name), [folder for folder in spelt if folder.full]
    if len(spelt) > 1 and deep:
        return False
    if len(spelt) == 1 and split == "train" and not deep and not all(folder.full for folder in others):
        return True
    if len(spelt) == 1 and split == "train" and deep and all(_is_copy(one) or _may_be_beside(one) for one in others):
        return False
    raise InputError(
        f"{top.path} holds folders called like splits beside others",
        expected="splits with class folders inside, or class folders alone",
        received=some(printable(folder.name) for folder in (*spelt, *others)),
        hint="put the class folders of each split into train/ and test/, or move the others away",
    )


def _may_be_beside(folder: Folder) -> bool:
    return folder.name.lower() in _WITHOUT_LABEL | _PERHAPS_WITHOUT | {"pred", "seg_pred", "meta", "extra"}


def _is_copy(folder: Folder) -> bool:
    """Whether a folder itself holds splits: a second copy of the set, as in some archives."""
    return any(canonical_split(inner.name) for inner in folder.full)


def _copies(top: Folder) -> list[Folder]:
    """Folders that hold two or more of the class folders beside them: second copies, as in some archives."""
    names = {spelling(folder.name) for folder in top.full}
    deep = [folder for folder in top.full if not folder.has_loose_picture]
    return [one for one in deep if sum(spelling(inner.name) in names for inner in one.full) > 1]


def _require_classes(top: Folder, folders: list[Folder]) -> None:
    """Refuse folders that are not classes.

    Raises:
        InputError: they are something else, or two of them are the same class in different spelling.
    """
    for kept in (folder for folder in (top, *folders) if is_hub_repository(folder.path)):
        raise InputError(
            f"{top.path} holds what the Hub's cache keeps of a data set, not classes",
            expected="one folder for each class",
            received=some(printable(folder.name) for folder in folders),
            hint=f"name the data set itself: try folder:{kept.path}",
        )
    if len(folders) < 2:
        return
    if _are_parts(folders):
        raise InputError(
            f"{top.path} holds folders called like the parts of one set, not like classes",
            expected="one folder for each class",
            received=some(printable(folder.name) for folder in folders),
            hint="put their pictures into class folders, or all into one folder to have them without labels",
        )
    names = {folder.name.lower() for folder in folders}
    if names & _ANSWERS and names & _QUESTIONS:
        raise InputError(
            f"{top.path} holds pictures and what was drawn about them, not classes",
            expected="one folder for each class",
            received=some(sorted(names)),
            hint=f"try pairs:{top.path}, or for its pictures without labels "
            f"folder:{next(folder.path for folder in folders if folder.name.lower() in _QUESTIONS)}",
        )
    for same in _spelt_alike(folders):
        raise InputError(
            f"{top.path} has class folders whose names differ only in case, in a space or in how an accent is written",
            expected="one folder for each class",
            received=" and ".join(repr(printable(name)) for name in same),
            hint="put their pictures into one folder",
        )
    _require_one_set(top, folders)


def _spelt_alike(folders: Iterable[Folder]) -> Iterator[list[str]]:
    alike: dict[str, list[str]] = {}
    for folder in folders:
        alike.setdefault(spelling(folder.name), []).append(folder.name)
    return (names for names in alike.values() if len(names) > 1)


def _require_one_set(top: Folder, folders: list[Folder]) -> None:
    """Refuse versions of a set side by side (``color``, ``grayscale``), which all hold the same class folders.

    Raises:
        InputError: the folders are several sets.
    """
    deep = [folder for folder in folders if folder.full and not folder.has_loose_picture]
    count = Counter(spelling(inner.name) for folder in deep for inner in folder.full)
    sets = [folder for folder in deep if _is_copy(folder)]
    if not sets and (len(deep) < len(folders) or sum(number > 1 for number in count.values()) < 2):
        return
    sets = sets or deep
    inside_out = not any(inner.full for inner in sets[0].full) and _is_copy(sets[0])
    raise InputError(
        f"{top.path} holds several sets, not classes",
        expected="one folder for each class, its pictures inside",
        received=some(f"{printable(one.name)}/{printable(one.full[0].name)}" for one in sets),
        hint="put train and test outermost: train/CLASS, test/CLASS"
        if inside_out
        else f"name one of them: try folder:{sets[0].path}",
    )
