"""`DeviceState`: a snapshot of a device, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from joryu.labelling.devices.signals import OFF_HEAD


class Status(StrEnum):
    """The status of a device."""

    WAITING = "waiting"  #: nothing has come yet
    CONNECTED = "connected"
    LOST = "lost"  #: the connection was lost; it will be tried again
    ENDED = "ended"  #: a recording is over, or the device was stopped; it is not tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """A snapshot of a device. A value that is unknown, too old or not believable is ``None``, never 0.

    Args:
        device: the spec.
        status: waiting, connected, lost or ended.
        reason: why it is not connected, or what else went wrong recently, in words.
        poor_signal: from 0 (good) to 200 (off the head).
        attention: 1–100.
        meditation: 1–100.
        heart_rate: beats per minute.
        bands: powers by name, without a unit; empty if none is believable.
        battery: percent.
        packets: whole packets so far.
        bad: damaged packets so far.
        age: seconds since something came.
        clock_offset: seconds by which our clock is ahead of the device's.
        clock_steps: how often the device's clock was set back or forward while it was read.
        reconnections: how often the device was connected again.
    """

    device: str
    status: Status
    reason: str | None = None
    poor_signal: float | None = None
    attention: float | None = None
    meditation: float | None = None
    heart_rate: float | None = None
    bands: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    battery: float | None = None
    packets: int = 0
    bad: int = 0
    age: float | None = None
    clock_offset: float | None = None
    clock_steps: int = 0
    reconnections: int = 0

    @property
    def off_head(self) -> bool:
        """Whether the electrodes do not touch the skin.

        >>> DeviceState(device="simulator", status=Status.CONNECTED, poor_signal=200.0).off_head
        True
        """
        return self.poor_signal is not None and self.poor_signal >= OFF_HEAD

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON-able data, for the page and for scripts."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**facts, "bands": dict(self.bands), "status": str(self.status), "off_head": self.off_head}
