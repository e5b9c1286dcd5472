"""The result of `benchmarks.whole_job` as text, as a page and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.jobs import BARE
from benchmarks.results import keep, table

NAME = "whole-job"
#: why a share can be more than 1
ABOVE = (
    " (above 1, as the limit takes the teacher's time from a plain loop, which fetches each batch's memory from the"
    " system anew, and ours asks in micro-batches and keeps what it has freed)"
)


def write(report: dict[str, Any], folder: Path) -> None:
    """``whole-job.json`` and ``whole-job.md``."""
    keep(NAME, report, markdown(report), folder)


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The result as text."""
    yield about(report)
    yield costs(report)
    heads = HEADS
    yield f"{heads[0]:<30}" + "".join(f"{head:>16}" for head in heads[1:])
    for name, *rest in summary(report):
        yield f"{name:<30}" + "".join(f"{cell:>16}" for cell in rest)
    for absence in report["missing"]:
        yield f"{absence['name']:<30}{'absent' if absence['absent'] else 'FAILED'}: {absence['why']}"


HEADS = ("", "seconds", "cpu seconds", "peak MiB", "accuracy", "x ours")


def markdown(report: dict[str, Any]) -> str:
    """The page."""
    machine = report["machine"]
    absences = [f"- {m['name']}: {'absent' if m['absent'] else 'failed'} ({m['why']})" for m in report["missing"]]
    parts = [
        "# The whole job: from a folder of photographs to a finished student",
        f"{machine['cpu']}, {machine['cores']} core(s), {machine['system']}, Python {machine['python']}, PyTorch "
        f"{machine['torch']}. `{report['command']}`; medians over the seeds, accuracy as mean.",
        about(report),
        costs(report).replace(" x ", " × "),
        table([head.replace("x ours", "× ours") for head in HEADS], summary(report)),
    ]
    return "\n\n".join([*parts, *(["\n".join(absences)] if absences else [])]) + "\n"


def about(report: dict[str, Any]) -> str:
    """What was done."""
    return (
        f"{report['photographs']:,} photographs; teacher {report['teacher']} px (trained before, not timed), student "
        f"{report['student']} px, {report['epochs']} epochs, batch {report['batch']}, {report['precision']}, "
        f"{report['threads']} thread(s), T = {report['temperature']:g}, hard weight {report['hard_weight']:g}. "
        "All train under random flips: the peers ask about what is shown, ours takes its one answer for both ways."
    )


def costs(report: dict[str, Any]) -> str:
    """R, D, and what follows from them."""
    return (
        f"A photograph takes the student's step {report['student_ms']:.2f} ms, the teacher {report['teacher_ms']:.2f} "
        f"(R = {report['teacher_times_student']:.2f}), reading {report['reading_ms']:.2f} "
        f"(D = {report['reading_times_student']:.2f}). Who reads and asks once can gain "
        f"E (1 + R + D) / (E + R + D) = {report['limit']:.2f} x at the most (E (1 + R) / (E + R) = "
        f"{report['limit_of_asking']:.2f} x by asking once alone){_share(report)}."
    )


def _share(report: dict[str, Any]) -> str:
    """Of plain PyTorch alone, whose arithmetic is ours: how fast another framework multiplies is not in the limit."""
    times = [job["times_ours"] for job in report["jobs"] if job["name"] == BARE and "times_ours" in job]
    if not times:
        return ""
    gain = statistics.median(times)
    more = "" if gain <= report["limit"] else ABOVE
    return f"; ours gains {gain:.2f} x over plain PyTorch, a share of {gain / report['limit']:.3f}{more}"


def summary(report: dict[str, Any]) -> list[list[str]]:
    """A row of each contender, over its seeds."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for job in report["jobs"]:
        by_name.setdefault(job["name"], []).append(job)
    return [[name, *_cells(jobs)] for name, jobs in by_name.items()]


def _cells(jobs: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield f"{_median(jobs, 'seconds'):,.1f}"
    yield f"{_median(jobs, 'cpu_seconds'):,.1f}"
    yield "" if jobs[0]["peak_mib"] is None else f"{max(job['peak_mib'] for job in jobs):,.0f}"
    accuracies = [100 * job["accuracy"] for job in jobs]
    spread = f" ± {statistics.stdev(accuracies):.2f}" if len(jobs) > 1 else ""
    yield f"{statistics.mean(accuracies):.2f}{spread}"
    yield f"{_median(jobs, 'times_ours'):.2f}" if "times_ours" in jobs[0] else ""


def _median(jobs: Sequence[dict[str, Any]], what: str) -> float:
    return float(statistics.median(job[what] for job in jobs))
