"""What the command line costs before it does anything: ``python -m benchmarks.command_line``.

Fresh interpreters in turn; the bare interpreter is the floor, and what lies above it is ours.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.side_by_side import interleave, machine_line, paired_ratio, print_json

LIMIT_SECONDS = 0.3  #: what `joryu --help` may take
FLOOR = "python -c pass"


def commands() -> dict[str, list[str]]:
    """What is timed, by the name it is printed under."""
    joryu = Path(sys.executable).with_name("joryu")
    start = [str(joryu)] if joryu.is_file() else [sys.executable, "-m", "joryu"]
    return {
        FLOOR: [sys.executable, "-c", "pass"],
        "import joryu": [sys.executable, "-c", "import joryu"],
        "joryu --help": [*start, "--help"],
        "joryu label --help": [*start, "label", "--help"],
        "import torch": [sys.executable, "-c", "import torch"],
    }


def run(command: list[str]) -> None:
    # Colours and width would differ between a terminal and a script.
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "100"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    contenders = {name: partial(run, command) for name, command in commands().items()}
    timings = interleave(contenders, repeats=arguments.repeats)
    floor = timings[0]
    if arguments.json:
        print_json(
            limit_seconds=LIMIT_SECONDS,
            repeats=arguments.repeats,
            results=[
                {"name": t.name, "median_seconds": t.median, "above_python": t.median - floor.median} for t in timings
            ],
        )
        return
    print(machine_line())
    print(f"{'':<24}{'median ms':>10}{'above python':>14}{'x python':>10}")
    for timing in timings:
        above = 1000 * (timing.median - floor.median)
        print(f"{timing.name:<24}{1000 * timing.median:>10.0f}{above:>14.0f}{paired_ratio(floor, timing):>10.2f}")


if __name__ == "__main__":
    main()
