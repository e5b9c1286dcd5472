"""`joryu serve` on a real socket: clients that are slow, send too much, or are Google's; and how it stops."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from joryu.listening.address import listen
from joryu.serving.web import gate
from joryu.serving.web.app import Served, create_app
from joryu.serving.web.limits import RequestLimits
from joryu.serving.web.opening import Opened, open_model
from joryu.serving.web.server import server_of

pytestmark = pytest.mark.sockets


@contextmanager
def serving(model: Opened, **more: object) -> Iterator[int]:
    limits = RequestLimits(wait_ms=0, **more)  # type: ignore[arg-type]
    with listen("127.0.0.1", 0, 0) as listening:
        server = server_of(create_app(model, Served(limits)), limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def raw(port: int, head: str, *parts: bytes) -> bytes:
    """What comes back for a request, written by hand; all of it is sent before anything is read."""
    with socket.create_connection(("127.0.0.1", port), 60) as line:
        line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        for part in parts:
            line.sendall(part)
        found = b""
        while not is_whole(found) and (piece := line.recv(65536)):
            found += piece
        return found


def is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    said = re.search(rb"(?i)\ncontent-length: (\d+)", head)
    return said is not None and len(body) >= int(said[1]) > 0


@pytest.fixture
def model(student: Callable[..., Path]) -> Opened:
    return open_model(str(student("tags")))


def picture() -> bytes:
    file = BytesIO()
    Image.new("L", (8, 8), 9).save(file, "PNG")
    return file.getvalue()


def test_large_and_slow_bodies_are_refused_and_others_answered(model: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "Host: 127.0.0.1"
    with serving(model, body=10_000) as port:
        large = raw(port, f"POST /predict HTTP/1.1\n{host}\nContent-Length: 100000000", b"x" * 5000)
        assert large.startswith(b"HTTP/1.1 413 ")
        with monkeypatch.context() as hurried:
            hurried.setattr(gate, "PART_S", 0.2)
            slow = raw(port, f"POST /predict HTTP/1.1\n{host}\nContent-Length: 500", b"x" * 100)
        assert slow.startswith(b"HTTP/1.1 408 ")
        assert json.loads(slow.partition(b"\r\n\r\n")[2])["error"]["message"].startswith("nothing came for 0.2")
        assert raw(port, "POST /predict HTTP/1.1").startswith(b"HTTP/1.1 421 ")  # no host
        assert raw(port, "POST /predict HTTP/1.1\nHost").startswith(b"HTTP/1.1 400 ")  # no HTTP
        content = picture()
        fine = raw(port, f"POST /predict HTTP/1.1\n{host}\nContent-Length: {len(content)}", content)
        assert fine.startswith(b"HTTP/1.1 200 ")
        assert b"server:" not in fine.lower()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Host: 127.0.0.1", 413),
        ("Host: 127.0.0.1\nOrigin: http://elsewhere.example", 403),
        ("Host: elsewhere.example", 421),
    ],
)
def test_a_client_that_sends_all_before_it_reads_is_told_why(
    headers: str, status: int, model: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was told of a reset connection: the server closed with bytes unread, and its answer was lost."""
    monkeypatch.setattr(gate, "LINGER_S", 60.0)
    photograph = bytes(20 * 2**20)
    with serving(model) as port:
        head = f"POST /predict HTTP/1.1\n{headers}\nContent-Length: {len(photograph)}"
        assert raw(port, head, photograph).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_refused_client_is_not_listened_to_for_ever(model: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n"
    monkeypatch.setattr(gate, "LINGER_S", 60.0)
    with serving(model, body=10_000) as port:
        with socket.create_connection(("127.0.0.1", port), 60) as line, pytest.raises(ConnectionError):
            line.sendall(head + bytes(2**26))  # four times what a body may be is enough
        monkeypatch.setattr(gate, "LINGER_S", 0.1)
        with socket.create_connection(("127.0.0.1", port), 60) as line:
            line.sendall(head)
            assert b"".join(iter(lambda: line.recv(65536), b"")).startswith(b"HTTP/1.1 413 ")  # to its end


def test_a_head_that_does_not_end_is_refused(model: Opened) -> None:
    lines = b"X-More: " + b"x" * 1000 + b"\r\n"
    with serving(model) as port, socket.create_connection(("127.0.0.1", port), 10) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + 40 * lines)
        line.sendall(b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200 ")  # 40 kB are a head still; the count begins anew
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n")
        said = b"the connection was reset"  # which takes the reason along where it comes while more is being sent
        with suppress(ConnectionError):
            for _ in range(200):
                line.sendall(lines)
                time.sleep(0.001)
            said = line.recv(65536)
        assert said.startswith((b"HTTP/1.1 400 ", b"the connection was reset"))


def test_what_is_being_answered_is_answered_when_the_server_stops(
    model: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, real = threading.Event(), type(model.behind).predict_each

    def slowly(self: object, files: Sequence[object]) -> object:
        begun.set()
        time.sleep(0.1)
        return real(self, files)  # type: ignore[arg-type]

    monkeypatch.setattr(type(model.behind), "predict_each", slowly)
    found = list[bytes]()
    content = picture()
    head = f"POST /predict HTTP/1.1\nHost: localhost\nContent-Length: {len(content)}"
    with serving(model) as port:
        asking = threading.Thread(target=lambda: found.append(raw(port, head, content)))
        asking.start()
        assert begun.wait(60)
    asking.join(60)
    assert found[0].startswith(b"HTTP/1.1 200 ")


def test_small_answers_are_not_held_back_by_the_network(model: Opened) -> None:
    """Nagle's algorithm made each answer wait 40 ms for the client's acknowledgement of its head."""
    with listen("127.0.0.1", 0, 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP  # where it is another, asyncio leaves the algorithm on


@pytest.mark.slow
@pytest.mark.parametrize("stopping", [signal.SIGTERM, signal.SIGINT])
def test_the_command_answers_and_ends_well(student: Callable[..., Path], stopping: signal.Signals) -> None:
    command = [sys.executable, "-m", "joryu", "serve", str(student("tags")), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        content, port = picture(), int(said.partition("127.0.0.1:")[2].split()[0])
        for _ in range(3):
            head = f"POST /predict HTTP/1.1\nHost: localhost\nContent-Length: {len(content)}"
            assert raw(port, head, content).startswith(b"HTTP/1.1 200 ")
        server.send_signal(stopping)
        assert server.wait(20) == 0
        assert server.stderr.read().strip() == "stopped"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_official_client_is_answered(model: Opened) -> None:
    vision = pytest.importorskip("google.cloud.vision")
    from google.api_core.client_options import ClientOptions
    from google.auth.credentials import AnonymousCredentials

    with serving(model) as port:
        options = ClientOptions(api_endpoint=f"http://127.0.0.1:{port}")
        client = vision.ImageAnnotatorClient(
            credentials=AnonymousCredentials(), transport="rest", client_options=options
        )
        image = vision.Image(content=picture())
        labels = client.label_detection(image=image, max_results=2).label_annotations
        assert len(labels) == 2
        assert labels[0].score >= labels[1].score
        feature = {"type_": vision.Feature.Type.LABEL_DETECTION}
        asked = [{"image": image, "features": [feature]}, {"image": {"content": b"none"}, "features": [feature]}]
        good, bad = client.batch_annotate_images(requests=asked).responses
        assert len(good.label_annotations) == 3
        assert (bad.error.code, bad.error.message[:15]) == (3, "Bad image data:")
