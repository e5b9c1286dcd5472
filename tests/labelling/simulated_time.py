"""A clock that goes on when told, and what keeps what a device gave; for the tests of devices in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from joryu.labelling.devices import Sample


class Time:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Kept:
    """What a device gave, kept."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.notes: list[tuple[str, Any]] = []
        self.closed = 0

    def take(self, samples: Sequence[Sample]) -> None:
        self.samples += samples

    def note(self, what: str, facts: Any) -> None:
        self.notes.append((what, facts))

    def close(self) -> None:
        self.closed += 1
