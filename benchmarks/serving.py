"""What a server costs: ``python -m benchmarks.serving``. Pictures per second through `joryu serve`, and without it.

Without a server a process decodes encoded pictures and asks the student, batch after batch, by the same predictor. With
it the same pictures come through HTTP from 32 clients, each of which asks again as soon as it is answered. Beside both
runs the same load generator in a process of its own: it sends whole requests and reads whole answers, from the server,
or from a stub in its own process that lets a batch of answers go whenever the bare process says that it has one ready.
So the processor is shared alike. Rounds alternate; the ratio is the median of the ratios within a round.

The student's weights are random and the pictures are drawn by a seed: neither changes how long they take.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.results import keep, table
from benchmarks.side_by_side import machine_line

CLIENTS, BATCH, MUST = 32, 32, 0.85
STUDENTS = {
    "timm:mobilenetv3_small_050": (160, "a MobileNetV3-small × 0.5 at 160×160"),
    "cnn:16x4": (64, "a small CNN at 64×64"),
}


class Measured(NamedTuple):
    """Pictures per second of one run, the times of its requests and a picture's processor time, in milliseconds."""

    rate: float
    p50: float
    p99: float
    cpu: float = 0.0


def pictures(count: int, seed: int = 0) -> list[bytes]:
    """Photographs of 320×240 by a seed: smooth colours with some noise, JPEG of quality 85, about 15 kB each."""
    dice, found = np.random.default_rng(seed), []
    for _ in range(count):
        coarse = Image.fromarray(dice.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
            (320, 240), Image.Resampling.BICUBIC
        )
        noisy = np.asarray(coarse, dtype=np.int16) + dice.normal(0, 6, (240, 320, 3)).astype(np.int16)
        file = BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
        found.append(file.getvalue())
    return found


def saved(folder: Path, architecture: str, size: int) -> Path:
    """A run of a student of 100 tags with random weights."""
    import torch

    from joryu.examples.preparation import PicturePreparation
    from joryu.questions import Question
    from joryu.students import Blueprint, save_student

    torch.manual_seed(0)
    plan = Blueprint(
        architecture=architecture, input_shape=(3, size, size), scale=1 / 255,
        question=Question.tags([f"tag {at}" for at in range(100)]),
        preparation=PicturePreparation(channels=3, height=size, width=size),
    )  # fmt: skip
    save_student(folder, plan.build(), plan)
    return folder


def bare(run: str, content: list[bytes], orders: Connection) -> None:
    """The process without a server: as long as it is told to, decode and ask; say when a batch is ready."""
    from joryu.allocator import keep_freed_memory
    from joryu.serving import load
    from joryu.serving.inputs import Wanted

    keep_freed_memory()
    student = load(run, batch_size=BATCH)
    ring = [content[at : at + BATCH] for at in range(0, len(content) - BATCH + 1, BATCH)]
    list(student.predict_each([Wanted(one, "p") for one in ring[0]]))
    orders.send("ready")
    while orders.recv():
        turn = 0
        while not orders.poll():
            for found in student.predict_each([Wanted(one, "p") for one in ring[turn % len(ring)]]):
                found.to_json(5)
            orders.send(BATCH)
            turn += 1
        orders.recv()
        orders.send(0)


def load_generator(content: list[bytes], orders: Connection, ready: Connection) -> None:
    """The process of the clients: told a port (0: the stub) and seconds, it answers with what it measured."""
    requests = [
        b"POST /predict?top=5 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(one) + one
        for one in content
    ]
    while (told := orders.recv()) is not None:
        port, seconds = told
        orders.send(asyncio.run(_stubbed(requests, ready, seconds) if port == 0 else _asked(requests, port, seconds)))


async def _asked(requests: list[bytes], port: int, seconds: float) -> Measured:
    times, until = list[float](), time.perf_counter() + seconds
    began = time.perf_counter()

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while (start := time.perf_counter()) < until:
            writer.write(requests[turn % len(requests)])
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
                raise RuntimeError(head.decode())
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", head.lower())[1]))  # type: ignore[index]
            times.append(time.perf_counter() - start)
            turn += CLIENTS
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return _measured(times, time.perf_counter() - began)


async def _stubbed(requests: list[bytes], ready: Connection, seconds: float) -> Measured:
    """The same clients, answered by a stub that lets as many go as the bare process has answered."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 220\r\n\r\n" + b" " * 220
    allowed = asyncio.Semaphore(0)

    async def stub(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
                await reader.readexactly(length)
                await allowed.acquire()
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()

    def release() -> None:
        while ready.poll():
            for _ in range(ready.recv()):
                allowed.release()

    server = await asyncio.start_server(stub, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    loop.add_reader(ready.fileno(), release)
    found = await _asked(requests, server.sockets[0].getsockname()[1], seconds)
    loop.remove_reader(ready.fileno())
    server.close()
    return found


def _measured(times: list[float], seconds: float) -> Measured:
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return Measured(len(times) / seconds, 1e3 * ordered[len(ordered) // 2], 1e3 * late)


def _cpu_seconds(pid: int) -> float:
    """The processor time that a process has taken with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(run: Path, content: list[bytes], *, seconds: float, rounds: int) -> dict[str, Any]:
    """Rounds of both, in turn."""
    context = get_context("spawn")
    told, ready_of_bare = context.Pipe()
    loads, load_orders = context.Pipe()
    forward, released = context.Pipe()
    processes = [
        context.Process(target=bare, args=(str(run), content, ready_of_bare)),
        context.Process(target=load_generator, args=(content, load_orders, released)),
    ]
    for process in processes:
        process.start()
    server, port = _server(run)
    bares, served = list[Measured](), list[Measured]()
    try:
        told.recv()
        for _ in range(rounds + 1):
            told.send(True)
            loads.send((0, seconds))
            count, began, cpu = 0, time.perf_counter(), _cpu_seconds(processes[0].pid or 0)
            while not loads.poll(0.0005):
                while told.poll():
                    forward.send(told.recv())
                    count += BATCH
            seconds_of_it, cpu = time.perf_counter() - began, _cpu_seconds(processes[0].pid or 0) - cpu
            its_own = {"rate": count / seconds_of_it, "cpu": 1e3 * cpu / max(count, 1)}  # not the stub's
            bares.append(loads.recv()._replace(**its_own))
            told.send(False)
            while told.recv():
                pass
            cpu, began = _cpu_seconds(server.pid), time.perf_counter()
            loads.send((port, seconds))
            found = loads.recv()
            answered = found.rate * (time.perf_counter() - began)
            served.append(found._replace(cpu=1e3 * (_cpu_seconds(server.pid) - cpu) / max(answered, 1)))
    finally:
        server.terminate()
        loads.send(None)
        told.send(False)
        server.wait()
        for process in processes:
            process.join(10)
            process.terminate()
    bares, served = bares[1:], served[1:]  # the first round warms up
    return {
        "bare_per_second": median(one.rate for one in bares), "served_per_second": median(one.rate for one in served),
        "ratio": median(two.rate / one.rate for one, two in zip(bares, served, strict=True)),
        "cpu_ratio": median(one.cpu / two.cpu for one, two in zip(bares, served, strict=True)),
        "p50_ms": median(one.p50 for one in served), "p99_ms": median(one.p99 for one in served),
        "rounds": [{"bare": one._asdict(), "served": two._asdict()} for one, two in zip(bares, served, strict=True)],
    }  # fmt: skip


def _server(run: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", "joryu", "serve", str(run), "--port", "0", "--batch", str(BATCH)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    if server.stderr is None:
        raise RuntimeError("no stderr")
    for line in server.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            return server, int(found[1])
    raise RuntimeError("the server did not start")


def page(report: dict[str, Any]) -> str:
    """The result as Markdown."""
    rows = [
        [one["student"], f"{one['bare_per_second']:,.0f}", f"{one['served_per_second']:,.0f}", f"{one['ratio']:.2f}",
         f"{one['cpu_ratio']:.2f}", f"{one['p50_ms']:.0f}", f"{one['p99_ms']:.0f}"]
        for one in report["results"]
    ]  # fmt: skip
    parts = [
        "# What a server costs",
        f"{report['machine']}. One run of `{report['command']}`: medians of {report['repeats']} rounds of"
        f" {report['seconds']:g} s in turn, {CLIENTS} clients, JPEG pictures of 320×240, batches of at most {BATCH}."
        f" Wanted: at least {MUST:g} of what decoding and the student reach without a server, beside the same load"
        " generator ([how](../../benchmarks/serving.py)).",
        table(
            [
                "student",
                "without, pictures/s",
                "served, pictures/s",
                "ratio",
                "by processor time",
                "p50, ms",
                "p99, ms",
            ],
            rows,
        ),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--students", nargs="*", default=list(STUDENTS))
    parser.add_argument("--out", type=Path, help="keep serving.json and serving.md in this folder")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    content = pictures(256)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for at, name in enumerate(asked.students):
            size, words = STUDENTS[name]
            run = saved(Path(folder) / str(at), name, size)
            results.append({"student": words} | compare(run, content, seconds=asked.seconds, rounds=asked.rounds))
    report = {
        "machine": machine_line(), "command": "python -m benchmarks.serving", "clients": CLIENTS, "batch": BATCH,
        "seconds": asked.seconds, "repeats": asked.rounds, "cores": os.cpu_count(), "results": results,
    }  # fmt: skip
    if asked.out is not None:
        keep("serving", report, page(report), asked.out)
    if asked.json:
        print(json.dumps(report, indent=2))
    else:
        print(page(report))


if __name__ == "__main__":
    main()
