"""The store by itself: ``python -m benchmarks.store``. Write, index, random gather, bytes per row, peak memory.

Each layout is written by one process and read by another, so that neither's memory hides the other's. Peak memory is
the growth of the resident set over what the imports take; reading maps the shards, whose touched pages count there and
can be dropped by the system at any time, so the memory that cannot (anonymous) is given too.
"""

from __future__ import annotations

import argparse
import json
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks import store_page
from benchmarks.side_by_side import machine, machine_line, print_json
from joryu.questions import Question
from joryu.targets import Encoding, Flush, Manifest, SoftTargets, Space, Store, StoreWriter
from joryu.targets.coverage import NO_ANSWER
from joryu.targets.manifest import ExamplesRecord, TeacherRecord

BATCH, ASKED = 4096, 256
TAGS, FEWEST = 5000, 4  #: of an API's vocabulary, and the fewest that it returns of a picture
LAYOUTS = {
    "top-32 of 1000": ("top-32", 1000, 32), "dense 10": ("dense", 10, 10),
    "top-32 of 5000 tags": ("top-32", TAGS, 32), "the same in float32": ("top-32:float32", TAGS, 32),
}  # fmt: skip


def batches(rows: int, layout: str) -> Iterator[tuple[np.ndarray, SoftTargets]]:
    """Ids and answers, the same in every process."""
    encoding, n_classes, width = LAYOUTS[layout]
    if n_classes == TAGS:
        yield from replies(rows, width)
        return
    rng = np.random.default_rng(0)
    logits = torch.randn(BATCH, width, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    indices = torch.from_numpy(rng.integers(0, n_classes, (BATCH, width))) if encoding != "dense" else None
    for start in range(0, rows, BATCH):
        n = min(BATCH, rows - start)
        ids = rng.integers(0, 2**63, (n, 2), dtype=np.uint64)
        part = None if indices is None else indices[:n]
        yield ids, SoftTargets(values=logits[:n], indices=part, space=Space.LOGITS, question=Question.one_of(n_classes))


def replies(rows: int, width: int) -> Iterator[tuple[np.ndarray, SoftTargets]]:
    """What a tagging API says, as `joryu.teachers.recorded.Recorded` gives it: scores above a bound, empty places."""
    rng, question = np.random.default_rng(0), Question.tags([f"tag {number}" for number in range(TAGS)])
    common = 1 / np.arange(1, TAGS + 1)
    pool = torch.from_numpy(rng.choice(TAGS, (4 * BATCH, width), p=common / common.sum()))
    for start in range(0, rows, BATCH):
        n = min(BATCH, rows - start)
        ids = rng.integers(0, 2**63, (n, 2), dtype=np.uint64)
        scores = -np.sort(-rng.uniform(0.5, 1.0, (n, width)).astype(np.float32), axis=1)
        empty = torch.from_numpy(np.arange(width) >= rng.integers(FEWEST, width + 1, (n, 1)))
        yield ids, SoftTargets(
            values=torch.from_numpy(scores).masked_fill(empty, 0), bound=torch.full((n,), 0.5), space=Space.PROBS,
            indices=pool[rng.integers(0, len(pool), n)].masked_fill(empty, NO_ANSWER), question=question,
        )  # fmt: skip


def question_of(layout: str) -> Question:
    """The question that a layout's answers are to."""
    n_classes = LAYOUTS[layout][1]
    return Question.one_of(n_classes) if n_classes != TAGS else Question.tags([f"tag {at}" for at in range(TAGS)])


def write(folder: Path, rows: int, layout: str, *, shard_rows: int) -> dict[str, float]:
    """Write all rows, then merge."""
    manifest = Manifest(
        question=question_of(layout),
        teacher=TeacherRecord(fingerprint="0", description="benchmark"),
        examples=ExamplesRecord(fingerprint="0", name="benchmark", count=rows),
        batch_size=BATCH,
        encoding=Encoding.parse(LAYOUTS[layout][0]),
    )
    before, started = peak_bytes(), time.perf_counter()
    with StoreWriter(folder, manifest, flush=Flush(rows=shard_rows)) as writer:
        for ids, answers in batches(rows, layout):
            writer.add(ids, np.zeros(len(ids), dtype=np.uint64), answers)
            writer.flush_if_due()
        written = time.perf_counter()
        writer.compact()
    finished = time.perf_counter()
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "write_rows_per_second": rows / (written - started),
        "merge_seconds": finished - written,
        "bytes_per_row": size / rows,
        "write_peak_mib": (peak_bytes() - before) / 2**20,
    }


def read(folder: Path, rows: int, layout: str) -> dict[str, float]:
    """Open, index, look up and gather."""
    ids = np.concatenate([ids for ids, _ in batches(rows, layout)])
    before, before_anonymous, started = peak_bytes(), anonymous_bytes(), time.perf_counter()
    store = Store.open(folder)
    opened = time.perf_counter()
    assert len(store) == rows  # noqa: S101 - builds the index
    indexed = time.perf_counter()
    anonymous = anonymous_bytes() - before_anonymous
    found = store.rows(ids, 0)
    looked_up = time.perf_counter()
    for part in torch.split(found, 65_536):
        store.gather(part)  # touches every page: warm from here on
    rng = np.random.default_rng(1)
    asked = [torch.from_numpy(rng.integers(0, rows, ASKED)) for _ in range(2000)]
    rates = []
    for _ in range(5):
        began = time.perf_counter()
        for part in asked:
            store.gather(part)
        rates.append(ASKED * len(asked) / (time.perf_counter() - began))
    return {
        "open_seconds": opened - started,
        "index_seconds": indexed - opened,
        "lookup_keys_per_second": rows / (looked_up - indexed),
        "gather_rows_per_second": statistics.median(rates),
        "read_pss_mib": pss_bytes() / 2**20,
        "read_peak_mib": (peak_bytes() - before) / 2**20,
        "index_anonymous_mib": anonymous / 2**20,
        "shards": len(store.shards),
    }


def peak_bytes() -> int:
    """The largest resident set so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def pss_bytes() -> int:
    """The resident memory of the whole process now, shared pages by their share; imports and mapped shards included."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def anonymous_bytes() -> int:
    """Memory that is not pages of a file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def in_own_process(step: str, folder: Path, arguments: argparse.Namespace, layout: str) -> dict[str, float]:
    """Run one step in a fresh interpreter."""
    command = [sys.executable, "-m", "benchmarks.store", "--step", step, "--folder", str(folder), "--layout", layout]
    command += ["--rows", str(arguments.rows), "--shard-rows", str(arguments.shard_rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shard-rows", type=int, default=65_536, help="rows of a shard before merging")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="keep tag-store.json and tag-store.md in this folder")
    parser.add_argument("--step", choices=["write", "read"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--layout", choices=list(LAYOUTS), action="append", help="only this one; may come several times"
    )
    arguments = parser.parse_args()
    layouts = arguments.layout or list(LAYOUTS)
    if arguments.step == "write":
        print(json.dumps(write(arguments.folder, arguments.rows, layouts[0], shard_rows=arguments.shard_rows)))
        return
    if arguments.step == "read":
        print(json.dumps(read(arguments.folder, arguments.rows, layouts[0])))
        return
    results = {}
    for layout in layouts:
        with tempfile.TemporaryDirectory() as folder:
            written = in_own_process("write", Path(folder), arguments, layout)
            results[layout] = written | in_own_process("read", Path(folder), arguments, layout)
    if arguments.out is not None:
        command = "python -m benchmarks.store " + shlex.join(sys.argv[1:])
        report = {"machine": machine(), "command": command, "rows": arguments.rows, "results": results}
        store_page.write(report, arguments.out)
    if arguments.json:
        print_json(rows=arguments.rows, results=results)
        return
    print(f"{machine_line()}\n{arguments.rows:,} rows; gathers of {ASKED} random rows, warm")
    print(f"{'':<26}" + "".join(f"{layout:>21}" for layout in results))
    for name in next(iter(results.values())):
        print(f"{name:<26}" + "".join(f"{measured[name]:>21,.3f}" for measured in results.values()))


if __name__ == "__main__":
    main()
