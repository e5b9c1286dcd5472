"""What can be said of a device at one moment: for the strip on the page and the view in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from joryu.labelling.devices.signals import OFF_HEAD


class Status(StrEnum):
    """How it goes with a device."""

    WAITING = "waiting"  #: nothing has come yet
    CONNECTED = "connected"
    LOST = "lost"  #: it was there; it is tried again
    ENDED = "ended"  #: a recording is over, or somebody stopped it: it is not tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """A snapshot. What is not known, stale or not to be believed is ``None``, never 0.

    Args:
        device: the spec.
        status: waiting, connected, lost or ended.
        reason: why it is not connected, or what else went wrong lately, for people.
        poor_signal: 0 good … 200 off the head.
        attention: 1–100.
        meditation: 1–100.
        heart_rate: beats a minute.
        bands: powers by name, without a unit; empty when there are none to believe.
        battery: percent.
        packets: whole packets so far.
        bad: packets that were broken.
        age: seconds since anything came.
        clock_offset: seconds our clock is ahead of the device's.
        clock_steps: how often the device's clock was set back or forward while it was read.
        reconnections: how often the device came back.
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
        """For the page and for scripts."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**facts, "bands": dict(self.bands), "status": str(self.status), "off_head": self.off_head}
