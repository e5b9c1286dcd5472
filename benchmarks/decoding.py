"""Pictures decoded by rows, a first look and a second start, beside a bare loop of two processes over the decoder.

The bare loop reads a file and decodes it; it knows no hash, no row and no order, and gives no pixels back.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any, NamedTuple

import torch

from joryu.examples import Examples, load_examples
from joryu.examples.decoding import decode_picture
from joryu.examples.inputs import MEMORY

BLOCK = 512  #: rows that are asked for at once
FEWEST = 600  #: pictures of a comparison: with fewer its rows are a single block
_PROCESSES = 2
_TASK = 16  #: pictures that the bare loop hands to a process at once


class Kind(NamedTuple):
    """Pictures to decode: the set they are in (made by `benchmarks.many_photographs`), its layout, and a size."""

    made: Path
    layout: str
    size: int

    @classmethod
    def of(cls, words: str) -> Kind:
        """``LAYOUT:DIR@SIZE``.

        >>> Kind.of("folder:/sets/photographs@64")
        Kind(made=PosixPath('/sets/photographs'), layout='folder', size=64)
        """
        layout, _, rest = words.partition(":")
        place, _, size = rest.rpartition("@")
        return cls(Path(place), layout, int(size))

    def load(self) -> Examples:
        """Its examples, none of them held."""
        return load_examples(f"{self.layout}:{self.made / self.layout}", size=self.size)

    @property
    def files(self) -> list[str]:
        """The same pictures as files: a Parquet set holds the very bytes of the folder's."""
        return sorted(map(str, (self.made / "folder").rglob("*.jpg")))

    def described(self) -> str:
        """What they are, without where they lie."""
        return f"{self.made.name} as {self.layout} at {self.size}"


def _bare(paths: list[str], size: int) -> int:
    return sum(len(decode_picture(Path(path).read_bytes(), size=size)) for path in paths)


def measured(kind: Kind, *, rounds: int, most: int) -> dict[str, Any]:
    """Pictures a second of one kind: by rows drawn anew in each round, and looked at for the first time.

    Raises:
        SystemExit: there are so few that what was read a moment ago would be measured.
    """
    before = {name: os.environ.get(name) for name in (MEMORY, "XDG_CACHE_HOME")}
    with tempfile.TemporaryDirectory() as cache, multiprocessing.get_context("forkserver").Pool(_PROCESSES) as pool:
        os.environ |= {MEMORY: "1K", "XDG_CACHE_HOME": cache}
        try:
            return _measured(kind, pool, Path(cache), rounds=rounds, most=most)
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                os.environ.update({} if value is None else {name: value})


def _measured(kind: Kind, pool: Pool, cache: Path, *, rounds: int, most: int) -> dict[str, Any]:
    examples, paths = kind.load(), kind.files
    if min(most, len(examples)) < FEWEST:
        raise SystemExit(f"too few pictures to measure: {min(most, len(examples))} (expected: {FEWEST} or more)")
    mib = sum(Path(path).stat().st_size for path in paths) / 2**20
    seconds: dict[str, list[float]] = {name: [] for name in ("bare", "ours", "bare look", "look", "second")}
    for round_ in range(rounds + 1):  # in the first whoever decodes is started
        rows = torch.randperm(len(examples), generator=torch.Generator().manual_seed(round_))[:most]
        drawn = [paths[row % len(paths)] for row in rows.tolist()]
        took = {
            "bare": _timed(lambda drawn=drawn: _in_processes(pool, drawn, kind.size)),
            "ours": _timed(lambda rows=rows: _by_rows(examples, rows)),
            "bare look": _timed(lambda: _in_processes(pool, paths, kind.size)),
        }
        for index in (cache / "joryu" / "pictures").glob("*"):
            index.unlink()
        took |= {"look": _timed(kind.load), "second": _timed(kind.load)}
        for name, one in took.items():
            seconds[name] += [one] if round_ else []
    return {
        "kind": kind.described(),
        "pictures": len(rows),
        "ours_per_second": round(len(rows) / statistics.median(seconds["ours"])),
        "bare_per_second": round(len(rows) / statistics.median(seconds["bare"])),
        "share": _share(seconds["bare"], seconds["ours"]),
        "set": len(examples),
        "look_per_second": round(len(examples) / statistics.median(seconds["look"])),
        "look_mib_per_second": round(mib / statistics.median(seconds["look"]), 1),
        "look_share": _share(seconds["bare look"], seconds["look"]),
        "second_start_microseconds_each": round(1e6 * statistics.median(seconds["second"]) / len(examples), 1),
    }


def _share(bare: list[float], ours: list[float]) -> float:
    return round(statistics.median(b / o for b, o in zip(bare, ours, strict=True)), 3)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _in_processes(pool: Pool, paths: list[str], size: int) -> None:
    tasks = [(paths[start : start + _TASK], size) for start in range(0, len(paths), _TASK)]
    pool.starmap(_bare, tasks, chunksize=1)


def _by_rows(examples: Examples, rows: torch.Tensor) -> None:
    for part in torch.split(rows, BLOCK):
        examples.inputs[part]
