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
        "the seconds named, and typed again. *Loaded again* is `load_examples` of the known set in a new "
        "process, without its imports, the least of three.",
    ]
    for layout in ("folder", "parquet"):
        if layout in report:
            parts += [f"## {layout}", table(HEADS, _rows(report[layout]))]
    if "decoding" in report:
        parts += [
            "Pictures decoded by rows in random order, drawn anew in each round, beside a bare loop of two processes "
            "over the same decoder (*share* must be ≥ 0.90); the first look through the whole set, beside the same "
            "loop; and what a second start costs.",
            table(DECODING, [_decoded(found) for found in report["decoding"]]),
        ]
    if "shuffling" in report:
        found = report["shuffling"]
        parts.append(
            f"An epoch of {found['network']} over {found['pictures']:,} shuffled pictures that are not held, after the "
            f"first: {found['on demand_seconds']:g} s, over held ones {found['held_seconds']:g} s: "
            f"{found['share_of_held']:.2f} of its speed (must be ≥ 0.80)."
        )
    return "\n\n".join(parts) + "\n"


DECODING = ("pictures", "decoded", "ours, a second", "bare", "share", "look, a second", "MiB a second", "share of bare",
            "second start, µs a picture")  # fmt: skip


def _decoded(found: dict[str, Any]) -> list[str]:
    return [
        found["kind"],
        f"{found['pictures']:,}",
        f"{found['ours_per_second']:,}",
        f"{found['bare_per_second']:,}",
        f"{found['share']:.2f}",
        f"{found['look_per_second']:,}",
        f"{found['look_mib_per_second']:g}",
        f"{found['look_share']:.2f}",
        f"{found['second_start_microseconds_each']:g}",
    ]


HEADS = ("", "killed after, s", "seconds", "peak MiB")


def _rows(steps: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name,
            f"{step['killed_after']:g}" if "killed_after" in step else "–",
            f"{step['seconds']:g}",
            f"{step['peak_mib']:,}" if "peak_mib" in step else "–",
        ]
        for name, step in steps.items()
        if "seconds" in step
    ]
