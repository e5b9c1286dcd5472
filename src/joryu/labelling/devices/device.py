"""`Device`: what every device must provide: open, read and close."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from joryu.errors import JoryuError, MissingExtraError


class Reading(NamedTuple):
    """One number from a device.

    ``signal`` is its name (`joryu.labelling.devices.signals`). ``device_time`` is the time on the device's own clock in
    seconds, with an arbitrary origin; ``None`` if the device has no clock.
    """

    signal: str
    value: float
    device_time: float | None = None


class Sample(NamedTuple):
    """A reading with its time ``at`` on this machine's monotonic clock, in seconds."""

    at: float
    signal: str
    value: float


class Counts(NamedTuple):
    """What was received since the device was made: whole ``packets``, ``bad`` ones (a wrong checksum or field) and
    bytes that were ``skipped`` to find the next packet.
    """

    packets: int = 0
    bad: int = 0
    skipped: int = 0


class DeviceLostError(JoryuError):
    """The device is not there, or was lost; opening it again may help."""


class DeviceEndedError(JoryuError):
    """A device with an end (a recording) has reached it."""


class Device(Protocol):
    """A source of readings, used by one thread at a time.

    ``name`` is the spec it was made from. ``close`` is always allowed, and the device may be opened again after it. No
    call blocks longer than a few seconds, and ``read`` not much longer than its time-out.
    """

    name: str

    @property
    def counts(self) -> Counts:
        """What was received so far, over all openings."""

    def open(self) -> None:
        """Connect.

        Raises:
            DeviceLostError: the device is not there (yet).
        """

    def read(self, timeout: float) -> Sequence[Reading]:
        """The readings that have come, in order; empty if none comes within ``timeout`` seconds.

        Raises:
            DeviceLostError: the connection was lost.
            DeviceEndedError: there are no more readings (the end of a recording).
        """

    def close(self) -> None:
        """Release the device."""


class Sink(Protocol):
    """Something that receives every sample, in order, from the thread that reads the device.

    An ``OSError`` says that it cannot take samples at present; it still receives the next ones.
    """

    def take(self, samples: Sequence[Sample]) -> None:
        """Receive samples."""

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Receive a remark about the device: a change of its state, or a measurement of its clock's offset."""

    def close(self) -> None:
        """Called once, after the last sample."""


def library(module: str, package: str, purpose: str) -> Any:
    """Import an optional library when it is first needed.

    Raises:
        MissingExtraError: it is not installed, or something that it needs is not (liblsl, a driver).
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingExtraError(package, "devices", purpose) from error
