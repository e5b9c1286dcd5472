"""kill -9 at random moments: ``python -m benchmarks.kill --times 50 --what label``.

A worker process does the work and is killed by SIGKILL at a random moment, again and again; a fresh one goes on where
it was. Each time the work is finished, what it made is compared, bit for bit, with what an uninterrupted worker made,
and it is begun anew, until it has been killed as often as asked. After every kill, what is on disk must be readable and
hold all that it held before. Exit code 1 and a line on stderr if anything differs.

To add a kind of work: a `Work` in `WORKS`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import signal
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks.kill_distill import distill_digits, held_steps, made_students
from joryu.examples import load_examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import Encoding, Flush, SoftTargets, Space, Store
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, label_examples

READY = "ready"
SERVER = multiprocessing.get_context("forkserver")
PRELOAD = ["sklearn.datasets", "joryu.teachers.labelling", "joryu.training.distill", "tensorboardX"]


class Work(NamedTuple):
    """Something that survives kill -9.

    ``run`` does it in a folder, going on where it was, and calls its second argument when it is about to begin (so that
    no kill is wasted on imports); ``held`` reads what an unfinished folder holds, as a set of facts; ``made`` the same
    of a finished one.
    """

    run: Callable[[Path, Callable[[], None]], None]
    held: Callable[[Path], set[object]]
    made: Callable[[Path], set[object]]


class SlowTeacher:
    """A small network that takes its time; its matrix product rounds as any other's, by the shape of the batch."""

    question = Question.one_of(10)
    fingerprint = "a small slow teacher"

    def __init__(self, seconds_per_batch: float) -> None:
        torch.manual_seed(0)
        self._module = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).requires_grad_(False)
        self._pause = seconds_per_batch

    def answer(self, batch: TeacherBatch) -> Reply:
        time.sleep(self._pause)
        values = self._module(batch.inputs.float().flatten(1) / 16)
        return Reply(SoftTargets(values=values, space=Space.LOGITS, question=self.question))


def label_digits(folder: Path, ready: Callable[[], None]) -> None:
    """Label the digits under two views, with many small shards and a merge at the end."""
    examples = load_examples("digits")
    options = LabelOptions(batch_size=100, encoding=Encoding.parse("dense:float32"), flush=Flush(rows=200))
    teacher, views = SlowTeacher(0.01), parse_views("shift:1")
    ready()
    label_examples(teacher, examples, folder, views=views, n_views=2, options=options)


def grow_digits(folder: Path, ready: Callable[[], None]) -> None:
    """Label a part of the digits, then a set that lost some and gained others."""
    examples = load_examples("digits")
    options = LabelOptions(batch_size=100, encoding=Encoding.parse("dense:float32"), flush=Flush(rows=200))
    teacher, views = SlowTeacher(0.01), parse_views("shift:1")
    first, then = examples.select(range(700)), examples.select(range(50, len(examples)))
    ready()
    begun = (folder / "manifest.json").is_file() and Store.open(folder).manifest.examples.fingerprint
    if begun != then.fingerprint:
        label_examples(teacher, first, folder, views=views, n_views=1, options=options)
    label_examples(teacher, then, folder, views=views, n_views=1, options=options)


def stored_answers(folder: Path) -> set[object]:
    """Each key with its answer's bytes."""
    if not (folder / "manifest.json").is_file():
        return set()
    store = Store.open(folder)
    if store.duplicates:
        raise SystemExit(f"{store.duplicates} rows are doubled")
    if not store.n_rows:
        return set()
    store.verify_checksums()
    rows = torch.arange(store.n_rows)
    ids, views = store.keys(rows)
    keys = np.column_stack([ids, views])
    return set(zip(map(bytes, keys), map(bytes, store.gather(rows).values.numpy()), strict=True))


WORKS = {
    "label": Work(label_digits, stored_answers, stored_answers),
    "grow": Work(grow_digits, stored_answers, stored_answers),
    "distill": Work(distill_digits, held_steps, made_students),
}


def worker(what: str, folder: Path, parent: Connection) -> None:
    """The body of a worker process."""
    WORKS[what].run(folder, lambda: parent.send(READY))


def start(what: str, folder: Path) -> BaseProcess:
    """A worker that has done its imports and is about to begin."""
    ours, theirs = SERVER.Pipe()
    process = SERVER.Process(target=worker, args=(what, folder, theirs))
    process.start()
    theirs.close()
    try:
        ours.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"the worker ended with {process.exitcode} before it began") from None
    return process


def kill_until_done(what: str, folder: Path, rng: random.Random, whole_seconds: float, times: int) -> list[float]:
    """Kill workers at random moments until the work is finished or has been interrupted often enough; the moments."""
    work, moments, before = WORKS[what], list[float](), set[object]()
    while True:
        process = start(what, folder)
        moment = rng.uniform(0, 0.6 * whole_seconds) if len(moments) < times else None
        process.join(moment)
        process.kill()  # SIGKILL; does nothing to a process that has ended
        process.join()
        if process.exitcode == 0:
            return moments
        if process.exitcode != -signal.SIGKILL:
            raise SystemExit(f"the worker ended with {process.exitcode} after {len(moments)} kills")
        moments.append(moment or 0.0)
        after = work.held(folder)
        if not before <= after:
            raise SystemExit(f"{len(before - after)} facts were lost by a kill after {moment:.3f} s")
        before = after


def torture(what: str, times: int, seed: int) -> dict[str, object]:
    """Kill ``times`` times and compare each finished result with an uninterrupted one."""
    rng, work, kills, finished = random.Random(seed), WORKS[what], list[float](), 0
    with tempfile.TemporaryDirectory() as root:
        reference = Path(root) / "reference"
        process, started = start(what, reference), time.perf_counter()
        process.join()
        if process.exitcode != 0:
            raise SystemExit("the uninterrupted worker failed")
        seconds = time.perf_counter() - started
        expected = work.made(reference)
        while len(kills) < times:
            folder = Path(root) / f"killed-{finished}"
            kills += kill_until_done(what, folder, rng, seconds, times - len(kills))
            finished += 1
            made = work.made(folder)
            if made != expected:
                raise SystemExit(f"{len(made ^ expected)} facts differ from the uninterrupted result")
    return {
        "what": what,
        "kills": len(kills),
        "finished": finished,
        "facts": len(expected),
        "whole_seconds": round(seconds, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", nargs="+", choices=[*WORKS, "all"], default=["all"])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    # One server imports everything once and is forked for each worker: seconds of imports need no killing.
    SERVER.set_forkserver_preload(PRELOAD)
    for what in WORKS if "all" in arguments.what else arguments.what:
        print(json.dumps(torture(what, arguments.times, arguments.seed)))


if __name__ == "__main__":
    main()
