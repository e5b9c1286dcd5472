"""Where the Parquet files of a set lie, and which split each is of, as the Hub and its converter name them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from joryu.errors import InputError
from joryu.examples.clutter import is_clutter
from joryu.examples.layouts import canonical_split, some, spelt_twice, visible_folders
from joryu.examples.tree import USUAL, Folder

_NAME = re.compile(r"^(?P<split>.+?)(?:-(?P<number>\d+)-of-(?P<total>\d+))?(?:-[0-9a-f]{16})?$")
_NUMBER = re.compile(r"^(?:part-?)?\d+(?:-.*)?$")  # 0000.parquet, part-00000-….snappy.parquet: a shard, of no split
_DEPTH = 5


class Shards(NamedTuple):
    """The files of each split, by its canonical name; ``whole``: they are one set, whose name says no split.

    ``beside``: the folders with pictures or Parquet files that lie beside them.
    """

    folder: Path
    splits: dict[str, list[Path]]
    whole: bool = False
    remarks: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def find_shards(place: Path) -> Shards:
    """The Parquet files of a set: a file; or a folder that holds them, or whose only folder of Parquet files does.

    Read are ``train-00000-of-00002.parquet``, with the Hub's hash behind it or without, ``train/0000.parquet`` and
    ``train.parquet``.

    Raises:
        InputError: none, several sets, a split twice, or a shard that is missing.
    """
    if place.is_file():
        said = canonical_split(_split_of(place))
        return Shards(place, {said or "train": [place]}, whole=said is None)
    folder, way = place, ""
    while not (found := _splits(folder)):
        inner = [one for one in visible_folders(folder) if _holds_any(one)]
        if not inner:
            raise InputError(f"no Parquet files in {place}", expected="train.parquet, test.parquet")
        if len(inner) > 1:
            raise InputError(
                f"{folder} holds several Parquet sets",
                received=some(one.name for one in inner),
                hint=f"try parquet:{inner[0]}",
            )
        folder, way = inner[0], f"{way}{inner[0].name}/"
    for files in found.values():
        _require_complete(files)
    whole = (
        list(found) == ["train"] and bool(_NUMBER.match(found["train"][0].stem)) and found["train"][0].parent == folder
    )
    return Shards(folder, found, whole, (f"found in {way}",) if way else (), _beside(folder, found))


def parquet_folder(folder: Path) -> Path | None:
    """Where the Parquet files of a data set lie: the folder itself, or the only one inside that has any."""
    return find_shards(folder).folder if _holds_any(folder) else None


def _beside(folder: Path, found: dict[str, list[Path]]) -> tuple[str, ...]:
    read = {path.parent for files in found.values() for path in files}
    others = (one for one in visible_folders(folder) if one not in read)
    return tuple(one.name for one in others if _holds_any(one) or Folder(one).has_picture)


def _splits(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder by split; of the folders inside if these are called like splits; empty if it has none."""
    direct = _parquet_files(folder)
    if direct and all(_NUMBER.match(path.stem) for path in direct):
        return {canonical_split(folder.name) or "train": direct}
    named = [(_split_of(path), path) for path in direct]
    if not direct:
        folders = visible_folders(folder)
        if not any(canonical_split(one.name) for one in folders):
            return {}
        named = [(one.name, path) for one in folders for path in _parquet_files(one)]
    return _by_split(folder, named)


def _by_split(folder: Path, named: Sequence[tuple[str, Path]]) -> dict[str, list[Path]]:
    spellings: dict[str, set[str]] = {}
    splits: dict[str, list[Path]] = {}
    for name, path in named:
        split = canonical_split(name) or name
        spellings.setdefault(split, set()).add(name)
        splits.setdefault(split, []).append(path)
    for split, names in spellings.items():
        if len(names) > 1:
            raise spelt_twice(folder, split, sorted(names))
    return splits


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith(".") and path.is_file())


def _holds_any(folder: Path, depth: int = _DEPTH) -> bool:
    """Whether a Parquet file lies below; a folder with pictures is not searched, as there may be millions."""
    inner = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or is_clutter(entry.name):
                continue
            if entry.name.endswith(".parquet"):
                return True
            if entry.is_dir(follow_symlinks=False):
                inner.append(Path(entry.path))
            elif entry.name.lower().endswith(USUAL):
                return False
    return depth > 0 and any(_holds_any(one, depth - 1) for one in inner)


def _split_of(path: Path) -> str:
    match = _NAME.match(path.stem)
    return match["split"] if match else path.stem


def _require_complete(files: Sequence[Path]) -> None:
    """Check that a split has each of its shards, and each only once.

    Raises:
        InputError: a shard is missing, or is there twice.
    """
    matches = [match for path in files if (match := _NAME.match(path.stem)) and match["number"]]
    if not matches:
        _require_no_gap(files)
        return
    totals = {int(match["total"]) for match in matches}
    count = Counter(int(match["number"]) for match in matches)
    twice = [number for number, times in count.items() if times > 1]
    if len(totals) > 1 or twice or len(matches) < len(files):
        raise InputError(
            f"{files[0].parent} holds files of more than one version of a split",
            expected="each shard once",
            received=some(path.name for path in files),
            hint="move the old ones away",
        )
    missing = [number for number in range(max(totals)) if number not in count]
    if missing:
        first, digits = matches[0], len(matches[0]["number"])
        names = (f"{first['split']}-{n:0{digits}}-of-{first['total']}.parquet" for n in missing)
        raise InputError(
            f"{files[0].parent} lacks {some(names)}",
            expected=f"{max(totals)} shards",
            received=len(files),
            hint="try downloading it again",
        )


def _require_no_gap(files: Sequence[Path]) -> None:
    if not all(path.stem.isdecimal() for path in files):
        return
    numbers = {int(path.stem) for path in files}
    missing = [n for n in range(min(numbers), max(numbers)) if n not in numbers]
    if missing:
        digits = len(files[0].stem)
        raise InputError(
            f"{files[0].parent} lacks {some(f'{number:0{digits}}.parquet' for number in missing)}",
            expected=f"shards {min(numbers)} to {max(numbers)}",
            received=len(files),
            hint="try downloading it again",
        )
