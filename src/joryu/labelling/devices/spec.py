"""Devices from specs, for the command line: ``thinkgear:/dev/rfcomm0``, ``heart-rate``, ``simulator``, …"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from joryu.errors import InputError, did_you_mean
from joryu.labelling.devices import brainflow_board
from joryu.labelling.devices.brainflow_board import BrainFlowBoard
from joryu.labelling.devices.device import Device
from joryu.labelling.devices.heart_rate import BleHeartRate
from joryu.labelling.devices.lsl_inlet import LslInlet
from joryu.labelling.devices.replay import Replay
from joryu.labelling.devices.simulator import Simulator
from joryu.labelling.devices.thinkgear_serial import ThinkGearSerial
from joryu.labelling.devices.thinkgear_tcp import HOST, PORT, ThinkGearConnector


class Family(NamedTuple):
    """One kind of device: the form of its spec, a description, its library, and how to make one from a spec."""

    usage: str
    what: str
    module: str | None
    make: Callable[[str], Device]

    @property
    def installed(self) -> bool:
        """Whether its library is installed."""
        return self.module is None or importlib.util.find_spec(self.module) is not None


def open_device(spec: str) -> Device:
    """Make the device that a spec names. It is not opened yet; `Attached` opens it.

    Raises:
        InputError: the kind is unknown, or the rest of the spec is not usable.
        MissingExtraError: its library is not installed.

    >>> open_device("simulator:seed=3").name
    'simulator:seed=3'
    >>> open_device("thinkgaer:/dev/rfcomm0")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    joryu.errors.InputError: unknown device 'thinkgaer:/dev/rfcomm0' (expected thinkgear:PORT, ...); did you mean \
thinkgear:PORT?
    """
    kind, _, rest = spec.partition(":")
    family = FAMILIES.get(kind)
    if family is not None:
        return family.make(rest)
    hint = did_you_mean(kind.lower(), FAMILIES, written=lambda name: FAMILIES[name].usage, most=1)
    if hint is None and (spec.startswith(("/dev/", "COM")) or "://" in spec):
        hint = f"did you mean thinkgear:{spec}?"
    elif hint is None and Path(spec).is_file():
        hint = f"did you mean replay:{spec}?"
    usages = ", ".join(family.usage for family in FAMILIES.values())
    raise InputError(f"unknown device {spec!r}", expected=usages, hint=hint)


def _thinkgear(rest: str) -> Device:
    if not rest:
        raise InputError("thinkgear needs a port", expected="thinkgear:PORT", hint="joryu devices list shows the ports")
    return ThinkGearSerial(rest)


def _connector(rest: str) -> Device:
    host, _, port = rest.rpartition(":") if ":" in rest else (rest, "", str(PORT))
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise InputError("the Connector's port is not usable", expected="1 to 65535", received=port or "nothing")
    return ThinkGearConnector(host.strip("[]") or HOST, int(port))


def _lsl(rest: str) -> Device:
    by, given, value = rest.partition("=")
    by, value = (by, value) if given and by in ("name", "type", "source_id") else ("name", rest)
    if not value:
        raise InputError("lsl needs the name of a stream", expected="lsl:NAME, lsl:type=TYPE or lsl:source_id=ID")
    return LslInlet(value, by)


def _brainflow(rest: str) -> Device:
    board, options = _options(rest, tuple(brainflow_board.PARAMETERS))
    return BrainFlowBoard(board or "synthetic", options)


def _replay(rest: str) -> Device:
    path, options = _options(rest, ("speed", "loop"))
    if not path:
        raise InputError("replay needs a file", expected="replay:FILE[,speed=X][,loop=yes]")
    loop = options.get("loop", "no")
    if loop not in ("yes", "no"):
        raise InputError("loop is not usable", expected="yes or no", received=loop)
    return Replay(Path(path), speed=_number("speed", options.get("speed", "1")), loop=loop == "yes")


def _simulator(rest: str) -> Device:
    name, options = _options(f",{rest}" if rest else "", ("seed",))
    seed = options.get("seed", "0")
    if name or not seed.isascii() or not seed.isdigit():
        raise InputError("the simulator's seed is not usable", expected="simulator or simulator:seed=N", received=rest)
    return Simulator(int(seed))


def _options(rest: str, known: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Split a name from the options ``key=value`` after it. A comma without a known key after it is part of the name.

    >>> _options("a,b.bin,speed=2", ("speed", "loop"))
    ('a,b.bin', {'speed': '2'})
    """
    parts, found = rest.split(","), {}
    while len(parts) > 1 and "=" in parts[-1]:
        key, _, value = parts[-1].partition("=")
        if key not in known:
            hint = did_you_mean(key, known, written="{}=…".format)
            raise InputError(f"unknown option {key!r}", expected=" or ".join(known), hint=hint)
        found[key] = value
        parts.pop()
    return ",".join(parts), dict(reversed(found.items()))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{name} is not usable", expected="a number", received=text) from error


#: to add a device: its file, one row here, one row in the contract test
FAMILIES: Mapping[str, Family] = {
    "thinkgear": Family("thinkgear:PORT", "NeuroSky headset on a serial port or socket:// URL", "serial", _thinkgear),
    "thinkgear-tcp": Family("thinkgear-tcp[:HOST:PORT]", "NeuroSky's ThinkGear Connector", None, _connector),
    "heart-rate": Family(
        "heart-rate[:ADDRESS]", "heart-rate sensor over Bluetooth LE", "bleak", lambda rest: BleHeartRate(rest or None)
    ),
    "lsl": Family("lsl:NAME", "Lab Streaming Layer stream", "pylsl", _lsl),
    "brainflow": Family("brainflow:BOARD[,KEY=VALUE…]", "any board BrainFlow knows", "brainflow", _brainflow),
    "replay": Family("replay:FILE[,speed=X][,loop=yes]", "a recording, or a capture of a headset", None, _replay),
    "simulator": Family("simulator[:seed=N]", "plausible numbers from a seed", None, _simulator),
}
