"""`LslOutlet`: publish a device's samples as a Lab Streaming Layer stream, for LabRecorder and similar programs."""

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
    """A `Sink` that publishes samples: one channel per signal, one row per moment, NaN where nothing was measured.

    **Anybody on the local network can find and read an LSL stream.** Signals are health data, so Joryu only makes an
    outlet if it is explicitly asked to.

    Args:
        name: the stream's name.
        signals: the channels; other signals are not sent.
        clock: the clock of the samples' times.

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
        """Send samples."""
        for at, moment in groupby(samples, key=lambda sample: sample.at):
            for row in self._rows(moment):
                self._outlet.push_sample(row, at + self._ahead)

    def note(self, what: str, facts: Mapping[str, Any]) -> None:
        """Do nothing: the stream holds only numbers."""

    def close(self) -> None:
        """End the stream."""
        self._outlet = None

    def _rows(self, moment: Any) -> list[list[float]]:
        """One row per moment, or several if a signal has several values at the same moment."""
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
