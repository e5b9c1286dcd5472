"""Photographs of mixed sizes in class folders, made from small ones by a seed: ``python -m benchmarks.photographs``.

A share of the originals is held out first and copied to ``test/CLASS`` as it is. From the others come the photographs
of ``train/CLASS``, as many of each class as its share: turned a little, flipped, cropped, lit and sized at random, and
saved as JPEG. That gives the work of real photographs; there is no more to see in them than in the originals.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

MADE = "made.json"
SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Making:
    """What the photographs depend on, beside the originals; ``sides`` are the least and greatest longer side."""

    photographs: int = 5000
    test_share: float = 0.2
    sides: tuple[int, int] = (200, 800)
    seed: int = 0


def make(originals: Path, out: Path, making: Making) -> None:
    """Fill a folder, or find it filled by an earlier call.

    Raises:
        SystemExit: something else is there, or there are no originals.
    """
    classes = distinct(originals)
    if len(classes) < 2:
        raise SystemExit(f"{originals} has no photographs in class folders (expected two classes or more)")
    wanted = json.loads(json.dumps(asdict(making))) | {"originals": fingerprint(classes)}
    if (out / MADE).is_file():
        if (made := json.loads((out / MADE).read_text())) != wanted:
            raise SystemExit(f"{out} holds other photographs (expected {wanted}; received {made}); try another folder")
        return
    if out.exists():
        raise SystemExit(f"{out} holds something else than photographs made here; try another folder")
    kept: dict[str, list[Path]] = {}
    aside = out.with_name(f"{out.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)  # what an interrupted call left
    for number, (name, files) in enumerate(classes.items()):
        order = np.random.default_rng([making.seed, number]).permutation(len(files))
        n_test = max(1, round(making.test_share * len(files)))
        (aside / "test" / name).mkdir(parents=True)
        for row in order[:n_test]:
            shutil.copyfile(files[row], aside / "test" / name / files[row].name)
        kept[name] = [files[row] for row in order[n_test:]]
    with ThreadPoolExecutor() as pool:  # Pillow lets go of the interpreter while it computes
        list(pool.map(lambda one: photograph(*one, making=making), jobs(kept, aside / "train", making)))
    (aside / MADE).write_text(json.dumps(wanted) + "\n")
    aside.rename(out)


def distinct(originals: Path) -> dict[str, list[Path]]:
    """The files of each class by name, of equal ones the first: none may be both enlarged and judged."""
    seen: set[bytes] = set()
    found: dict[str, list[Path]] = {}
    for folder in sorted(path for path in originals.iterdir() if path.is_dir()):
        for path in sorted(folder.iterdir()):
            digest = hashlib.sha256(path.read_bytes()).digest() if path.suffix.lower() in SUFFIXES else None
            if digest is not None and digest not in seen:
                seen.add(digest)
                found.setdefault(folder.name, []).append(path)
    return found


def fingerprint(classes: dict[str, list[Path]]) -> str:
    """By which other originals are told from these."""
    found = hashlib.sha256()
    for name, files in classes.items():
        found.update(name.encode())
        for path in files:
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()[:16]


def jobs(kept: dict[str, list[Path]], out: Path, making: Making) -> Iterator[tuple[Path, Path, int]]:
    """Original, where its photograph goes, and its number; an original serves again where there are too few.

    Every class has one at the least.
    """
    total, number, before = sum(map(len, kept.values())), 0, 0
    for name, files in kept.items():
        (out / name).mkdir(parents=True)
        before += len(files)
        # Rounded sums, so that all classes together give exactly as many as asked.
        for place in range(max(1, round(making.photographs * before / total) - number)):
            yield files[place % len(files)], out / name / f"{number:06d}.jpg", number
            number += 1


def photograph(original: Path, out: Path, number: int, *, making: Making) -> None:
    """One photograph, a function of the original, the seed and its number."""
    rng = np.random.default_rng([making.seed, 1, number])
    with Image.open(original) as opened:
        picture = opened.convert("RGB")
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    angle = rng.uniform(-10, 10)
    picture = picture.rotate(angle, Image.Resampling.BICUBIC)
    # The greatest square without the corners that turning leaves empty, and a part of it.
    inner = 1 / (math.cos(math.radians(angle)) + math.sin(math.radians(abs(angle))))
    width, height = (inner * side * rng.uniform(0.75, 1.0) for side in picture.size)
    left, top = (
        (side - inner * side) / 2 + rng.random() * (inner * side - part)
        for side, part in zip(picture.size, (width, height), strict=True)
    )
    scale = rng.uniform(*making.sides) / max(width, height)
    size = round(width * scale), round(height * scale)
    picture = picture.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.8, 1.2))
    picture.save(out, quality=int(rng.integers(70, 96)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("originals", type=Path, help="class folders, such as data/leaves")
    parser.add_argument("out", type=Path)
    parser.add_argument("--photographs", type=int, default=Making.photographs)
    parser.add_argument("--seed", type=int, default=Making.seed)
    options = parser.parse_args()
    make(options.originals, options.out, Making(photographs=options.photographs, seed=options.seed))


if __name__ == "__main__":
    main()
