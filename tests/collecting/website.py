"""A web site on this computer, which answers as a test says, and pictures to put on it."""

from __future__ import annotations

import io
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

Answer = Callable[[BaseHTTPRequestHandler], None]


def picture(seed: int, side: int = 24, kind: str = "PNG", **how: Any) -> bytes:
    """A picture of coloured blocks, as a file's bytes; no two seeds look alike."""
    blocks = np.random.default_rng(seed).integers(0, 256, (8, 8, 3))
    pixels = np.kron(blocks, np.ones((side // 8, side // 8, 1))).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **how)
    return content.getvalue()


@dataclass
class Asked:
    """One request: when it came, its path, its headers."""

    at: float
    path: str
    headers: Mapping[str, str]


@dataclass
class Site:
    """What a site has, and what it was asked. A path that it does not have is 404, its robots.txt too."""

    port: int = 0
    pages: dict[str, bytes | Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    secure: Callable[[ssl.SSLContext], None] = lambda _: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def at(self, path: str) -> str:
        return f"{self.url}/{path}"

    def times(self, path: str) -> list[float]:
        return [one.at for one in self.asked if one.path == f"/{path}"]

    @property
    def paths(self) -> list[str]:
        return [one.path for one in self.asked if one.path != "/robots.txt"]


@contextmanager
def opened() -> Iterator[Site]:
    """A site as long as the block lasts."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(Asked(time.monotonic(), self.path, dict(self.headers)))
            page = site.pages.get(self.path.removeprefix("/"))
            try:
                if page is None:
                    says(404)(self)
                elif isinstance(page, bytes):
                    gives(page)(self)
                else:
                    page(self)
            except (BrokenPipeError, ConnectionResetError):
                pass

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]

    def secure(context: ssl.SSLContext) -> None:
        server.socket = context.wrap_socket(server.socket, server_side=True)

    site.secure = secure
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def gives(content: bytes, **headers: str) -> Answer:
    """An answer with these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def says(status: int, **headers: str) -> Answer:
    """An answer of this status and no content."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def moved(to: str, status: int = 302) -> Answer:
    """A redirect."""
    return says(status, Location=to)


def first(answer: Answer, then: bytes | Answer, times: int = 1) -> Answer:
    """One answer so many times, and then another."""
    left = [times]
    second = gives(then) if isinstance(then, bytes) else then

    def chosen(handler: BaseHTTPRequestHandler) -> None:
        left[0] -= 1
        (answer if left[0] >= 0 else second)(handler)

    return chosen


def drips(content: bytes, seconds: float) -> Answer:
    """An answer that comes byte by byte, so slowly that it never ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        for at in range(len(content)):
            handler.wfile.write(content[at : at + 1])
            handler.wfile.flush()
            time.sleep(seconds)

    return answer


def breaks_off(content: bytes, after: int) -> Answer:
    """An answer that promises everything and closes early."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:after])
        handler.wfile.flush()
        handler.close_connection = True

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    """An answer without a length that goes on for ever."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(65536))
