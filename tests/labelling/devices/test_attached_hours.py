"""A device in use for long: an hour at 512 Hz in simulated time, ten minutes of bytes, a sitting that is recorded."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from simulated_time import Kept, Time

from joryu.labelling.devices import Attached, Counts, Reading, Recorder, Sample, Status, read_recording
from joryu.labelling.devices.history import MOST_SAMPLES
from joryu.labelling.devices.simulator import Simulator
from joryu.labelling.devices.thinkgear import Parser


class Headset:
    """A simulated headset as bytes, parsed again, as on a serial line."""

    name = "headset"

    def __init__(self, time: Time) -> None:
        self._simulator = Simulator(7, clock=time, wait=time.wait)
        self._parser = Parser()
        self.open, self.close = self._simulator.open, self._simulator.close

    @property
    def counts(self) -> Counts:
        return self._parser.counts

    def read(self, timeout: float) -> list[Reading]:
        raws = [reading.value for reading in self._simulator.read(timeout) if reading.signal == "raw"]
        return self._parser.feed(b"".join(map(_raw_packet, raws)))


def _raw_packet(value: float) -> bytes:
    high, low = divmod(int(value) & 0xFFFF, 256)
    return bytes((0xAA, 0xAA, 4, 0x80, 2, high, low, ~(0x82 + high + low) & 0xFF))


class Counting(Kept):
    """Counts raw values, and by how much their stamps differ from n / 512."""

    def __init__(self) -> None:
        super().__init__()
        self.raws, self.slow, self.worst, self.latest = 0, 0, 0.0, 0.0

    def take(self, samples: Sequence[Sample]) -> None:
        for at, signal, _ in samples:
            if signal == "raw":
                self.raws += 1
                self.worst = max(self.worst, abs(at - 1000 - self.raws / 512))
                self.latest = at
            elif signal == "attention":
                self.slow += 1


@pytest.mark.slow
def test_an_hour_at_512_hz_neither_drifts_nor_loses_nor_grows() -> None:
    time, sink = Time(), Counting()
    attached = Attached(Simulator(7, clock=time, wait=time.wait), clock=time, sinks=[sink])
    before = grown = 0
    for minute in range(60):
        if minute == 10:  # what is kept is full by now
            tracemalloc.start()
        elif minute == 11:
            before = tracemalloc.get_traced_memory()[0]
        elif minute == 12:
            grown = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
        while time.now < 1000 + 60 * (minute + 1):
            attached.step()
        assert attached.state().status is Status.CONNECTED
        assert time.now - sink.latest < 0.06
    assert grown < 200_000  # that minute was 0.5 MB as bare numbers, 7 MB as readings
    assert sink.raws == pytest.approx(3600 * 512, abs=0.06 * 512)
    assert sink.slow in (3599, 3600)
    assert sink.worst < 0.05 + 1e-6  # one tick, and no more at the end than at the beginning
    assert attached.state().packets == sink.raws + sink.slow
    assert attached.state().bad == 0
    assert len(attached.history) == MOST_SAMPLES + 12 * sink.slow


@pytest.mark.slow
def test_ten_minutes_of_bytes_lose_nothing() -> None:
    time, sink = Time(), Counting()
    attached = Attached(Headset(time), clock=time, sinks=[sink])
    while time.now < 1600:
        attached.step()
    assert sink.raws == pytest.approx(600 * 512, abs=0.06 * 512)
    assert sink.worst < 0.06
    assert attached.device.counts == Counts(sink.raws, 0, 0)


def test_a_sitting_recorded_in_simulated_time_reads_back(tmp_path: Path) -> None:
    time = Time()
    path, kept = tmp_path / "session.bin", Kept()
    recorder = Recorder(path, "simulator", clock=time)
    attached = Attached(Simulator(7, clock=time, wait=time.wait), clock=time, sinks=[recorder, kept])
    while time.now < 1060:
        attached.step()
    attached.stop()
    found = read_recording(path)
    assert found.samples == kept.samples
    assert len(found.samples) > 60 * 512
    assert [note["at"] for note in found.notes if note["what"] == "clock"] == pytest.approx(
        [1000.05, 1010.05, 1020.05, 1030.05, 1040.05, 1050.05], abs=0.5
    )
