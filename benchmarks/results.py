"""The results of all benchmarks as one JSON file and one Markdown page."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command_line import LIMIT_SECONDS
from benchmarks.epoch import claims, closely_said, verdict
from benchmarks.limit import in_a_line

NAME = "benchmarks"


def write(report: dict[str, Any], folder: Path) -> None:
    """``benchmarks.json`` and ``benchmarks.md``."""
    keep(NAME, report, markdown(report), folder)


def keep(name: str, report: dict[str, Any], page: str, folder: Path) -> None:
    """A result as JSON, and its page beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / f"{name}.md").write_text(page)


def on_machine(about: dict[str, Any], threads: int) -> str:
    """The machine of a page, for what ran on so many threads."""
    machine_said = f"{about['cpu']}, {threads} thread(s), {about['system']}, Python {about['python']}"
    return f"{machine_said}, PyTorch {about['torch']}"


def options(description: str | None, *, name: str, rows: int, of_rows: str) -> argparse.ArgumentParser:
    """What can be said to a benchmark with a page of its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=rows, help=of_rows)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--remark", default="", help="what else must be known of the machine, a sentence of the page")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write DIR/{name}.json and DIR/{name}.md")
    return parser


def markdown(report: dict[str, Any]) -> str:
    """The page: what there is of each benchmark."""
    machine = report["machine"]
    parts = [
        "# Benchmarks",
        f"{machine['cpu']}, {machine['cores']} core(s), accelerator {machine['accelerator']}, {machine['system']}, "
        f"Python {machine['python']}, PyTorch {machine['torch']}. One run of `{report['command']}`, "
        f"{report['minutes']:g} minutes; medians of interleaved repeats.",
    ]
    pages = {"epoch": epoch, "labelling": labelling, "store": store, "command_line": command_line}
    for name, page in pages.items():
        for content in report.get(name, ()):
            parts += page(content)
    return "\n\n".join(parts) + "\n"


def epoch(content: dict[str, Any]) -> Iterator[str]:
    """Who trains an epoch in what time."""
    yield "## One epoch of a student"
    yield (
        "All begin with the same weights and are checked to have the same loss; of each contender the fastest of its "
        "variants was taken. *cpu* compares processor time, which a busy machine spoils less; a loader's own processes "
        "are not in it."
    )
    for result in content["results"]:
        yield (
            f"### {result['title']}, {result['precision']}\n\n{result['rows']:,} examples, batch {result['batch']}, "
            f"{result['threads']} thread(s), T = {result['temperature']:g}, hard weight {result['hard_weight']:g}"
        )
        keys = ("times_bare", "times_ours", "times_ours_cpu")
        rows = [
            [
                row["name"],
                f"{row['median_seconds']:.3f}",
                f"{row['examples_per_second']:,.0f}",
                *(f"{row[key]:.2f}" if key in row else "" for key in keys),
                row["facts"].get("variant", ""),
            ]
            for row in result["contenders"]
        ]
        yield table(["", "seconds", "examples/s", "× bare", "× ours", "× ours, cpu", "variant"], rows)
        absences = [f"- {m['name']}: {'absent' if m['absent'] else 'failed'} ({m['why']})" for m in result["missing"]]
        close = [closely_said(result["closely"])] if result.get("closely") else []
        gain = [in_a_line(result["limit"])] if result.get("limit") else []
        said = [f"- {line}".replace(" x ", " × ") for line in (*close, *gain, *map(verdict, claims(result)))]
        if absences or said:
            yield "\n".join(absences + said)


def labelling(content: dict[str, Any]) -> Iterator[str]:
    """Throughput of the teacher, bare and into the store."""
    yield f"## Labelling: {content['work']}, {content['rows']:,} examples"
    medians = {name: sorted(times)[len(times) // 2] for name, times in content["seconds"].items()}
    yield table(
        ["", "seconds", "examples/s"],
        [[name, f"{median:.3f}", f"{content['rows'] / median:,.0f}"] for name, median in medians.items()],
    )
    yield f"Share of the bare teacher's speed: {content['share_of_bare']:.3f}"


def store(content: dict[str, Any]) -> Iterator[str]:
    """The store alone."""
    yield f"## Store: {content['rows']:,} rows"
    layouts = content["results"]
    measures = next(iter(layouts.values()))
    yield table(
        ["", *layouts],
        [[name.replace("_", " "), *(f"{of[name]:,.3f}" for of in layouts.values())] for name in measures],
    )


def command_line(content: dict[str, Any]) -> Iterator[str]:
    """What the command costs before it does anything."""
    yield f"## Command line (limit {1000 * LIMIT_SECONDS:.0f} ms)"
    yield table(
        ["", "ms", "above python"],
        [
            [r["name"], f"{1000 * r['median_seconds']:.0f}", f"{1000 * r['above_python']:.0f}"]
            for r in content["results"]
        ],
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all but the first column to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
