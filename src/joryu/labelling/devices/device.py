"""What a device is: something that is opened, read a little at a time, and closed; the rest is the same for all."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from joryu.errors import JoryuError, MissingExtraError


class Reading(NamedTuple):
    """One number from a device.

    ``signal`` names it (`joryu.labelling.devices.signals`); ``device_time`` is the device's own clock in seconds, from
    an origin of its own, where it has one.
    """

    signal: str
    value: float
    device_time: float | None = None


class Sample(NamedTuple):
    """A reading on this machine's monotonic clock, in seconds."""

    at: float
    signal: str
    value: float


class Counts(NamedTuple):
    """What came over a line since the device was made: whole ``packets``, ``bad`` ones (a wrong checksum, a field that
    is not what it must be) and bytes that were ``skipped`` to find the next packet.
    """

    packets: int = 0
    bad: int = 0
    skipped: int = 0


class DeviceLostError(JoryuError):
    """The device is not there, or no longer; opening it again may help."""


class DeviceEndedError(JoryuError):
    """A device that has an end (a recording) has reached it."""


class Device(Protocol):
    """A source of readings, used by one thread at a time.

    ``name`` is the spec it was made from. It may be opened again after ``close``, which is always allowed; nothing of
    it blocks for longer than a few seconds, and ``read`` for not much longer than its time-out.
    """

    name: str

    @property
    def counts(self) -> Counts:
        """What came so far, over all openings."""

    def open(self) -> None:
        """Connect.

        Raises:
            DeviceLostError: it is not there (yet).
        """

    def read(self, timeout: float) -> Sequence[Reading]:
        """What has come, in order; empty when nothing does within ``timeout`` seconds.

        Raises:
            DeviceLostError: the connection is gone.
            DeviceEndedError: there will never be more.
        """

    def close(self) -> None:
        """Let go of it."""


class Sink(Protocol):
    """Something that is given every sample, in order, by the thread that reads the device.

    An ``OSError`` says that it cannot take any now: it is given the next ones all the same, and keeps what it can.
    """

    def take(self, samples: Sequence[Sample]) -> None:
        """Samples as they come."""

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Something about the device: its state changed, its clock was compared with ours."""

    def close(self) -> None:
        """No more will come."""


def library(module: str, package: str, purpose: str) -> Any:
    """An optional library, imported when it is first needed.

    Raises:
        MissingExtraError: it is not there, or what it stands on is not (liblsl, a driver).
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        raise MissingExtraError(package, "devices", purpose) from error
