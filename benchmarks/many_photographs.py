"""Many JPEG photographs of varying sizes, as class folders and as Parquet: ``python -m benchmarks.many_photographs``.

Each is a random cut of a photograph in ``data/leaves`` at a random size, mirrored or not, lighter or darker, saved at a
random quality; the number of the picture is the seed of all that. So the set is the same on every machine with the same
JPEG library, and no two pictures are equal. A Parquet set holds the very bytes of the folder's files.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps

from joryu.examples import data_root

SHARD = 20_000  #: pictures in a Parquet file
ROW_GROUP = 1_000  #: and in each of its groups, as the datasets of the Hub have them


class Photograph(NamedTuple):
    """A picture as it lies in a file: its class, its name and its bytes."""

    label: str
    name: str
    content: bytes


def enlarged(number: int, sources: list[Path], *, sides: tuple[int, int]) -> Photograph:
    """The picture of this number, its longer and shorter side between ``sides``."""
    random = np.random.default_rng(number)
    source = sources[number % len(sources)]
    with Image.open(source) as opened:
        whole = opened.convert("RGB")
    share = random.uniform(0.6, 1.0)
    width, height = (max(8, int(share * side)) for side in whole.size)
    left, top = (int(random.integers(0, side - cut + 1)) for side, cut in zip(whole.size, (width, height), strict=True))
    across, down = (int(random.integers(sides[0], sides[1] + 1)) for _ in range(2))
    picture = whole.resize((across, down), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))
    picture = ImageOps.mirror(picture) if random.random() < 0.5 else picture
    picture = ImageEnhance.Brightness(picture).enhance(random.uniform(0.7, 1.3))
    written = BytesIO()
    picture.save(written, "JPEG", quality=int(random.integers(70, 96)))
    return Photograph(source.parent.name, f"{number:07d}.jpg", written.getvalue())


def sources_of(folder: Path) -> list[Path]:
    """The photographs to cut from, classes in turn, so that every stretch of numbers holds them all."""
    by_class = [sorted(part.glob("*.jpg")) for part in sorted(folder.iterdir()) if part.is_dir()]
    longest = max(map(len, by_class))
    return [files[at % len(files)] for at in range(longest) for files in by_class]


def photographs(count: int, sources: list[Path], *, sides: tuple[int, int], processes: int) -> Iterator[Photograph]:
    """So many of them, in order, made by several processes."""
    with multiprocessing.get_context("forkserver").Pool(processes) as pool:
        yield from pool.imap(partial(enlarged, sources=sources, sides=sides), range(count), chunksize=64)


def write_folder(pictures: Iterator[Photograph], out: Path) -> Iterator[Photograph]:
    """Write each to its class folder, and pass it on."""
    for picture in pictures:
        place = out / picture.label / picture.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture.content)
        yield picture


def write_parquet(pictures: Iterator[Photograph], out: Path, names: list[str], shards: int) -> Iterator[Photograph]:
    """Write them as the Hub keeps picture sets, and pass them on."""
    out.mkdir(parents=True, exist_ok=True)
    cell = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {"label": {"names": names, "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    schema = pa.schema([("image", cell), ("label", pa.int64())])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    shard = 0
    while batch := list(islice(pictures, SHARD)):
        with pq.ParquetWriter(out / f"train-{shard:05d}-of-{shards:05d}.parquet", schema) as writer:
            for start in range(0, len(batch), ROW_GROUP):
                part = batch[start : start + ROW_GROUP]
                cells = [{"bytes": one.content, "path": one.name} for one in part]
                labels = [names.index(one.label) for one in part]
                writer.write_table(pa.table({"image": pa.array(cells, cell), "label": labels}, schema=schema))
        shard += 1
        yield from batch


def main() -> None:
    """Make a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--sides", type=int, nargs=2, default=(96, 320), help="shortest and longest side, in pixels")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    sources = sources_of(data_root() / "leaves")
    names = sorted({source.parent.name for source in sources})
    made = photographs(given.count, sources, sides=tuple(given.sides), processes=given.processes)
    shards = -(-given.count // SHARD)
    made = write_parquet(write_folder(made, given.out / "folder"), given.out / "parquet", names, shards)
    total = 0
    for number, picture in enumerate(made, start=1):
        total += len(picture.content)
        if number % 10_000 == 0:
            sys.stderr.write(f"{number:,} of {given.count:,}, {total / 2**20:,.0f} MiB\n")


if __name__ == "__main__":
    main()
