"""Every benchmark in one run: ``python -m benchmarks``, or ``make bench``; ``--out docs/results`` keeps the numbers."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.epoch import tell
from benchmarks.results import markdown, write
from joryu.targets.provenance import joryu_version, machine

NAMES = ("epoch", "labelling", "store", "command_line")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)}; default: all")
    parser.add_argument("--rows", type=int, help="examples of an epoch (default 60,000)")
    parser.add_argument("--repeats", type=int, help="of an epoch and of labelling (default 5)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/benchmarks.json and DIR/benchmarks.md")
    options = parser.parse_args(arguments)
    if strange := sorted({*options.names} - {*NAMES}):  # argparse's choices would refuse an empty list
        parser.error(f"unknown benchmark {', '.join(strange)} (there are {', '.join(NAMES)})")
    started = time.monotonic()
    words = list(sys.argv[1:] if arguments is None else arguments)
    report: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks", *words]),
        "joryu": joryu_version(),
        "machine": machine(),
    }
    failed = False
    for name in options.names or NAMES:
        extra = ["--rows", str(options.rows)] if options.rows and name == "epoch" else []
        extra += ["--repeats", str(options.repeats)] if options.repeats and name in ("epoch", "labelling") else []
        tell(f"benchmarks.{name}")
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", *extra]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        failed |= done.returncode != 0
        report[name] = documents(done.stdout)
    report["minutes"] = round((time.monotonic() - started) / 60, 1)
    print(markdown(report))
    if options.out:
        write(report, options.out)
    return int(failed)


def documents(text: str) -> list[dict[str, Any]]:
    """The JSON documents of a stream, one after another; the machine is told once, above."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        document, end = decoder.raw_decode(text)
        document.pop("machine", None)
        found.append(document)
        text = text[end:]
    return found


if __name__ == "__main__":
    sys.exit(main())
