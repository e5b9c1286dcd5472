"""Messages between this process and those that decode: a head in JSON and a payload of bytes, through a pipe."""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

_LENGTHS: Final = struct.Struct("<IQ")
_PARTS: Final = 256  #: of them are written at once: systems take 1024
_KEPT: Final = 8 * 2**20  #: bytes of memory that a message may leave behind


class Frame(NamedTuple):
    """A message; the payload is a part of the memory it was read into, and holds until the next is received."""

    head: dict[str, Any]
    payload: memoryview


def send(file: int, head: Mapping[str, Any], parts: Sequence[bytes | memoryview] = ()) -> None:
    """Write a message whole, without gathering its parts first.

    Raises:
        OSError: nobody reads any more.
    """
    text = json.dumps(head).encode()
    payload = [memoryview(part).cast("B") for part in parts if len(part)]
    left = [memoryview(_LENGTHS.pack(len(text), sum(map(len, payload)))), memoryview(text), *payload]
    while left:
        written = os.writev(file, left[:_PARTS])
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if left:
            left[0] = left[0][written:]


class Inbox:
    """Where messages come in, each into the same memory, which grows as they do, but for the very large."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._buffer = bytearray()

    def receive(self) -> Frame:
        """Read a message.

        Raises:
            EOFError: nobody writes any more.
            OSError: the pipe cannot be read.
            ValueError: what came is no message.
        """
        lengths = bytearray(_LENGTHS.size)
        self._fill(memoryview(lengths))
        of_head, of_payload = _LENGTHS.unpack(lengths)
        size = of_head + of_payload
        buffer = self._buffer if size <= len(self._buffer) else bytearray(size)
        if size <= _KEPT:
            self._buffer = buffer
        whole = memoryview(buffer)[:size]
        self._fill(whole)
        head = json.loads(bytes(whole[:of_head]))
        if not isinstance(head, dict):
            raise ValueError("a message without a head")
        return Frame(head, whole[of_head:])

    def _fill(self, buffer: memoryview) -> None:
        while buffer:
            if not (taken := self._file.readinto(buffer)):
                raise EOFError
            buffer = buffer[taken:]
