"""More pictures than are held, made by ``benchmarks.many_photographs``: ``python -m benchmarks.larger --set DIR``.

What a user types about ``DIR/folder`` and ``DIR/parquet``, each step killed by SIGKILL in its middle and typed again:
index, train, label, distill with its twin, evaluate. The memory of the process tree (PSS) is read twice a second; what
was made is hashed, to be compared with what a walk without kills makes (``--no-kill``). Then, side by side: decoding
(of the set, or of the kinds of pictures that ``--kinds`` names) against a bare loop of two processes over the same
decoder, and an epoch of a student whose pictures are not held against one whose are.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.decoding import Kind, measured
from benchmarks.larger_page import write
from benchmarks.process_tree import memory_mib
from benchmarks.side_by_side import machine_line, print_json
from joryu.examples import load_examples
from joryu.examples.inputs import MEMORY, spooled
from joryu.objectives import HardLabels
from joryu.students import Blueprint
from joryu.targets.provenance import machine
from joryu.training.training_data import TrainingData

JORYU = [sys.executable, "-m", "joryu"]
LIMIT = 1.5e9 / 2**20  # MiB
LOADING = """
import sys, time
from joryu.examples import load_examples
began = time.perf_counter()
load_examples(sys.argv[1], size=int(sys.argv[2]))
print(time.perf_counter() - began)
"""


class Took(NamedTuple):
    """One command: seconds on the wall, and the largest memory of its process tree, in MiB."""

    seconds: float
    peak: float


def command(words: list[str], *, environment: dict[str, str], kill_after: float | None = None) -> Took:
    """Run a command to its end, or until it is to be killed.

    Raises:
        SystemExit: it failed.
    """
    started, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, env=os.environ | environment, stdout=said, stderr=said)
        while process.poll() is None:
            peak = max(peak, memory_mib(process.pid))
            if kill_after is not None and time.perf_counter() - started > kill_after:
                process.send_signal(signal.SIGKILL)
                process.wait()
                return Took(time.perf_counter() - started, peak)
            time.sleep(0.5)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(words)}\n{said.read().decode()}")
    return Took(time.perf_counter() - started, peak)


def steps(spec: str, out: Path, size: int) -> dict[str, list[str]]:
    """What is typed, step by step."""
    named = ["--examples", spec, "--size", str(size)]
    return {
        "index": [*JORYU, "examples", spec, "--size", str(size)],
        "train": [*JORYU, "train", "--network", "mlp:32x1", *named, "--test", "0.1", "--epochs", "1", "--out",
                  str(out / "teacher")],
        "label": [*JORYU, "label", "--teacher", f"run:{out / 'teacher'}", *named, "--out", str(out / "targets")],
        "distill": [*JORYU, "distill", "--targets", str(out / "targets"), *named, "--test", "0.1", "--student",
                    "mlp:16x1", "--epochs", "2", "--twin", "--allow-dead-teacher", "--out", str(out / "student")],
        "evaluate": [*JORYU, "evaluate", str(out / "student"), "--json"],
    }  # fmt: skip


def walk(spec: str, out: Path, *, size: int, memory: str, kill: bool) -> dict[str, dict[str, float]]:
    """All steps, each killed once in its middle and typed again."""
    out.mkdir(parents=True, exist_ok=True)
    environment = {MEMORY: memory, "XDG_CACHE_HOME": str(out / "cache")}
    found: dict[str, dict[str, float]] = {}
    for name, words in steps(spec, out, size).items():
        killed = Took(0.0, 0.0)
        if kill:
            killed = command(words, environment=environment, kill_after=_half(found, name))
        whole = command(words, environment=environment)
        found[name] = {
            "killed_after": round(killed.seconds, 1),
            "seconds": round(whole.seconds, 1),
            "peak_mib": round(max(killed.peak, whole.peak)),
        }
        sys.stderr.write(f"{spec} {name}: {found[name]}\n")
    again = command(steps(spec, out, size)["index"], environment=environment)
    found["second start"] = {"seconds": round(again.seconds, 1), "peak_mib": round(again.peak)}
    found["loaded again"] = {"seconds": round(loading(spec, size, environment), 2)}
    return found


def loading(spec: str, size: int, environment: dict[str, str], *, starts: int = 3) -> float:
    """Seconds that loading the set takes once it is known: the least of some starts, each in a new process."""
    program = [sys.executable, "-c", LOADING, spec, str(size)]
    said = (subprocess.check_output(program, env=os.environ | environment, text=True) for _ in range(starts))
    return min(map(float, said))


def _half(found: dict[str, dict[str, float]], name: str) -> float:
    """A moment in the middle of a step: a minute into it, or half of the longest before it where that was less."""
    before = max((one["seconds"] for one in found.values()), default=120.0)
    return min(60.0, before / 2) if name != "index" else 40.0


def made(out: Path) -> dict[str, str]:
    """What a walk made, as hashes."""
    files = [out / "student" / "student.safetensors", out / "student" / "twin" / "student.safetensors"]
    files += sorted((out / "targets").glob("*.arrow"))
    return {str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def shuffling(folder: Path, *, size: int, rounds: int, network: str) -> dict[str, Any]:
    """Steps of an epoch from what was decoded before and lies on the disk, against steps from memory, in turn."""
    seconds: dict[str, list[float]] = {"held": [], "on demand": []}
    materials = {}
    with tempfile.TemporaryDirectory(dir=folder.parent) as disk:
        for name, memory in (("held", "64GiB"), ("on demand", "1K")):
            os.environ[MEMORY] = memory
            examples = load_examples(f"folder:{folder}", size=size)
            spooled(examples.inputs, Path(disk))
            materials[name] = TrainingData(examples)
        first = materials["held"].examples
        module = Blueprint.fitted(network, first.inputs[:1000], first.asked_question).build()
        objective, optimiser = HardLabels(), torch.optim.Adam(module.parameters())
        for round_ in range(rounds + 1):  # the first fills the file
            for name, data in materials.items():
                began = time.perf_counter()
                for batch in data.batches(data.showings(round_, seed=0), epoch=round_, batch_size=128):
                    optimiser.zero_grad()
                    sum(term.mean() for term in objective(module(batch.inputs), None, batch.labels).values()).backward()
                    optimiser.step()
                if round_:
                    seconds[name].append(time.perf_counter() - began)
    ratio = statistics.median(h / o for h, o in zip(seconds["held"], seconds["on demand"], strict=True))
    return {"pictures": len(first), "network": network, "share_of_held": round(ratio, 3),
            **{f"{name}_seconds": round(statistics.median(took), 2) for name, took in seconds.items()}}  # fmt: skip


def main() -> None:
    """Walk and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", type=Path, required=True, help="a folder with folder/ and parquet/ inside")
    parser.add_argument("--out", type=Path, required=True, help="where runs, stores and caches go")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--memory", default="512MiB", help=f"what {MEMORY} is set to")
    parser.add_argument("--layouts", nargs="+", default=["folder", "parquet"])
    parser.add_argument("--only", nargs="+", default=["walk", "decoding", "shuffling"])
    parser.add_argument("--no-kill", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", type=Kind.of, metavar="LAYOUT:DIR@SIZE", help="pictures to decode")
    parser.add_argument("--most", type=int, default=4000, help="pictures of the comparisons")
    parser.add_argument("--network", default="cnn:8x3", help="of the comparison of steps")
    parser.add_argument("--publish", type=Path, metavar="DIR", help="write larger-than-memory.json and .md there")
    given = parser.parse_args()
    sys.stderr.write(machine_line() + "\n")
    results: dict[str, Any] = {}
    for layout in given.layouts if "walk" in given.only else []:
        out = given.out / layout
        results[layout] = walk(
            f"{layout}:{given.set / layout}", out, size=given.size, memory=given.memory, kill=not given.no_kill
        )
        results[layout]["made"] = made(out)
    if "decoding" in given.only:
        kinds = given.kinds or [Kind(given.set, layout, given.size) for layout in given.layouts]
        results["decoding"] = [measured(kind, rounds=given.rounds, most=given.most) for kind in kinds]
    if "shuffling" in given.only:
        results["shuffling"] = shuffling(
            given.set / "folder", size=given.size, rounds=given.rounds, network=given.network
        )
    print_json(**results)
    if given.publish is not None:
        words = " ".join(sys.argv[1:])
        said = {"command": f"python -m benchmarks.larger {words}", "pictures": given.set.name, "machine": machine()}
        write(said | results, given.publish)
    peaks = [
        step["peak_mib"] for name in given.layouts for step in results.get(name, {}).values() if "peak_mib" in step
    ]
    if peaks and max(peaks) > LIMIT:
        raise SystemExit(f"the memory is exceeded: {max(peaks):,} MiB of {LIMIT:,.0f}")


if __name__ == "__main__":
    main()
