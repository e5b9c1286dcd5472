"""``heart-rate[:ADDRESS]``: any chest strap or watch with the Bluetooth Heart Rate Service."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from joryu.errors import InputError
from joryu.labelling.devices.device import Counts, DeviceLostError, Reading, library

SERVICE = "0000180d-0000-1000-8000-00805f9b34fb"
MEASUREMENT = "00002a37-0000-1000-8000-00805f9b34fb"
_FIND_S, _LEAVE_S = 5.0, 2.0
_WIDE, _CONTACT, _HAS_CONTACT, _ENERGY, _INTERVALS = 1, 2, 4, 8, 16

T = TypeVar("T")


class HeartRate(NamedTuple):
    """One notification: beats per minute, skin contact (``None``: not measured), energy in kJ, seconds between beats.

    ``cut``: the notification ended inside its last field.
    """

    beats_per_minute: int
    contact: bool | None = None
    energy_kj: int | None = None
    intervals_s: tuple[float, ...] = ()
    cut: bool = False


def parse_heart_rate(data: bytes) -> HeartRate:
    """Parse the value of characteristic 0x2A37 (Bluetooth SIG, *Heart Rate Service* 1.0, §3.1).

    Flags: bit 0: the rate has 16 bits; bit 2: contact is measured, and bit 1 is its value; bit 3: energy follows (16
    bits); bit 4: intervals between beats follow, oldest first, 16 bits each in units of 1/1024 s. All are
    little-endian. Some sensors cut the last interval to fit a packet; every field before the cut is read.

    Raises:
        InputError: the value ends before the rate is complete.

    >>> parse_heart_rate(bytes.fromhex("16480004"))
    HeartRate(beats_per_minute=72, contact=True, energy_kj=None, intervals_s=(1.0,), cut=False)
    >>> parse_heart_rate(bytes.fromhex("104800040002ff")).intervals_s  # and half a third one
    (1.0, 0.5)
    """
    flags = data[0] if data else 0
    layout = "<x" + ("H" if flags & _WIDE else "B")
    size = struct.calcsize(layout)
    if len(data) < size:
        raise InputError(
            "a heart rate that is cut off", expected=f"{size} bytes or more", received=f"{len(data)} bytes"
        )
    (rate,) = struct.unpack_from(layout, data)
    energy, intervals, cut = _fields(flags, data[size:])
    return HeartRate(
        beats_per_minute=rate,
        contact=bool(flags & _CONTACT) if flags & _HAS_CONTACT else None,
        energy_kj=energy,
        intervals_s=tuple(interval / 1024 for interval in intervals),
        cut=cut,
    )


def _fields(flags: int, rest: bytes) -> tuple[int | None, list[int], bool]:
    """The energy and the intervals that follow the rate, and whether one of them is cut."""
    numbers = [number for (number,) in struct.iter_unpack("<H", rest[: len(rest) & ~1])]
    energy = numbers.pop(0) if flags & _ENERGY and numbers else None
    intervals = numbers if flags & _INTERVALS else []
    half = len(rest) % 2 == 1 and bool(flags & _INTERVALS)
    return energy, intervals, half or (bool(flags & _ENERGY) and energy is None)


class BleHeartRate:
    """A heart-rate sensor over Bluetooth LE.

    bleak is asynchronous; its event loop runs inside ``open`` and ``read``, in the calling thread, so there is no
    second thread to stop. Values without skin contact are left out.

    Args:
        address: of the sensor; by default the first one found.
        bleak: the library, or a replacement for tests.

    Raises:
        MissingExtraError: bleak is not installed.
    """

    def __init__(self, address: str | None = None, *, bleak: Any = None) -> None:
        self.name = f"heart-rate:{address}" if address else "heart-rate"
        self._bleak = bleak or library("bleak", "bleak", "a heart-rate sensor over Bluetooth")
        self._address = address
        self._client: Any = None
        self._runner: asyncio.Runner | None = None
        self._came = asyncio.Event()
        self._values: deque[bytes] = deque(maxlen=256)
        self._gone = False
        self._packets = self._bad = 0

    @property
    def counts(self) -> Counts:
        """Notifications received, and those that were cut off."""
        return Counts(self._packets, self._bad)

    def open(self) -> None:
        """Find the sensor, connect and subscribe.

        Raises:
            DeviceLostError: no sensor is in reach, or it does not answer.
        """
        self._runner = asyncio.Runner()
        self._came, self._gone = asyncio.Event(), False
        try:
            self._run(self._connect())
        except DeviceLostError:
            self.close()
            raise

    def read(self, timeout: float) -> list[Reading]:
        """The notifications within the time-out.

        Raises:
            DeviceLostError: the sensor disconnected.
        """
        if not self._values and not self._gone:
            self._run(self._wait(timeout))
        readings = [reading for _ in range(len(self._values)) for reading in self._readings(self._values.popleft())]
        if self._gone and not readings:
            raise DeviceLostError("the heart-rate sensor disconnected")
        return readings

    def close(self) -> None:
        """Disconnect."""
        client, runner = self._client, self._runner
        self._client, self._runner = None, None
        self._values.clear()
        if runner is None:
            return
        with runner:  # its end cancels what bleak has left running
            if client is not None:
                with suppress(self._bleak.BleakError, OSError, EOFError, TimeoutError):
                    runner.run(asyncio.wait_for(client.disconnect(), _LEAVE_S))

    async def _connect(self) -> None:
        found = self._address or await self._bleak.BleakScanner.find_device_by_filter(
            lambda _, advertisement: SERVICE in advertisement.service_uuids, timeout=_FIND_S
        )
        if found is None:
            raise DeviceLostError("no heart-rate sensor is near", hint="wear it: most advertise only on the skin")
        self._client = self._bleak.BleakClient(found, disconnected_callback=self._disconnected, timeout=_FIND_S)
        await self._client.connect()
        await self._client.start_notify(MEASUREMENT, self._notified)

    async def _wait(self, timeout: float) -> None:
        self._came.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._came.wait(), timeout)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._runner is None:
            work.close()
            raise DeviceLostError("the heart-rate sensor is not open")
        try:
            return self._runner.run(work)
        except (self._bleak.BleakError, OSError, EOFError, TimeoutError) as error:
            raise DeviceLostError("the heart-rate sensor cannot be reached", received=error) from error

    def _notified(self, _: Any, value: bytearray) -> None:
        self._values.append(bytes(value))
        self._came.set()

    def _disconnected(self, _: Any) -> None:
        self._gone = True
        self._came.set()

    def _readings(self, value: bytes) -> list[Reading]:
        self._packets += 1
        try:
            beat = parse_heart_rate(value)
        except InputError:
            self._bad += 1
            return []
        self._bad += beat.cut
        if beat.contact is False:
            return []
        intervals = [Reading("rr_ms", 1000 * interval) for interval in beat.intervals_s]
        return [Reading("heart_rate", float(beat.beats_per_minute)), *intervals]
