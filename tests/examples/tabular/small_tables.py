"""Small tables: what the tests of tables share."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from joryu.examples.tabular import LoadedTable, TableOptions, load_table

ANIMALS = """\
weight,colour,legs,kind
4.0,black,4,cat
5.0,white,4,cat
,black,4,cat
30.0,,4,dog
0.5,green,2,bird
0.25,white,2,bird
"""


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def animals(folder: Path) -> Path:
    return write(folder, "animals.csv", ANIMALS)


def load(place: Path | str, split: str = "train", **options: str) -> LoadedTable:
    return load_table(place, split, TableOptions.of(options))


def csv(folder: Path, **columns: list[object]) -> Path:
    lines = [",".join(columns)] + [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return write(folder, "set.csv", "\n".join(lines) + "\n")


def parquet(path: Path, **columns: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path
