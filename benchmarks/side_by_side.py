"""What all benchmarks share: interleaved repeats, medians, ratios, and the line that says on which machine."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joryu.targets.provenance import machine


@dataclass(frozen=True)
class Timing:
    """Seconds of each repeat of one contender: on the wall, and of processor time (all threads together).

    On a machine that others use too, only the second is to be trusted; it leaves out waiting for the disk.
    """

    name: str
    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def machine_line() -> str:
    """One line on the machine, with no host name."""
    facts = machine()
    return (
        f"{facts['cpu']}, {facts['cores']} core(s), {facts['threads']} thread(s), accelerator {facts['accelerator']}, "
        f"{facts['system']}, Python {facts['python']}, PyTorch {facts['torch']}"
    )


def interleave(contenders: Mapping[str, Callable[[], object]], *, repeats: int, warm: int = 1) -> list[Timing]:
    """Time the contenders in turn, round after round, so that a slow minute of the machine hurts them all alike."""
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(warm + repeats):
        for name, contender in contenders.items():
            started, cpu_started = time.perf_counter(), time.process_time()
            contender()
            if round_ >= warm:
                wall[name].append(time.perf_counter() - started)
                cpu[name].append(time.process_time() - cpu_started)
    return [Timing(name, tuple(wall[name]), tuple(cpu[name])) for name in contenders]


def paired_ratio(timing: Timing, reference: Timing, *, cpu: bool = False) -> float:
    """The median over rounds of ``reference / timing``: above one is faster than the reference."""
    before, now = ((t.cpu_seconds if cpu else t.seconds) for t in (reference, timing))
    return statistics.median(b / n for b, n in zip(before, now, strict=True))


def print_ratios(timings: list[Timing], *, reference: str, work: float, unit: str) -> None:
    """A table of medians: seconds, ``work`` units a second, speed relative to the reference (wall, processor)."""
    base = next(timing for timing in timings if timing.name == reference)
    print(machine_line())
    for timing in timings:
        ratios = f"{paired_ratio(timing, base):>7.3f} x {paired_ratio(timing, base, cpu=True):>7.3f} x cpu"
        print(f"{timing.name:<36}{timing.median:>9.3f} s {work / timing.median:>12,.0f} {unit}/s {ratios}")


def print_json(**results: object) -> None:
    """The results and the machine, for a script."""
    print(json.dumps({"machine": machine(), **results}, indent=2))
