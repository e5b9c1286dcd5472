"""Whether asking a paid API keeps its promises at full size: each picture once, money to the unit, kills, speed.

    python -m benchmarks.asking                 # 10,000 pictures, about five minutes
    python -m benchmarks.asking --pictures 500  # a smaller look

Four checks against `benchmarks.black_box` in a process of its own: (1) a fifth of all requests goes wrong in fourteen
ways, each picture is answered once or listed; (2) a budget is kept to the unit, counted at the server; (3) a client is
killed several times, and asks again at most what was in flight; (4) throughput against a server that takes 100 ms,
beside what the concurrency allows, and the memory it takes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joryu.remote import ApiLimits, Collected, Ledger, Options, Pictures, collect, google_vision
from joryu.remote.credentials import Anonymous
from joryu.remote.transport import Sender

WANTED = 0.9  #: of the speed that the concurrency allows
PATIENT = ApiLimits(
    concurrency=8, rate=1e6, attempts=8, timeout=2.0, first_wait=0.02, longest_wait=0.5, cool_down=0.2, canaries=0
)


def picture(at: int) -> bytes:
    return f"picture {at} ".encode() * 400  # 5 kB, as a small JPEG


def pictures(count: int) -> Pictures:
    ids = [hashlib.sha256(picture(at)).digest()[:16] for at in range(count)]
    return Pictures(ids, picture)


@contextmanager
def server(**moods: float) -> Iterator[str]:
    """The API in a process of its own."""
    options = [word for name, value in moods.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.black_box", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running.stdout.readline().strip() if running.stdout else ""
        finally:
            running.send_signal(signal.SIGINT)


def counts(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/counts") as answer:  # noqa: S310 - it is ours
        return json.load(answer)


def ask(url: str, folder: str, count: int, limits: ApiLimits = PATIENT, budget: int | None = None) -> Collected:
    api = google_vision(url, longest_side=None)
    with Ledger.write(folder, api.settings) as ledger:
        return collect(api, ledger, Anonymous(), pictures(count), options=Options(limits=limits, budget=budget))


def faults(count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, server(faults=0.2, delay=0.02, hang=3) as url:
        found, counted = ask(url, folder, count), counts(url)
        with Ledger.read(folder) as ledger:
            spent, listed, kept = ledger.spent(), ledger.failures(), ledger.n_answers()
    ok = kept + len(listed) == count and counted["more_than_once"] == 0 and counted["units"] <= spent.units
    return {
        "ok": ok, "answered": found.answered, "listed": len(listed), "more_than_once": counted["more_than_once"],
        "units_at_server": counted["units"], "units_in_ledger": spent.units, "faults": counted["statuses"],
        "last_errors": sorted({one.reason for one in listed})[:5],
    }  # fmt: skip


def budget(count: int) -> dict[str, Any]:
    limit, rows = count // 2, []
    with tempfile.TemporaryDirectory() as folder, server(faults=0.2, delay=0.01, hang=3) as url:
        for most in (limit, limit + 7, 2 * limit):
            found, counted = ask(url, folder, count, budget=most), counts(url)
            rows.append(
                {"budget": most, "units_at_server": counted["units"], "stop": str(found.stop or "").partition(" (")[0]}
            )
    return {"ok": all(row["units_at_server"] <= row["budget"] for row in rows), "runs": rows}


def kills(count: int, times: int = 5) -> dict[str, Any]:
    rows, allowed = [], 0
    with tempfile.TemporaryDirectory() as folder, server(delay=0.02) as url:
        for _ in range(times):
            command = [sys.executable, "-m", "benchmarks.asking", "--client", url, folder, "--pictures", str(count)]
            before = counts(url)["units"]
            with subprocess.Popen(command) as client:
                while client.poll() is None and counts(url)["units"] < before + count // (times + 2):
                    time.sleep(0.01)
                with contextlib.suppress(ProcessLookupError):
                    client.send_signal(signal.SIGKILL)
            with Ledger.read(folder) as ledger:
                rows.append({"in_flight": ledger.spent().in_flight, "kept": ledger.n_answers()})
            allowed += 16 * rows[-1]["in_flight"]
        ask(url, folder, count)
        counted = counts(url)
        with Ledger.read(folder) as ledger:
            kept = ledger.n_answers()
    again = counted["deliveries"] - counted["pictures"]
    most = max(row["in_flight"] for row in rows)
    ok = kept == count and again <= allowed and most <= PATIENT.concurrency + 2
    return {"ok": ok, "kept": kept, "asked_again": again, "were_in_flight": allowed, "kills": rows}


def speed(count: int) -> dict[str, Any]:
    rows = []
    for concurrency in (8, 32):
        limits = ApiLimits(concurrency=concurrency, rate=1e6, canaries=0)
        asked = (count if concurrency == 8 else 4 * count) // 16 * 16
        with tempfile.TemporaryDirectory() as folder, server(delay=0.1) as url:
            ask(url, folder, 16 * concurrency, limits)  # imports, connections
            started = time.perf_counter()
            ask(url, folder, asked, limits)
            took = time.perf_counter() - started
            bare = asyncio.run(bare_seconds(url, asked // 16 - concurrency, concurrency))
        least = (asked / 16 - concurrency) / concurrency * 0.1
        rows.append({
            "concurrency": concurrency, "pictures": asked, "seconds": took, "least": least, "bare": bare,
            "share": least / took, "share_of_bare": bare / took,
        })  # fmt: skip
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"ok": all(row["share"] >= WANTED for row in rows), "runs": rows, "peak_mb": memory}


async def bare_seconds(url: str, requests: int, concurrency: int) -> float:
    """How long the same server and HTTP client take where nothing is read, written down or understood."""
    api = google_vision(url, longest_side=None)
    body, content_type = api.body([picture(at) for at in range(16)])
    left = iter(range(requests))
    async with Sender(api, Anonymous(), connections=concurrency, timeout=10) as sender:

        async def work() -> None:
            for _ in left:
                await sender.send(body, content_type)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return time.perf_counter() - started


def page(report: dict[str, Any]) -> str:
    """What was found, as Markdown."""
    from benchmarks.results import table  # at the end: torch would count as memory

    parts = [
        "# Asking a paid API",
        f"{report['machine']}. One run of `{report['command']}`: {report['pictures']:,} pictures against"
        " [an API](../../benchmarks/black_box.py) in a process of its own, which keeps its own bill"
        " ([how](../../benchmarks/asking.py)). A unit is one picture asked about.",
    ]
    found = report["found"]
    if faults := found.get("faults"):
        went_wrong = sum(count for name, count in faults["faults"].items() if name != "none")
        parts.append(
            f"**A fifth of all requests goes wrong, in fourteen ways** ({went_wrong:,} of"
            f" {sum(faults['faults'].values()):,}): {faults['answered']:,} pictures answered,"
            f" {faults['listed']:,} listed with their last error, {faults['more_than_once']:,} delivered more"
            f" than once. Units at the server {faults['units_at_server']:,}, in the ledger"
            f" {faults['units_in_ledger']:,}: {_met(faults)}."
        )
    if budget := found.get("budget"):
        rows = [[f"{one['budget']:,}", f"{one['units_at_server']:,}", one["stop"] or "–"] for one in budget["runs"]]
        parts += [f"**A budget is kept to the unit**: {_met(budget)}.",
                  table(["budget", "units at the server", "stopped because"], rows)]  # fmt: skip
    if kills := found.get("kills"):
        parts.append(
            f"**Killed with SIGKILL {len(kills['kills'])} times**: {kills['kept']:,} answers kept,"
            f" {kills['asked_again']:,} pictures asked again, of {kills['were_in_flight']:,} that were in flight:"
            f" {_met(kills)}."
        )
    if speed := found.get("speed"):
        rows = [
            [str(one["concurrency"]), f"{one['pictures']:,}", f"{one['least']:.2f}", f"{one['bare']:.2f}",
             f"{one['seconds']:.2f}", f"{one['share']:.2f}", f"{one['share_of_bare']:.2f}",
             "yes" if one["share"] >= WANTED else "no"]
            for one in speed["runs"]
        ]  # fmt: skip
        parts += [
            "**Speed against a server that takes 100 ms**, sixteen pictures a request. *Allowed* is what so many"
            " requests at a time need at the least; *bare* the same HTTP client, server and bodies where nothing is"
            " read, written down or understood. Peak memory of the asking process"
            f" {speed['peak_mb']:.0f} MB.",
            table(
                [
                    "in flight",
                    "pictures",
                    "allowed, s",
                    "bare, s",
                    "ours, s",
                    "allowed ÷ ours",
                    "bare ÷ ours",
                    f"≥ {WANTED}",
                ],
                rows,
            ),
        ]
    return "\n\n".join(parts) + "\n"


def _met(found: dict[str, Any]) -> str:
    return "met" if found["ok"] else "**missed**"


CHECKS = {"faults": faults, "budget": budget, "kills": kills, "speed": speed}


def main() -> int:
    """Run the checks, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--only", choices=[*CHECKS], nargs="*", default=[*CHECKS])
    parser.add_argument("--client", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="keep asking.json and asking.md in this folder")
    given = parser.parse_args()
    if given.client is not None:
        ask(given.client[0], given.client[1], given.pictures)
        return 0
    found = {}
    for name in given.only:
        found[name] = CHECKS[name](given.pictures)
        print(json.dumps({name: found[name]}, indent=1), flush=True)
    if given.out is not None:
        from benchmarks.results import keep
        from benchmarks.side_by_side import machine_line

        command = f"python -m benchmarks.asking --pictures {given.pictures}"
        report = {"machine": machine_line(), "command": command, "pictures": given.pictures, "found": found}
        keep("asking", report, page(report), given.out)
    return 0 if all(one["ok"] for one in found.values()) else 1


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
