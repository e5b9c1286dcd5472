"""IDX files in torchvision's layout: MNIST and the sets that took its shape (Fashion-MNIST, KMNIST, EMNIST).

The format (LeCun, Cortes & Burges): two zero bytes, a type code (8 = uint8), the number of axes, each axis as a
big-endian uint32, then the values.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from joryu.errors import InputError
from joryu.examples.examples import Examples
from joryu.examples.layouts import canonical_split, no_such_split
from joryu.examples.pictures import resize_pixels

_UINT8: Final = 0x08
_DEFLATE_MOST: Final = 1032  # no deflate stream unpacks to more bytes than this for each of its own
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
_CLASSES = {"FashionMNIST": _FASHION}


def load_idx(folder: Path, split: str = "train", *, size: int | None = None) -> Examples:
    """Pictures and labels of a folder that holds ``train-images-idx3-ubyte`` and its kin, plain or ``.gz``.

    The files may lie in the folder, in its ``raw/`` or in ``NAME/raw/`` as torchvision puts them. Classes are named by
    their number, over all the splits in the folder. Pictures without a labels file are unlabelled.

    Raises:
        InputError: no such files, no such split, or a file that is damaged or of another type.
    """
    sets = idx_files(folder)
    if not sets:
        raise InputError(f"no IDX files in {folder}", expected="train-images-idx3-ubyte (or .gz), perhaps in raw/")
    spelling = next(
        (
            name
            for name in sets
            if name == split or (canonical_split(name) or name) == (canonical_split(split) or split)
        ),
        None,
    )
    if spelling is None:
        raise no_such_split(folder, split, (canonical_split(name) or name for name in sets))
    found = sets[spelling]
    pixels, labels = read_idx(found, axes=3), _labels_beside(found)
    if labels is not None and len(labels) != len(pixels):
        raise InputError(f"labels do not fit the pictures of {found}", expected=len(pixels), received=len(labels))
    family = spelling.rpartition("-")[0]  # EMNIST keeps six sets in one folder: emnist-letters-train, …
    answers = [_labels_beside(path) for name, path in sets.items() if name.rpartition("-")[0] == family]
    count = max((int(part.max()) + 1 for part in answers if part is not None and len(part)), default=0)
    name = found.parent.parent.name if found.parent.name == "raw" else found.parent.name
    names = _CLASSES.get(name, ())
    return Examples.of(
        torch.from_numpy(resize_pixels(pixels[:, None], size)),
        None if labels is None else torch.from_numpy(labels.astype(np.int64)),
        classes=names if len(names) >= count else [str(label) for label in range(count)],
        name=name,
    )


def idx_files(folder: Path) -> dict[str, Path]:
    """The picture files under a folder, by split as they spell it (``train``, ``t10k``); empty if there are none."""
    for place in (folder, folder / "raw", *sorted(folder.glob("*/raw"))):
        files = sorted(place.glob("*-images[-.]idx3-ubyte")) + sorted(place.glob("*-images[-.]idx3-ubyte.gz"))
        if files:
            return {file.name.split("-images")[0]: file for file in reversed(files)}  # the plain file before its .gz
    return {}


def idx_splits(folder: Path) -> set[str]:
    """What `load_idx` can be asked for."""
    return {canonical_split(name) or name for name in idx_files(folder)}


def read_idx(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """The array of one IDX file of unsigned bytes, unpacked if its name ends in ``.gz``.

    Raises:
        InputError: another format, type or number of axes, or more or fewer bytes than the header promises.
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
            promised = math.prod(shape)
            possible = path.stat().st_size * (_DEFLATE_MOST if path.suffix == ".gz" else 1)
            body = file.read(min(promised, possible) + 1)  # a header may promise more than memory holds
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="try downloading it again") from error
    if len(body) != promised:
        received = f"{len(body):,}" if len(body) < promised else "more"
        raise InputError(f"{path} is damaged", expected=f"{promised:,} bytes after its header", received=received)
    return np.frombuffer(bytearray(body), dtype=np.uint8).reshape(shape)


def _labels_beside(pictures: Path) -> npt.NDArray[np.uint8] | None:
    stem = pictures.parent / pictures.name.removesuffix(".gz").replace("-images", "-labels").replace("idx3", "idx1")
    for path in (stem, stem.with_name(stem.name + ".gz")):
        if path.is_file():
            return read_idx(path, axes=1)
    return None
