"""Messages between this process and those that decode: a head in JSON and a payload of bytes, through a pipe."""

from __future__ import annotations

import io
import json
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

_LENGTHS: Final = struct.Struct("<II")


class Frame(NamedTuple):
    """A message; the payload is a part of the memory it was read into, and holds until the next is received."""

    head: dict[str, Any]
    payload: memoryview


def send(file: int, head: Mapping[str, Any], parts: Sequence[bytes] = ()) -> None:
    """Write a message whole.

    Raises:
        OSError: nobody reads any more.
    """
    text = json.dumps(head).encode()
    left = memoryview(b"".join([_LENGTHS.pack(len(text), sum(map(len, parts))), text, *parts]))
    while left:
        left = left[os.write(file, left) :]


class Inbox:
    """Where messages come in, each into the same memory, which grows as they do."""

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
        if len(self._buffer) < of_head + of_payload:
            self._buffer = bytearray(of_head + of_payload)
        whole = memoryview(self._buffer)[: of_head + of_payload]
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
