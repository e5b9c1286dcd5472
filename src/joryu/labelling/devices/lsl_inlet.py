"""``lsl:NAME`` or ``lsl:type=EEG``: a stream of the Lab Streaming Layer on this network."""

from __future__ import annotations

import math
import re
from typing import Any

from joryu.labelling.devices.device import Counts, DeviceLostError, Reading, library

_FIND_S = 2.0
_BUFFER_S = 30  #: seconds of an unread stream that liblsl keeps


class LslInlet:
    """Every channel of a stream as a signal of its own, on the sender's clock.

    A signal is named after its channel's label (``attention``, ``eeg_fp1``), in lower-case letters, digits and
    underscores; without a label, after the stream's type and a number (``eeg_1``). Missing values (NaN, infinite) and
    text are left out. ``counts`` counts rows of the stream.

    Args:
        value: the value that the stream's property must have.
        by: the property: ``name``, ``type`` or ``source_id``.

    Raises:
        MissingExtraError: pylsl or liblsl is not installed.
    """

    def __init__(self, value: str, by: str = "name") -> None:
        self.name = f"lsl:{value}" if by == "name" else f"lsl:{by}={value}"
        self._lsl = library("pylsl", "pylsl (with liblsl)", "a Lab Streaming Layer stream")
        self._value, self._by = value, by
        self._inlet: Any = None
        self._signals: tuple[str, ...] = ()
        self.counts = Counts()

    def open(self) -> None:
        """Find the stream and subscribe.

        Raises:
            DeviceLostError: there is no such stream on this network.
        """
        lsl = self._lsl
        found = lsl.resolve_byprop(self._by, self._value, 1, _FIND_S)
        if not found:
            raise DeviceLostError(f"no LSL stream with {self._by} {self._value!r}", hint="is its sender running?")
        # Time stamps are converted to this machine's LSL clock. A lost stream is an error; liblsl does not wait for it.
        inlet = lsl.StreamInlet(found[0], max_buflen=_BUFFER_S, recover=False, processing_flags=lsl.proc_clocksync)
        try:
            inlet.open_stream(_FIND_S)
            self._signals = _signals(inlet.info(_FIND_S))
        except (lsl.LostError, lsl.TimeoutError, TimeoutError, RuntimeError) as error:
            raise DeviceLostError(f"the LSL stream {self._value!r} does not answer", received=error) from error
        self._inlet = inlet

    def read(self, timeout: float) -> list[Reading]:
        """The readings that came within the time-out.

        Raises:
            DeviceLostError: the stream ended, or is not open.
        """
        if self._inlet is None:
            raise DeviceLostError(f"the LSL stream {self._value!r} is not open")
        try:
            rows, times = self._inlet.pull_chunk(timeout, 1024)
        except (self._lsl.LostError, RuntimeError) as error:
            raise DeviceLostError(f"the LSL stream {self._value!r} ended", received=error) from error
        self.counts = Counts(self.counts.packets + len(rows))
        return [
            Reading(signal, float(value), at)
            for row, at in zip(rows, times, strict=True)
            for signal, value in zip(self._signals, row, strict=True)
            if isinstance(value, int | float) and math.isfinite(value)
        ]

    def close(self) -> None:
        """Unsubscribe."""
        inlet, self._inlet = self._inlet, None
        if inlet is not None:
            inlet.close_stream()


def _signals(info: Any) -> tuple[str, ...]:
    """A distinct name for each channel."""
    kind, n = info.type() or "channel", info.channel_count()
    labels: list[str] = []
    channel = info.desc().child("channels").child("channel")
    for _ in range(n):
        labels.append(channel.child_value("label"))
        channel = channel.next_sibling("channel")
    names = [_plain(label) or f"{_plain(kind)}_{at}" for at, label in enumerate(labels, 1)]
    return tuple(name if names.count(name) == 1 else f"{name}_{at}" for at, name in enumerate(names, 1))


def _plain(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")
