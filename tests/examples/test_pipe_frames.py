"""Messages through a pipe: whole, however large, or an error."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator

import pytest

from joryu.examples.pipe_frames import Inbox, send

Pipe = tuple[io.FileIO, io.FileIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    with io.FileIO(writing, "w") as into, io.FileIO(reading) as out_of:
        yield into, out_of


def test_messages_of_every_size_one_after_another(pipe: Pipe) -> None:
    writing, reading = pipe
    sizes = [0, 3, 70_000, 2**24, 1]  # less and more than a pipe takes, and than is kept
    said = [({"n": n, "name": "\udcff"}, [bytes([n % 251]) * n, b"", memoryview(b"end")]) for n in sizes]
    writer = threading.Thread(target=lambda: [send(writing.fileno(), head, parts) for head, parts in said])
    writer.start()
    inbox = Inbox(reading)
    for head, parts in said:
        frame = inbox.receive()
        assert (frame.head, bytes(frame.payload)) == (head, b"".join(map(bytes, parts)))
    writer.join()


def test_many_parts(pipe: Pipe) -> None:
    writing, reading = pipe
    send(writing.fileno(), {}, [b"%d," % n for n in range(1000)])
    assert bytes(Inbox(reading).receive().payload) == b"".join(b"%d," % n for n in range(1000))


def test_a_writer_that_ends_in_the_middle(pipe: Pipe) -> None:
    writing, reading = pipe
    send(writing.fileno(), {"a": 1}, [b"12345"])
    writing.close()
    whole = reading.read()
    for cut in (b"", whole[:5], whole[:-1]):
        other, again = os.pipe()
        os.write(again, cut)
        os.close(again)
        with io.FileIO(other) as file, pytest.raises(EOFError):
            Inbox(file).receive()


def test_what_is_no_message(pipe: Pipe) -> None:
    writing, reading = pipe
    for head in (b"[]", b"no"):
        os.write(writing.fileno(), len(head).to_bytes(4, "little") + bytes(8) + head)
        with pytest.raises(ValueError, match=r"without a head|Expecting value"):
            Inbox(reading).receive()
