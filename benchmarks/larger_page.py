"""The result of `benchmarks.larger` as JSON and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.results import keep, table

NAME = "larger-than-memory"


def write(report: dict[str, Any], folder: Path) -> None:
    """``larger-than-memory.json`` and ``larger-than-memory.md``."""
    keep(NAME, report, markdown(report), folder)


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    machine = report["machine"]
    parts = [
        "# More pictures than memory holds",
        f"{machine['cpu']}, {machine['cores']} core(s), {machine['system']}, Python {machine['python']}, PyTorch "
        f"{machine['torch']}. `{report['command']}`, on {report['pictures']} "
        "(`python -m benchmarks.many_photographs`). Memory is the greatest proportional set size of the whole process "
        "tree, read twice a second; at most 1,430 MiB (1.5 GB) are allowed. Each step was killed with SIGKILL after "
        "the seconds named, and typed again.",
    ]
    for layout in ("folder", "parquet"):
        if layout in report:
            parts += [f"## {layout}", table(HEADS, _rows(report[layout]))]
    if "decoding" in report:
        found = report["decoding"]
        parts.append(
            f"Decoding {found['pictures']:,} pictures by rows in random order: {found['ours_per_second']:,} a second, "
            f"a bare loop of two processes over the same decoder {found['bare_per_second']:,}: {found['share']:.2f} "
            "of it (must be ≥ 0.90)."
        )
    if "shuffling" in report:
        found = report["shuffling"]
        parts.append(
            f"An epoch of {found['network']} over {found['pictures']:,} shuffled pictures that are not held, after the "
            f"first: {found['on demand_seconds']:g} s, over held ones {found['held_seconds']:g} s: "
            f"{found['share_of_held']:.2f} of its speed (must be ≥ 0.80)."
        )
    return "\n\n".join(parts) + "\n"


HEADS = ("", "killed after, s", "seconds", "peak MiB")


def _rows(steps: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name,
            f"{step['killed_after']:g}" if "killed_after" in step else "–",
            f"{step['seconds']:g}",
            f"{step['peak_mib']:,}",
        ]
        for name, step in steps.items()
        if "seconds" in step
    ]
