"""``thinkgear:PORT``: a NeuroSky headset on a serial port, a pseudo-terminal or a ``socket://HOST:PORT`` URL."""

from __future__ import annotations

import os
from typing import Any

from joryu.labelling.devices.device import Counts, DeviceLostError, Reading, library
from joryu.labelling.devices.thinkgear import Parser, as_percent

BAUD = 57600  #: 8N1 over Bluetooth's serial port profile
_GATHER_S = 0.05  #: seconds that one read waits for more; a headset sends 4 kB per second


class ThinkGearSerial:
    """A headset whose ThinkGear stream is read with pyserial.

    Args:
        port: ``/dev/rfcomm0``, ``COM5``, a pseudo-terminal, or a URL of pyserial (``socket://``, ``rfc2217://``).

    Raises:
        MissingExtraError: pyserial is not installed.
    """

    def __init__(self, port: str) -> None:
        self.name = f"thinkgear:{port}"
        self._serial = library("serial", "pyserial", "a headset on a serial port")
        self._port = port
        self._line: Any = None
        self._parser = Parser()

    @property
    def counts(self) -> Counts:
        """The counts of the parser."""
        return self._parser.counts

    def open(self) -> None:
        """Open the port.

        Raises:
            DeviceLostError: it is not there, or another program uses it.
        """
        try:
            self._line = self._serial.serial_for_url(self._port, baudrate=BAUD, timeout=_GATHER_S)
        except (OSError, ValueError) as error:  # a SerialException is an OSError
            number = getattr(error, "errno", None)  # pyserial's own message repeats the port and the error
            raise DeviceLostError(
                f"cannot open {self._port}",
                received=os.strerror(number) if number else error,
                hint="is the headset on, paired and not in use elsewhere?",
            ) from error

    def read(self, timeout: float) -> list[Reading]:
        """The readings that came within the time-out, of which at most 50 ms are used.

        Raises:
            DeviceLostError: the connection broke, or is not open.
        """
        if self._line is None:
            raise DeviceLostError(f"{self._port} is not open")
        try:
            data = self._line.read(4096)
        except OSError as error:
            raise DeviceLostError(f"{self._port} hung up", received=error) from error
        return as_percent(self._parser.feed(data))

    def close(self) -> None:
        """Close the port; an incomplete packet is dropped."""
        line, self._line = self._line, None
        self._parser.finish()
        if line is not None:
            line.close()
