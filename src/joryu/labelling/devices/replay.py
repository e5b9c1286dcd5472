"""``replay:FILE[,speed=…][,loop=yes]``: play a recording at the speed at which it was made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from joryu.errors import InputError
from joryu.labelling.devices.device import Counts, DeviceEndedError, Reading
from joryu.labelling.devices.recording import is_recording, sample_blocks
from joryu.labelling.devices.thinkgear import RAW_HZ, Parser, as_percent

SLOWEST, FASTEST = 0.01, 1000.0
_TICK_S = 0.05
_GAP_S = 10.0
_PIECE = 4096  #: bytes of a capture that are parsed at a time
_MOST = 2**15  #: the most readings that one `read` returns


class Replay:
    """A file as a device: a recording by `Recorder`, or a capture of the raw bytes of a ThinkGear headset.

    A recording has times of its own; in a capture, which has none, 512 raw values are one second. Pauses between two
    sittings, and gaps of more than ten seconds, are skipped.

    Args:
        path: of the file.
        speed: factor of the original speed.
        loop: begin again at the end, until stopped.
        clock: a monotonic clock in seconds.
        wait: a function that sleeps for the given seconds.

    Raises:
        InputError: the file does not exist, or the speed is out of range.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 1.0,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        if not SLOWEST <= speed <= FASTEST:
            raise InputError("speed is not usable", expected=f"{SLOWEST} to {FASTEST}", received=speed)
        try:
            self._is_recording = is_recording(path)
        except OSError as error:
            raise InputError(f"cannot read {path}", received=error.strerror) from error
        self.name = f"replay:{path}" + (f",speed={speed:g}" if speed != 1 else "") + (",loop=yes" if loop else "")
        self._path, self._speed, self._loop = path, speed, loop
        self._clock, self._wait = clock, wait
        self._parser = Parser()
        self._packets = 0
        self._readings: Iterator[Reading] = iter(())
        self._next: Reading | None = None
        self._origin, self._ending = 0.0, "the recording is over"

    @property
    def counts(self) -> Counts:
        """Packets for a capture; blocks of samples for a recording."""
        return Counts(self._packets) if self._is_recording else self._parser.counts

    def open(self) -> None:
        """Start at the beginning of the file."""
        self._parser = Parser()
        self._readings = self._all()
        self._next = next(self._readings, None)
        if self._next is None:
            what = "sample" if self._is_recording else "packet of a headset"
            self._ending = f"{self._path} holds no {what}, so there is nothing to replay"
        self._origin = self._clock()

    def close(self) -> None:
        """Close the file."""
        self._readings, self._next = iter(()), None

    def read(self, timeout: float) -> list[Reading]:
        """The readings that are due now.

        Raises:
            DeviceEndedError: the file has ended, or is not open.
        """
        if self._next is None:
            raise DeviceEndedError(self._ending)
        found = self._due()
        if not found:
            self._wait(min(timeout, _TICK_S))
            found = self._due()
        return found

    def _due(self) -> list[Reading]:
        elapsed = self._clock() - self._origin
        found: list[Reading] = []
        while self._next is not None and (self._next.device_time or 0.0) <= elapsed and len(found) < _MOST:
            found.append(self._next)
            self._next = next(self._readings, None)
        return found

    def _all(self) -> Iterator[Reading]:
        """Every reading with the time when it is due, in seconds from the beginning."""
        play = self._recorded if self._is_recording else self._captured
        began = ended = 0.0
        while True:
            for at, signal, value in play():
                ended = began + at / self._speed
                yield Reading(signal, value, ended)
            if not self._loop or ended == began:
                return
            began = ended

    def _recorded(self) -> Iterator[tuple[float, str, float]]:
        shift = last = 0.0
        playing = 0
        for sitting, block in sample_blocks(self._path):
            self._packets += 1
            for at, signal, value in block:
                if sitting != playing or at - shift - last > _GAP_S:
                    shift, playing = at - last, sitting
                last = max(last, at - shift)
                yield last, signal, value

    def _captured(self) -> Iterator[tuple[float, str, float]]:
        raws = 0
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                for signal, value, _ in as_percent(self._parser.feed(piece)):
                    raws += signal == "raw"
                    yield raws / RAW_HZ, signal, value
        for signal, value, _ in as_percent(self._parser.finish()):
            raws += signal == "raw"
            yield raws / RAW_HZ, signal, value
