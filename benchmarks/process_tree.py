"""What a command costs, with all the processes that it starts: seconds, processor time, and the most memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PAUSE_SECONDS = 0.02
SAMPLE_SECONDS = 0.25  #: between two looks at the memory, which cost the processes looked at a little


@dataclass(frozen=True)
class Cost:
    """``peak_mib``: the greatest sum over all processes of their proportional set size, in which memory that several
    share is counted once; ``None`` where the system does not say (elsewhere than on Linux).
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float | None

    def then(self, other: Cost) -> Cost:
        """One command after another."""
        peaks = [peak for peak in (self.peak_mib, other.peak_mib) if peak is not None]
        return Cost(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, max(peaks) if peaks else None)


class FailedError(Exception):
    """A command that did not end well: its exit code and last words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"exit code {code}: {words}")
        self.code = code


def run(command: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None) -> tuple[Cost, str]:
    """Run a command to its end; what it cost, and what it wrote to stdout.

    Raises:
        FailedError: it ended with an exit code.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start, peak, looked = time.perf_counter(), 0.0, 0.0
        process = subprocess.Popen(command, env=dict(environment), cwd=cwd, stdout=out, stderr=errors)
        try:
            while True:
                # wait4, as it knows the processor time of this command and what it waited for, and of no other.
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                if time.perf_counter() - looked > SAMPLE_SECONDS:
                    peak, looked = max(peak, memory_mib(process.pid)), time.perf_counter()
                time.sleep(PAUSE_SECONDS)
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        if process.returncode:
            said = [line.strip() for line in errors if line.strip()]
            raise FailedError(process.returncode, said[-1][:300] if said else "nothing said")
        return Cost(seconds, usage.ru_utime + usage.ru_stime, peak or None), out.read()


def memory_mib(pid: int) -> float:
    """The proportional set sizes of a process and its descendants; of those that ended meanwhile, nothing."""
    return sum(map(_own_kib, tree(pid))) / 1024


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found, left = [], [pid]
    while left:
        found.append(left.pop())
        left += _children(found[-1])
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            found += map(int, (task / "children").read_text().split())
    except OSError:
        return found
    return found


def _own_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
