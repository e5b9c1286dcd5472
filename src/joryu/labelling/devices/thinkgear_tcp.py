r"""``thinkgear-tcp:[HOST[:PORT]]``: NeuroSky's ThinkGear Connector, which sends JSON objects separated by ``\r``."""

from __future__ import annotations

import json
import socket
from typing import Any, TypeGuard

from joryu.labelling.devices.device import Counts, DeviceLostError, Reading
from joryu.labelling.devices.signals import BANDS, ESENSE

HOST, PORT = "127.0.0.1", 13854
MOST = 2**16  #: the longest line in bytes; longer ones are dropped
_CONNECT_S = 3.0
_POWERS = dict(
    zip(("delta", "theta", "lowAlpha", "highAlpha", "lowBeta", "highBeta", "lowGamma", "highGamma"), BANDS, strict=True)
)


class ConnectorDecoder:
    r"""Parses the Connector's stream: bytes in, readings out, no I/O.

    Before the Connector has read our request it sends ThinkGear packets, so everything that is not a JSON object is
    skipped. Unknown keys and values of another type are left out.

    >>> decoder = ConnectorDecoder()
    >>> decoder.feed(b'\xaa\xaa\x04\x80{"poorSignalLevel":0,"eSense":{"attention":53,')
    []
    >>> [(name, value) for name, value, _ in decoder.feed(b'"meditation":47}}\r')]
    [('poor_signal', 0.0), ('attention', 53.0), ('meditation', 47.0)]
    """

    def __init__(self) -> None:
        self._rest = b""
        self.packets = self.bad = self.skipped = 0

    @property
    def counts(self) -> Counts:
        """JSON objects, lines without one after the first object, and bytes that are not JSON."""
        return Counts(self.packets, self.bad, self.skipped)

    def feed(self, data: bytes) -> list[Reading]:
        """Add bytes; returns the readings of all objects that are now complete."""
        *lines, self._rest = (self._rest + data).split(b"\r")
        if len(self._rest) > MOST:
            self._drop(self._rest)
            self._rest = b""
        return [reading for line in lines for reading in self._line(line)]

    def finish(self) -> None:
        """End the stream; an incomplete object is dropped."""
        self._rest = b""

    def _line(self, line: bytes) -> list[Reading]:
        if not line.strip():
            return []
        start = line.find(b"{")
        while start >= 0 and len(line) <= MOST:  # a packet may contain a brace too
            try:
                found = json.loads(line[start:])
            except (ValueError, RecursionError):
                start = line.find(b"{", start + 1)
                continue
            self.skipped += start
            self.packets += 1
            return _readings(found)
        self._drop(line)
        return []

    def _drop(self, line: bytes) -> None:
        self.skipped += len(line) + 1
        self.bad += bool(self.packets)


def _readings(found: dict[str, Any]) -> list[Reading]:
    esense, powers = found.get("eSense"), found.get("eegPower")
    pairs = [("poor_signal", found.get("poorSignalLevel")), ("raw", found.get("rawEeg"))]
    pairs.append(("blink", found.get("blinkStrength")))
    if isinstance(esense, dict):
        pairs += [(name, esense.get(name)) for name in ESENSE]
    if isinstance(powers, dict):
        pairs += [(name, powers.get(key)) for key, name in _POWERS.items()]
    return [Reading(name, float(value)) for name, value in pairs if _is_number(value)]


def _is_number(value: object) -> TypeGuard[float]:
    # JSON allows integers too large for a float, and Python's reader also accepts NaN and Infinity.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


class ThinkGearConnector:
    """A headset behind NeuroSky's Connector, usually on the same machine.

    Args:
        host: the Connector's host.
        port: the Connector's port.
    """

    def __init__(self, host: str = HOST, port: int = PORT) -> None:
        self.name = f"thinkgear-tcp:{host}:{port}"
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._decoder = ConnectorDecoder()

    @property
    def counts(self) -> Counts:
        """The counts of the decoder."""
        return self._decoder.counts

    def open(self) -> None:
        """Connect and ask for JSON with raw values.

        Raises:
            DeviceLostError: the Connector does not answer.
        """
        try:
            self._socket = socket.create_connection(self._address, _CONNECT_S)
            self._socket.sendall(json.dumps({"enableRawOutput": True, "format": "Json"}).encode())
        except OSError as error:
            self.close()
            host, port = self._address
            raise DeviceLostError(
                f"no ThinkGear Connector at {host}:{port}", received=error, hint="start the Connector"
            ) from error

    def read(self, timeout: float) -> list[Reading]:
        """The readings that came within the time-out.

        Raises:
            DeviceLostError: the Connector hung up, or is not open.
        """
        if self._socket is None:
            raise DeviceLostError("the ThinkGear Connector is not open")
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return []
        except OSError as error:
            raise DeviceLostError("the ThinkGear Connector hung up", received=error) from error
        if not data:
            raise DeviceLostError("the ThinkGear Connector hung up")
        return self._decoder.feed(data)

    def close(self) -> None:
        """Close the connection."""
        line, self._socket = self._socket, None
        self._decoder.finish()
        if line is not None:
            line.close()
