"""One set of checks over every device; the rigs are in ``device_rigs``."""

from __future__ import annotations

import itertools
import math
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from device_rigs import PATIENCE, RAW, RIGS, Rig, packet

from joryu.labelling.devices import (
    FAMILIES,
    Attached,
    Counts,
    Device,
    DeviceEndedError,
    DeviceLostError,
    History,
    Reading,
    Recorder,
    Sample,
    Status,
    read_recording,
)


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    made = RIGS[request.param](tmp_path)
    yield made
    made.device.close()
    made.stop()


def until(true: Callable[[], object]) -> bool:
    """Wait for something that should happen; whether it has."""
    end = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


@dataclass
class Witness:
    """A sink that keeps what it is given."""

    samples: list[Sample] = field(default_factory=list)
    notes: list[tuple[str, Any]] = field(default_factory=list)
    closed: int = 0

    def take(self, samples: Any) -> None:
        self.samples += samples

    def note(self, what: str, facts: Any) -> None:
        self.notes.append((what, facts))

    def close(self) -> None:
        self.closed += 1


def test_every_kind_has_a_rig() -> None:
    assert {name.partition(",")[0] for name in RIGS} == set(FAMILIES)


def test_it_starts_and_delivers(rig: Rig) -> None:
    with Attached(rig.device) as attached:
        assert attached.wait_for_data(PATIENCE), attached.state()
        began = attached.now() - 1
        assert until(lambda: attached.window(began, attached.now()).get(rig.signal) is not None)
        state = attached.state()
        assert (state.status, state.reason, state.reconnections) == (Status.CONNECTED, None, 0)
        assert state.device == rig.device.name
        assert state.packets > 0
        assert state.age is not None
        if rig.value is not None:
            assert attached.window(began, attached.now())[rig.signal] == pytest.approx(rig.value)


def test_its_readings_are_well_formed(rig: Rig) -> None:
    rig.device.open()
    found: list[Reading] = []
    end = time.monotonic() + PATIENCE
    while rig.signal not in {reading.signal for reading in found} and time.monotonic() < end:
        found += rig.device.read(0.05)
    assert rig.signal in {reading.signal for reading in found}
    for signal, value, at in found:
        assert signal == signal.lower().strip() != ""
        assert math.isfinite(value)
        assert at is None or math.isfinite(at)
    counts = rig.device.counts
    assert counts.packets > 0
    assert (counts.bad > 0) >= rig.broken


def test_stamps_are_on_our_clock_and_in_order(rig: Rig) -> None:
    witness, began = Witness(), time.monotonic()
    with Attached(rig.device, sinks=[witness]) as attached:
        assert until(lambda: len(witness.samples) > 200 or (attached.state().packets > 50))
    ended = time.monotonic()
    times = [sample.at for sample in witness.samples if sample.signal == rig.signal]
    assert all(began - 1 <= at <= ended for at in times)
    assert all(late >= early for early, late in itertools.pairwise(times))


class SetBack:
    """A device whose clock is set back by ten seconds once it has said a hundred things."""

    def __init__(self, device: Device) -> None:
        self._device, self.name, self.said = device, device.name, 0
        self.open, self.close = device.open, device.close

    @property
    def counts(self) -> Counts:
        return self._device.counts

    def read(self, timeout: float) -> list[Reading]:
        return [self._late(reading) for reading in self._device.read(timeout)]

    def _late(self, reading: Reading) -> Reading:
        self.said += 1
        at = reading.device_time
        return reading if at is None or self.said <= 100 else reading._replace(device_time=at - 10)


def test_a_clock_that_is_set_back_costs_no_reading_and_no_order(rig: Rig) -> None:
    device, witness, began = SetBack(rig.device), Witness(), time.monotonic()
    with Attached(device, sinks=[witness]) as attached:
        assert until(lambda: len(witness.samples) > 200)
        steps, timed = attached.state().clock_steps, attached.state().clock_offset is not None
    now = attached.now()
    times = [sample.at for sample in witness.samples if sample.signal == rig.signal]
    assert len(witness.samples) == device.said
    assert steps == (1 if timed else 0)
    assert all(began - 1 <= at <= now + 1 for at in times)
    assert all(late >= early for early, late in itertools.pairwise(times))
    if timed and rig.signal != "attention":  # which is said once a second
        assert len(set(times)) == len(times)


def test_it_stops_and_its_thread_ends(rig: Rig) -> None:
    witness = Witness()
    attached = Attached(rig.device, sinks=[witness]).start()
    assert attached.wait_for_data(PATIENCE)
    attached.stop(timeout=PATIENCE)
    assert not attached.running
    assert "joryu-device" not in {thread.name for thread in threading.enumerate()}
    assert attached.state().status is Status.ENDED
    assert witness.closed == 1
    n = len(attached.history)
    time.sleep(0.05)
    assert len(attached.history) == n
    attached.stop()
    assert witness.closed == 1


@pytest.mark.slow
def test_it_survives_a_disconnection(rig: Rig) -> None:
    if rig.cut is None:
        pytest.skip("it has no line that could be cut")
    witness = Witness()
    with Attached(rig.device, sinks=[witness], silence_s=1.0) as attached:
        assert attached.wait_for_data(PATIENCE)
        rig.cut()
        assert until(lambda: ("status", "lost") in {(what, facts.get("status")) for what, facts in witness.notes})
        rig.mend()
        before = len(witness.samples)
        assert until(lambda: attached.state().status is Status.CONNECTED), attached.state()
        assert until(lambda: len(witness.samples) > before)
        assert attached.state().reconnections >= 1
    lost = next(facts for _, facts in witness.notes if facts.get("status") == "lost")
    assert lost["reason"]


def test_it_can_be_closed_at_any_time_and_opened_again(rig: Rig) -> None:
    rig.device.close()
    with pytest.raises((DeviceLostError, DeviceEndedError)):
        rig.device.read(0.05)
    for _ in range(2):
        rig.device.open()
        end, found = time.monotonic() + PATIENCE, 0
        while not found and time.monotonic() < end:
            found = len(rig.device.read(0.05))
        assert found
        rig.device.close()
        rig.device.close()


@pytest.mark.slow
def test_one_that_is_not_there_is_waited_for(rig: Rig) -> None:
    if rig.absent is None:
        pytest.skip("it is always there")
    with pytest.raises(DeviceLostError):
        rig.absent.open()
    with Attached(rig.absent) as attached:
        assert until(lambda: attached.state().reason)
        assert attached.state().status is Status.WAITING
        assert attached.window(0, attached.now()) == {}
        assert attached.running


@pytest.mark.slow
def test_memory_is_bounded(rig: Rig) -> None:
    """What is kept has an end, and a reader that dawdles is not flooded."""
    attached = Attached(rig.device)
    attached.history = History(most=20)
    witness = Witness()
    attached.add(witness)
    with attached:
        assert until(lambda: len([sample for sample in witness.samples if sample.signal == rig.signal]) > 25 or
                     attached.state().packets > 600)  # fmt: skip
        assert len(attached.history) <= 20 * len({sample.signal for sample in witness.samples})
    rig.device.open()
    time.sleep(0.3)
    assert sum(len(rig.device.read(0.01)) for _ in range(3)) < 50_000


def test_what_it_says_can_be_recorded_and_read_back(rig: Rig, tmp_path: Path) -> None:
    path, witness = tmp_path / "signals" / "session.bin", Witness()
    recorder = Recorder(path, rig.device.name)
    with Attached(rig.device, sinks=[recorder, witness]) as attached:
        assert attached.wait_for_data(PATIENCE)
        time.sleep(0.1)
    found = read_recording(path)
    assert found.samples == witness.samples
    assert [note["what"] for note in found.notes] == [what for what, _ in witness.notes]
    assert found.headers[0]["device"] == rig.device.name
    assert found.torn == 0


def test_the_rigs_packets_are_what_the_guide_says() -> None:
    assert packet(struct.pack(">BBh", 0x80, 2, 40)) == bytes.fromhex("aaaa048002002855") == RAW
