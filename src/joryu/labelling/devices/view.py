"""Show a device's state in the terminal: one line, or a small live view."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from joryu.labelling.devices.attached import Attached
from joryu.labelling.devices.signals import BANDS, OFF_HEAD
from joryu.labelling.devices.state import DeviceState, Status

_BAR = 40
_STYLES = {Status.CONNECTED: "green", Status.WAITING: "yellow", Status.LOST: "red", Status.ENDED: "dim"}
_POWERS = (2.0, 7.0)  #: base-10 logarithms of the least and the greatest band power on the bars


def watch(attached: Attached, seconds: float | None = None, *, every: float = 1.0) -> Iterator[DeviceState]:
    """Yield the state of a device every ``every`` seconds, until ``seconds`` are over or the device has ended."""
    began = turn = time.monotonic()
    while True:
        turn += every
        end = turn if seconds is None else min(turn, began + seconds)
        while attached.running and time.monotonic() < end:
            time.sleep(max(0.0, min(0.05, end - time.monotonic())))
        state = attached.state()
        yield state
        if state.status is Status.ENDED or (seconds is not None and time.monotonic() >= began + seconds):
            return


def line(state: DeviceState) -> str:
    """The state as one line; unknown values are a dash.

    >>> line(DeviceState(device="simulator", status=Status.CONNECTED, attention=53.0, poor_signal=0.0, packets=512))
    'connected  signal good  attention 53  meditation –  heart rate –  512 packets, 0 bad'
    """
    parts = [
        str(state.status),
        f"signal {_quality(state)}",
        f"attention {_number(state.attention)}",
        f"meditation {_number(state.meditation)}",
        f"heart rate {_number(state.heart_rate)}",
        f"{state.packets} packets, {state.bad} bad",
        state.reason or "",
    ]
    return "  ".join(part for part in parts if part)


def page(state: DeviceState) -> RenderableType:
    """The live view: signal quality, attention, meditation, and the bands as bars on a logarithmic scale."""
    head = Text.assemble((str(state.status), _STYLES[state.status]), "  ", state.device)
    if state.reason:
        head.append(f"\n{state.reason}", style="dim")
    table = Table.grid(padding=(0, 2))
    table.add_row("signal", _quality(state), "")
    for name, value in (("attention", state.attention), ("meditation", state.meditation)):
        table.add_row(name, _number(value), ProgressBar(100, value or 0, width=_BAR))
    table.add_row("heart rate", _number(state.heart_rate), "")
    low, high = _POWERS
    for name in BANDS if state.bands else ():
        power = state.bands.get(name)
        share = 0.0 if power is None else (math.log10(max(power, 1.0)) - low) / (high - low)
        table.add_row(name.replace("_", " "), _number(power), ProgressBar(1, min(1.0, max(0.0, share)), width=_BAR))
    if state.battery is not None:
        table.add_row("battery", f"{state.battery:.0f} %", "")
    foot = f"{state.packets} packets, {state.bad} bad, last {_age(state)}; Ctrl-C stops"
    return Group(head, table, Text(foot, style="dim"))


def _quality(state: DeviceState) -> str:
    if state.poor_signal is None:
        return "–"
    if state.poor_signal >= OFF_HEAD:
        return "off the head"
    return "good" if state.poor_signal == 0 else f"poor ({state.poor_signal:.0f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _age(state: DeviceState) -> str:
    return "never" if state.age is None else f"{state.age:.1f} s ago"
