"""List the kinds of devices, and the serial ports of this machine."""

from __future__ import annotations

from typing import NamedTuple

from joryu.errors import MissingExtraError
from joryu.labelling.devices.device import library
from joryu.labelling.devices.spec import FAMILIES


class DeviceKind(NamedTuple):
    """One kind of device; ``lacking`` says how to install its library, if it is missing."""

    name: str
    usage: str
    what: str
    lacking: str | None


class Port(NamedTuple):
    """A serial port, with the spec for a headset on it."""

    spec: str
    what: str


def list_kinds() -> list[DeviceKind]:
    """Every kind of device that Joryu supports.

    >>> [kind.usage for kind in list_kinds() if kind.name == "simulator"]
    ['simulator[:seed=N]']
    """
    lacking = 'pip install "joryu[devices]"'
    return [
        DeviceKind(name, family.usage, family.what, None if family.installed else lacking)
        for name, family in FAMILIES.items()
    ]


def list_ports() -> list[Port]:
    """The serial ports of this machine, including Bluetooth's; empty if pyserial is not installed."""
    try:
        tools = library("serial.tools.list_ports", "pyserial", "listing serial ports")
    except MissingExtraError:
        return []
    return [Port(f"thinkgear:{port.device}", _about(port.description)) for port in sorted(tools.comports())]


def _about(description: str | None) -> str:
    return "serial port" if description in (None, "", "n/a") else f"serial port: {description}"
