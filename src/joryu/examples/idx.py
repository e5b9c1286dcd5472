"""IDX files in torchvision's layout: MNIST and the sets in the same format (Fashion-MNIST, KMNIST, EMNIST).

The format (LeCun, Cortes & Burges): two zero bytes, a type code (8 = uint8), the number of axes, each axis as a
big-endian uint32, then the values.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from joryu.errors import InputError
from joryu.examples.emnist import emnist_classes, numbered, upright
from joryu.examples.examples import Examples, content_ids
from joryu.examples.layouts import canonical_split, find_split, some, spelt_twice
from joryu.examples.pictures import resize_pixels
from joryu.examples.preparation import PicturePreparation

_UINT8: Final = 0x08
_DEFLATE_MOST: Final = 1032  # the largest possible compression ratio of deflate
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_PICTURES = re.compile(r"^(?:(?P<family>.+)-)?(?P<split>[^-]+)-images[-.]idx3-ubyte(?:\.gz)?$")
_CLASSES = {"FashionMNIST": _FASHION}


class IdxFile(NamedTuple):
    """The file of one split's pictures, and that of their labels, if it exists."""

    pictures: Path
    labels: Path | None


def load_idx(folder: Path, split: str = "train", *, part: str | None = None, size: int | None = None) -> Examples:
    """Load the pictures and labels of a folder with ``train-images-idx3-ubyte`` and so on, plain or ``.gz``.

    The files may be in the folder, in its ``raw/``, or in ``NAME/raw/`` as torchvision puts them; each may be inside a
    folder of its own name. ``part`` chooses among several sets (``letters`` of EMNIST's six; EMNIST's pictures are
    transposed to stand upright). Classes without known names are named by their numbers in all splits. Pictures
    without a labels file are unlabelled.

    Raises:
        InputError: there are no such files, no such split or several sets, or a file is damaged or of another type.
    """
    family, sets = _family(folder, part)
    found = find_split(folder, split, sets)
    pixels, labels = upright(family, read_idx(found.pictures, axes=3)), _labels(found, family)
    if labels is not None and len(labels) != len(pixels):
        raise InputError(
            f"labels do not fit the pictures of {found.pictures}", expected=len(pixels), received=len(labels)
        )
    answers = [_labels(file, family) for file in sets.values()]
    count = max((int(part.max()) + 1 for part in answers if part is not None and len(part)), default=0)
    place = found.pictures.parent if found.pictures.parent.name != found.pictures.name else found.pictures.parent.parent
    name = place.parent.name if place.name == "raw" else place.name
    names = emnist_classes(family) or _CLASSES.get(name, ())
    examples = Examples.of(
        torch.from_numpy(resize_pixels(pixels[:, None], size)),
        None if labels is None else torch.from_numpy(labels),
        classes=names if count and len(names) >= count else [str(label) for label in range(count)],
        name=family or name,
    )
    ids = examples.ids if size is None else content_ids(torch.from_numpy(pixels[:, None]))
    return replace(examples, ids=ids, preparation=PicturePreparation.of(examples.inputs))


def has_idx_files(folder: Path) -> bool:
    """Whether the folder holds files for `load_idx`."""
    return any(_pictures_in(place) for place in _places(folder))


def idx_splits(folder: Path, part: str | None = None) -> set[str]:
    """The splits that `load_idx` can load."""
    return set(_family(folder, part)[1])


def labelled_idx_splits(folder: Path, part: str | None = None) -> set[str]:
    """The splits that have a labels file."""
    return {split for split, file in _family(folder, part)[1].items() if file.labels is not None}


def _family(folder: Path, part: str | None) -> tuple[str, dict[str, IdxFile]]:
    """The name of the one set that is meant in a folder, and its files by split.

    Raises:
        InputError: there is none, there are several, or a split exists twice.
    """
    places = [place for place in _places(folder) if _pictures_in(place)]
    if not places:
        raise InputError(f"no IDX files in {folder}", expected="train-images-idx3-ubyte (or .gz), perhaps in raw/")
    if len(places) > 1 and places[0] not in (folder, folder / "raw"):
        raise InputError(
            f"{folder} holds several IDX sets",
            received=some(place.parent.name for place in places),
            hint=f"try idx:{places[0].parent}",
        )
    families: dict[str, dict[str, IdxFile]] = {}
    for family, spelt, pictures in _pictures_in(places[0]):
        splits = families.setdefault(family, {})
        split = canonical_split(spelt) or spelt
        if split in splits:
            raise spelt_twice(places[0], split, (splits[split].pictures.name, pictures.name))
        splits[split] = IdxFile(pictures, _labels_beside(places[0], f"{family}-{spelt}" if family else spelt))
    chosen = [name for name in families if part is None or part.lower() in (name.lower(), name.lower().split("-")[-1])]
    if len(chosen) != 1:
        raise InputError(
            f"{folder} holds several sets" if part is None else f"{folder} has no set {part!r}",
            expected="one of " + some(sorted(families), most=8) if any(families) else None,
            hint=f"try idx:{folder}#{sorted(families)[-1].split('-')[-1]}" if all(families) else None,
        )
    return chosen[0], families[chosen[0]]


def _places(folder: Path) -> list[Path]:
    return [folder, folder / "raw", *sorted(folder.glob("*/raw"))]


def _pictures_in(place: Path) -> list[tuple[str, str, Path]]:
    """Family, split as spelt, and file of each split's pictures; if a file exists plain and packed, the first."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(place.glob("*-images[-.]idx3-ubyte*"), key=lambda path: (path.suffix == ".gz", path.is_dir())):
        if not path.name.startswith(".") and (match := _PICTURES.match(path.name)) and (file := _file_at(path)):
            found.setdefault((match["family"] or "", match["split"]), file)
    return [(family, split, file) for (family, split), file in sorted(found.items())]


def _file_at(path: Path) -> Path | None:
    """The file, or the one of the same name inside a folder of that name, as in some archives."""
    return next((place for place in (path, path / path.name) if place.is_file()), None)


def read_idx(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes with the given number of axes, unpacked if its name ends in ``.gz``.

    Raises:
        InputError: the format, type or number of axes differs, or the file is empty or not as long as its header says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
            if len(head) < 4 + 4 * axes or head[:4] != bytes((0, 0, _UINT8, axes)):
                raise InputError(
                    f"{path} is not an IDX file of unsigned bytes",
                    expected=f"magic {bytes((0, 0, _UINT8, axes)).hex()}",
                    received=head[:4].hex() or "an empty file",
                )
            shape = struct.unpack(f">{axes}I", head[4:])
            if not (promised := math.prod(shape)):
                raise InputError(f"{path} is empty", expected="at least one value", received="×".join(map(str, shape)))
            possible = path.stat().st_size * (_DEFLATE_MOST if path.suffix == ".gz" else 1)
            body = file.read(min(promised, possible) + 1)  # a damaged header may promise more than fits into memory
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="try downloading it again") from error
    if len(body) != promised:
        received = f"{len(body):,}" if len(body) < promised else "more"
        raise InputError(f"{path} is damaged", expected=f"{promised:,} bytes after its header", received=received)
    return np.frombuffer(bytearray(body), dtype=np.uint8).reshape(shape)


def _labels(file: IdxFile, family: str) -> npt.NDArray[np.int64] | None:
    return None if file.labels is None else numbered(family, read_idx(file.labels, axes=1))


def _labels_beside(place: Path, split: str) -> Path | None:
    """The labels file of a split; ``None`` if there is none.

    Raises:
        InputError: there are labels in a form that is not read.
    """
    names = [f"{split}-labels{dot}idx1-ubyte{packed}" for packed in ("", ".gz") for dot in "-."]
    found = next((file for name in names if (file := _file_at(place / name))), None)
    others = sorted(path.name for path in place.glob(f"{split}-labels*"))
    if found is None and others:
        raise InputError(f"{place / others[0]} holds no labels that can be read", expected=names[0])
    return found
