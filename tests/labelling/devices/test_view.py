"""The terminal view: a dash for what is not known, never a 0."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from joryu.labelling.devices import DeviceState, Status
from joryu.labelling.devices.view import line, page


def state(**facts: Any) -> DeviceState:
    return DeviceState(**{"device": "thinkgear:/dev/rfcomm0", "status": Status.CONNECTED} | facts)


def drawn(shown: DeviceState) -> dict[str, str]:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(page(shown))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return {row[:11].strip(): row[11:].strip() for row in text.splitlines()}


def test_a_line() -> None:
    assert line(state(poor_signal=26.0, attention=53.4, heart_rate=71.0, packets=9, bad=2)) == (
        "connected  signal poor (26)  attention 53  meditation –  heart rate 71  9 packets, 2 bad"
    )
    lost = line(state(status=Status.LOST, reason="nothing came for 5 s"))
    assert lost == "lost  signal –  attention –  meditation –  heart rate –  0 packets, 0 bad  nothing came for 5 s"


@pytest.mark.parametrize(
    ("poor", "words"), [(None, "–"), (0.0, "good"), (1.0, "poor (1)"), (199.0, "poor (199)"), (200.0, "off the head")]
)
def test_quality(poor: float | None, words: str) -> None:
    assert f"signal {words}  " in line(state(poor_signal=poor))
    assert drawn(state(poor_signal=poor))["signal"] == words


def test_the_page() -> None:
    rows = drawn(
        state(attention=50.0, bands={"delta": 10**4.5, "theta": 5e9, "low_alpha": 3.0}, battery=81.6, age=0.21)
    )
    assert rows["attention"].startswith("50 ")
    assert rows["meditation"].startswith("–")
    assert rows["delta"].startswith("31623 ")
    assert rows["low beta"].startswith("–")
    assert rows["battery"] == "82 %"
    assert any("last 0.2 s ago" in " ".join(row) for row in rows.items())


def test_the_page_without_bands_and_with_a_reason() -> None:
    rows = drawn(state(status=Status.LOST, reason="[Errno 5] nothing [red]came[/red]"))
    assert "delta" not in rows
    assert any("[red]came[/red]" in "".join(row) for row in rows.items())  # a driver's words are not markup
