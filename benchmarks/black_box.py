"""A paid, moody API on this computer, in the shape of Google's label detection: delays, faults, and a bill.

    python -m benchmarks.black_box --port 8900 --faults 0.2 --delay 0.1

It counts at the server what it looked at (``units``), so that a client's own bookkeeping can be held against it:
``GET /counts``. A refusal with 429 costs nothing; everything else that was read costs a unit for each picture, whatever
became of the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: what may go wrong with a request
FAULTS = (
    "429", "429-wait", "500", "503", "503-wait", "hang", "drop", "drop-late", "cut-json", "cut-body", "short", "empty",
    "picture-error", "no-json",
)  # fmt: skip
NAMES = [f"tag {at}" for at in range(400)]
Answer = Callable[[bytes], dict[str, Any]]


def labels_of(picture: bytes) -> dict[str, Any]:
    """Made-up labels that depend on the picture alone: 5 to 20 of 400, few of them often, scores above 0.5."""
    seeded = random.Random(hashlib.sha256(picture).digest())
    chosen = dict.fromkeys(min(int(seeded.expovariate(1 / 60)), 399) for _ in range(seeded.randint(5, 20)))
    scores = sorted((round(seeded.uniform(0.505, 0.99), 6) for _ in chosen), reverse=True)
    return {
        "labelAnnotations": [
            {"mid": f"/m/{at:04x}", "description": NAMES[at], "score": score, "topicality": score}
            for at, score in zip(chosen, scores, strict=True)
        ]
    }


class BlackBox:
    """The API. ``faults`` is the share of requests, drawn by the ``seed``, to which ``kinds`` happen in turn.

    Args:
        answer: the answer about a picture's bytes.
        delay: seconds before each answer.
        wait: what ``Retry-After`` says, in seconds.
        hang: seconds until a request that hangs is dropped.
        key: which ``x-goog-api-key`` is wanted; it is repeated in the refusal of another, as careless servers do.
    """

    def __init__(  # noqa: PLR0913 - each is one mood
        self, *, answer: Answer = labels_of, faults: float = 0.0, kinds: Sequence[str] = FAULTS, delay: float = 0.0,
        wait: float = 0.02, hang: float = 5.0, key: str | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.answer, self.faults, self.delay = answer, faults, delay
        self.kinds = kinds
        self.wait, self.hang, self.key = wait, hang, key
        self.requests = self.units = self.in_flight = self.most_in_flight = 0
        self.delivered: Counter[str] = Counter()  #: how often an answer about each picture left here whole
        self.statuses: Counter[str] = Counter()
        self.url = ""
        self._random, self._turn = random.Random(seed), 0

    @contextmanager
    def running(self) -> Iterator[BlackBox]:
        """Serve from a thread of its own; ``url`` is the address."""
        loop, ready = asyncio.new_event_loop(), threading.Event()
        stop: asyncio.Future[None] = loop.create_future()

        async def serve() -> None:
            async with await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**26) as server:
                self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
                ready.set()
                await stop
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        ready.wait(10)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set_result, None)
            thread.join(10)
            loop.close()

    async def serve_for_ever(self, port: int) -> None:
        """Serve from this thread."""
        async with await asyncio.start_server(self._connection, "127.0.0.1", port, limit=2**26) as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            print(self.url, flush=True)
            await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if head[0].startswith("GET /counts"):
            return await _send(writer, 200, self.counts())
        self.requests += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            return await self._answer(writer, headers, body)
        finally:
            self.in_flight -= 1

    def counts(self) -> dict[str, Any]:
        """The bill, and how often each picture's answer was delivered."""
        often = Counter(self.delivered.values())
        return {
            "requests": self.requests, "units": self.units, "pictures": len(self.delivered),
            "more_than_once": sum(n for times, n in often.items() if times > 1),
            "deliveries": sum(self.delivered.values()), "most_in_flight": self.most_in_flight,
            "statuses": dict(self.statuses),
        }  # fmt: skip

    async def _answer(self, writer: asyncio.StreamWriter, headers: dict[str, str], body: bytes) -> bool:
        given = headers.get("x-goog-api-key")
        if self.key is not None and given != self.key:
            self.statuses["403"] += 1
            return await _send(writer, 403, {"error": {"code": 403, "message": f"no such key: {given}"}})
        fault = "none"
        if self._random.random() < self.faults:
            fault, self._turn = self.kinds[self._turn % len(self.kinds)], self._turn + 1
        self.statuses[fault] += 1
        if fault.startswith("429"):
            return await _send(writer, 429, _error(429, "slow down"), self.wait if fault == "429-wait" else None)
        pictures = [base64.b64decode(one["image"]["content"]) for one in json.loads(body)["requests"]]
        self.units += len(pictures)
        if fault in ("500", "503", "503-wait"):
            told = self.wait if fault == "503-wait" else None
            return await _send(writer, int(fault[:3]), _error(int(fault[:3]), "something broke"), told)
        if fault in ("hang", "drop"):
            await asyncio.sleep(self.hang if fault == "hang" else 0)
            return False
        return await self._deliver(writer, fault, pictures)

    async def _deliver(self, writer: asyncio.StreamWriter, fault: str, pictures: list[bytes]) -> bool:
        answers = [self.answer(picture) for picture in pictures]
        if fault == "picture-error":
            answers[0] = {"error": {"code": 14, "message": "try again"}}
        if fault in ("short", "empty"):
            answers = answers[:-1] if fault == "short" else []
        text = b"<html>" if fault == "no-json" else json.dumps({"responses": answers}).encode()
        if fault == "cut-json":
            text = text[: len(text) // 2]
        if fault in ("drop-late", "cut-body"):
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(text)}\r\n"
            writer.write(head.encode() + (b"\r\n" + text[: len(text) // 2] if fault == "cut-body" else b""))
            await writer.drain()
            return False
        if fault in ("none", "picture-error"):
            whole = zip(pictures, answers, strict=True)
            self.delivered.update(hashlib.sha256(one).hexdigest() for one, said in whole if "error" not in said)
        return await _send(writer, 200, text)


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


async def _send(writer: asyncio.StreamWriter, status: int, content: Any, wait: float | None = None) -> bool:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    waits = "" if wait is None else f"retry-after: {wait}\r\n"
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{waits}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return True


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--faults", type=float, default=0.0, help="the share of requests that go wrong")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--hang", type=float, default=5.0, help="seconds until a request that hangs is dropped")
    given = parser.parse_args()
    box = BlackBox(faults=given.faults, delay=given.delay, hang=given.hang)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(box.serve_for_ever(given.port))


if __name__ == "__main__":
    main()
