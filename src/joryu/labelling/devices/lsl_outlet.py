"""`LslOutlet`: send what a device says on as a Lab Streaming Layer stream, for LabRecorder and the like."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from joryu.labelling.devices.device import Sample, library
from joryu.labelling.devices.signals import BANDS, ESENSE

SIGNALS = ("poor_signal", *ESENSE, "heart_rate", "blink", "raw", *BANDS)


class LslOutlet:
    """A `Sink` that publishes the samples: one channel a signal, one row a moment, NaN for what was not measured then.

    **Anybody on the local network can find and read an LSL stream.** Signals are health data: nothing in Joryu makes an
    outlet unless it is asked to by name.

    Args:
        name: of the stream.
        signals: the channels; others are not sent.
        clock: the one samples are stamped on.

    Raises:
        MissingExtraError: pylsl or liblsl is not installed.
    """

    def __init__(
        self, name: str, signals: Sequence[str] = SIGNALS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        lsl: Any = library("pylsl", "pylsl (with liblsl)", "a Lab Streaming Layer outlet")
        self._column = {signal: at for at, signal in enumerate(signals)}
        info = lsl.StreamInfo(name, "Biosignals", len(signals), lsl.IRREGULAR_RATE, lsl.cf_double64, f"joryu-{name}")
        channels = info.desc().append_child("channels")
        for signal in signals:
            channels.append_child("channel").append_child_value("label", signal)
        self._outlet: Any = lsl.StreamOutlet(info)
        self._ahead = lsl.local_clock() - clock()

    def take(self, samples: Sequence[Sample]) -> None:
        """Send them."""
        for at, moment in groupby(samples, key=lambda sample: sample.at):
            for row in self._rows(moment):
                self._outlet.push_sample(row, at + self._ahead)

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Nothing: the stream is numbers only."""

    def close(self) -> None:
        """End the stream."""
        self._outlet = None

    def _rows(self, moment: Any) -> list[list[float]]:
        """One row, or more where a signal came several times at one moment."""
        rows: list[list[float]] = []
        for _, signal, value in moment:
            column = self._column.get(signal)
            if column is None:
                continue
            row = next((row for row in rows if math.isnan(row[column])), None)
            if row is None:
                rows.append(row := [math.nan] * len(self._column))
            row[column] = value
        return rows
