"""A session's signals in one binary file: appended as they come, and readable after a crash up to the last whole frame.

The file begins with the nine bytes ``JORYUSIG1``. Then come frames, all numbers little-endian::

    kind u8 | length u32 | payload[length] | CRC-32 of kind, length and payload u32

    H  JSON: device, started (monotonic seconds), started_unix, joryu. Each opening of the file writes another one,
       after which signals are named anew and the clock may begin anew.
    N  u16 number, then the name of a signal in UTF-8
    S  samples, each: u16 number of the signal, f64 seconds on the monotonic clock, f64 value
    E  JSON: what ("status", "clock"), and its facts

Signals are health data: only the file's owner can read it, and deleting it deletes them.
"""

from __future__ import annotations

import errno
import json
import math
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from joryu.errors import InputError, MismatchError
from joryu.labelling.devices.device import Sample

MAGIC = b"JORYUSIG1"
_SAMPLE = np.dtype([("signal", "<u2"), ("at", "<f8"), ("value", "<f8")])
_HEAD = struct.Struct("<cI")
_TAIL = struct.Struct("<I")
MOST = 2**24  #: the most bytes of one frame; a larger length means damage
MOST_WAITING = 2**24  #: bytes kept while the disk is full: half an hour of 512 values per second


class Recorder:
    """A `Sink` that appends to a recording; each batch is passed to the operating system before `take` returns.

    A file left by a killed process is cut after its last whole frame and continued with a new header. While the disk is
    full, up to `MOST_WAITING` bytes are kept and written once there is space again; samples beyond that are dropped,
    and a note says how many and for which time.

    Args:
        path: of the file; it and its folder are made if absent.
        device: the spec, for the header.
        clock: the clock of the samples' times.

    Raises:
        InputError: the file exists and is not a recording.
    """

    def __init__(self, path: Path, device: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        # Unbuffered, so that it is known how much of a frame was written before the disk was full.
        self._file = FileIO(descriptor, "r+b")
        self._numbers: dict[str, int] = {}
        self._waiting = bytearray()
        self._dropped = _Dropped()
        try:
            end = _end_of_frames(path)
            self._file.seek(end)
            self._file.truncate()
        except BaseException:
            self._file.close()
            raise
        if not end:
            self._waiting += MAGIC
        header = {"device": device, "started": clock(), "started_unix": time.time(), "joryu": 1}
        with suppress(OSError):  # reported when the first samples come
            self._write(b"H", json.dumps(header).encode())

    def take(self, samples: Sequence[Sample]) -> None:
        """Append samples.

        Raises:
            OSError: they cannot be written now, and are kept for the next time.
        """
        if len(self._waiting) + len(samples) * _SAMPLE.itemsize > MOST_WAITING:
            try:
                self._hand_over()
            except OSError:
                self._dropped.add(samples)
                raise
        numbers = [self._number(sample.signal) for sample in samples]
        rows = np.empty(len(samples), _SAMPLE)
        rows["signal"] = numbers
        rows["at"] = [sample.at for sample in samples]
        rows["value"] = [sample.value for sample in samples]
        self._write(b"S", rows.tobytes())

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Append a remark.

        Raises:
            OSError: as `take`.
        """
        self._write(b"E", json.dumps({"what": what, **facts}).encode())

    def close(self) -> None:
        """Flush to the disk and close the file. Calling it again does nothing.

        Raises:
            OSError: something could not be written, and is lost.
        """
        if self._file.closed:
            return
        try:
            self._hand_over()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _number(self, signal: str) -> int:
        number = self._numbers.get(signal)
        if number is None:
            number = self._numbers[signal] = len(self._numbers)
            self._waiting += _frame(b"N", struct.pack("<H", number) + signal.encode())
        return number

    def _write(self, kind: bytes, payload: bytes) -> None:
        self._waiting += _frame(kind, payload)
        self._hand_over()

    def _hand_over(self) -> None:
        """Write the waiting bytes; those that cannot be written go on waiting."""
        while self._waiting:
            taken = self._file.write(self._waiting)
            if not taken:
                raise BlockingIOError(errno.EAGAIN, "the disk takes nothing")
            del self._waiting[:taken]
        if self._dropped.samples:
            facts, self._dropped = {"what": "dropped", **vars(self._dropped)}, _Dropped()
            self._write(b"E", json.dumps(facts).encode())


@dataclass
class _Dropped:
    """Samples dropped because the disk was full for too long: how many, and for which time."""

    samples: int = 0
    first: float = math.inf
    last: float = -math.inf

    def add(self, samples: Sequence[Sample]) -> None:
        self.samples += len(samples)
        self.first = min(self.first, *(sample.at for sample in samples), math.inf)
        self.last = max(self.last, *(sample.at for sample in samples), -math.inf)


def _frame(kind: bytes, payload: bytes) -> bytes:
    head = _HEAD.pack(kind, len(payload))
    return head + payload + _TAIL.pack(zlib.crc32(head + payload))


def _end_of_frames(path: Path) -> int:
    """The position after the last whole frame of a file; 0 if it is not a recording yet."""
    end = len(MAGIC) if path.stat().st_size >= len(MAGIC) else 0
    with path.open("rb") as file:
        for frame in _frames(file, path):
            end = frame.end
    return end


class Frame(NamedTuple):
    """One frame of a recording: its kind, its payload, and the position of its end in the file."""

    kind: bytes
    payload: bytes
    end: int


class Recording(NamedTuple):
    """A recording: headers (one per opening of the file), samples, notes, and the bytes of an incomplete end."""

    headers: list[dict[str, Any]]
    samples: list[Sample]
    notes: list[dict[str, Any]]
    torn: int


def is_recording(path: Path) -> bool:
    """Whether the file begins like a recording."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_recording(path: Path) -> Recording:
    """Read a whole recording.

    Raises:
        InputError: the file does not exist, or is not a recording.
        MismatchError: another version of Joryu wrote it.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "session.bin"
    >>> recorder = Recorder(path, "simulator")
    >>> recorder.take([Sample(10.0, "attention", 53.0)])
    >>> recorder.close()
    >>> read_recording(path).samples
    [Sample(at=10.0, signal='attention', value=53.0)]
    """
    found, end = Recording([], [], [], 0), len(MAGIC)
    with _opened(path) as file:
        for frame in _frames(file, path):
            end = frame.end
            if frame.kind == b"H":
                found.headers.append(json.loads(frame.payload))
            elif frame.kind == b"E":
                found.notes.append(json.loads(frame.payload))
    found.samples.extend(sample for _, block in sample_blocks(path) for sample in block)
    return found._replace(torn=path.stat().st_size - end)


def sample_blocks(path: Path) -> Iterator[tuple[int, list[Sample]]]:
    """The samples of a recording in the blocks in which they were appended, using little memory.

    Each block comes with the number of its sitting (1, 2, …); in another sitting the clock may have begun anew.

    Raises:
        InputError, MismatchError: as `read_recording`.
    """
    names: dict[int, str] = {}
    sitting = 0
    with _opened(path) as file:
        for kind, payload, _ in _frames(file, path):
            if kind == b"H":
                names, sitting = {}, sitting + 1
            elif kind == b"N":
                names[struct.unpack_from("<H", payload)[0]] = payload[2:].decode()
            elif kind == b"S":
                rows = np.frombuffer(payload, _SAMPLE).tolist()
                yield sitting, [Sample(at, names[number], value) for number, at, value in rows]


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}", received=error.strerror) from error


def _frames(file: BinaryIO, path: Path) -> Iterator[Frame]:
    """The frames from the beginning up to the first one that is incomplete or damaged."""
    magic = file.read(len(MAGIC))
    if magic and not MAGIC.startswith(magic):
        if magic[:-1] == MAGIC[:-1]:
            raise MismatchError(
                f"{path} was written by another Joryu", expected=MAGIC.decode(), received=magic.decode()
            )
        raise InputError(f"{path} is no recording of signals", expected=f"a file that begins with {MAGIC.decode()}")
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        kind, length = _HEAD.unpack(head)
        rest = file.read(length + _TAIL.size) if length <= MOST else b""
        if len(rest) < length + _TAIL.size or _TAIL.unpack(rest[length:])[0] != zlib.crc32(head + rest[:length]):
            return
        yield Frame(kind, rest[:length], file.tell())
