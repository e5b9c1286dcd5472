"""A device in use: the watchdog and its patience, sinks that fail, drivers that raise."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Sequence

import pytest
from simulated_time import Kept, Time

from joryu.errors import InputError
from joryu.labelling.devices import (
    Attached,
    Counts,
    DeviceEndedError,
    DeviceLostError,
    Reading,
    Sample,
    Status,
)
from joryu.labelling.devices.simulator import Simulator


class Scripted:
    """A device that does what it is told: readings, or an error to raise; nothing when there is no more."""

    name = "scripted"
    counts = Counts(packets=7, bad=2)

    def __init__(self, time: Time) -> None:
        self.time, self.script, self.opens = time, deque[Sequence[Reading] | Exception](), 0
        self.refuse: Exception | None = None
        self.is_open = False

    def open(self) -> None:
        self.opens += 1
        if self.refuse is not None:
            raise self.refuse
        self.is_open = True

    def read(self, timeout: float) -> Sequence[Reading]:
        assert self.is_open
        self.time.now += timeout
        done = self.script.popleft() if self.script else ()
        if isinstance(done, Exception):
            raise done
        return done

    def close(self) -> None:
        self.is_open = False


class Broken(Kept):
    """An outlet that is lost after the first batch, for one reason or another."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def take(self, samples: Sequence[Sample]) -> None:
        if self.samples and self.error is not None:
            raise self.error
        super().take(samples)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def device(time: Time) -> Scripted:
    return Scripted(time)


def steps(attached: Attached, n: int) -> None:
    for _ in range(n):
        attached.step()


ATTENTION = [Reading("poor_signal", 0.0), Reading("attention", 53.0)]


def test_from_waiting_to_connected_to_lost_and_back(device: Scripted, time: Time) -> None:
    kept = Kept()
    attached = Attached(device, sinks=[kept], clock=time, silence_s=5.0)
    assert attached.state().status is Status.WAITING
    assert (attached.state().age, attached.state().attention) == (None, None)
    device.script.append(ATTENTION)
    steps(attached, 2)  # opens, reads
    state = attached.state()
    assert (state.status, state.attention, state.poor_signal, state.age) == (Status.CONNECTED, 53.0, 0.0, 0.0)
    assert (state.packets, state.bad) == (7, 2)
    steps(attached, 19)
    assert attached.state().attention == 53.0  # 1.9 s old
    steps(attached, 2)
    assert (attached.state().status, attached.state().attention) == (Status.CONNECTED, None)  # 2.1 s old: stale
    steps(attached, 30)
    state = attached.state()
    assert (state.status, state.reason) == (Status.LOST, "nothing came for 5 s")
    assert not device.is_open
    assert state.age == pytest.approx(5.05, abs=0.06)
    time.now += 0.5
    device.script.append(ATTENTION)
    steps(attached, 2)
    state = attached.state()
    assert (state.status, state.reason, state.reconnections, device.opens) == (Status.CONNECTED, None, 1, 2)
    statuses = [facts["status"] for what, facts in kept.notes if what == "status"]
    assert statuses == ["connected", "lost", "connected"]


def test_the_waits_between_attempts_double_up_to_half_a_minute(device: Scripted, time: Time) -> None:
    device.refuse = DeviceLostError("no headset")
    attached = Attached(device, clock=time)
    attempts = []
    while len(attempts) < 10:
        before = device.opens
        attached._stopping.wait = lambda seconds: time.wait(seconds) or False  # type: ignore[method-assign]
        attached.step()
        if device.opens > before:
            attempts.append(time.now)
    waits = [late - early for early, late in itertools.pairwise(attempts)]
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30], abs=0.11)
    assert (attached.state().status, attached.state().reason) == (Status.WAITING, "no headset")


def test_once_it_speaks_the_waits_begin_anew(device: Scripted, time: Time) -> None:
    device.refuse = DeviceLostError("no headset")
    attached = Attached(device, clock=time)
    for wait in (0.5, 1.0, 2.0):
        attached.step()
        time.now += wait
    device.refuse = None
    device.script.extend([ATTENTION, DeviceLostError("unplugged"), ATTENTION])
    steps(attached, 3)
    assert attached.state().status is Status.LOST
    time.now += 0.5
    steps(attached, 2)
    assert attached.state().status is Status.CONNECTED


def test_a_device_that_starts_its_clock_again_is_stamped_by_the_new_one(device: Scripted, time: Time) -> None:
    kept = Kept()
    attached = Attached(device, sinks=[kept], clock=time)
    device.script.extend([[Reading("raw", 1.0, 900.0)], DeviceLostError("unplugged"), [Reading("raw", 2.0, 0.0)]])
    steps(attached, 3)
    time.now = 1002.0
    steps(attached, 2)
    assert [sample.at for sample in kept.samples] == pytest.approx([1000.1, 1002.1])


def test_a_device_that_opens_and_stays_silent_is_not_tried_ever_faster(device: Scripted, time: Time) -> None:
    attached = Attached(device, clock=time, silence_s=1.0)
    attached._stopping.wait = lambda seconds: time.wait(seconds) or False  # type: ignore[method-assign]
    while time.now < 1000 + 120:
        attached.step()
    assert device.opens == 9  # a second each, and 0.5 + 1 + 2 + 4 + 8 + 16 + 30 + 30 between: at 0 … 69 and 100 s
    assert attached.state().status is Status.WAITING


class Bare(Scripted):
    """A strap off the skin: packets come, and nothing in them can be told."""

    counts = Counts()

    def read(self, timeout: float) -> Sequence[Reading]:
        found = super().read(timeout)
        self.counts = Counts(self.counts.packets + 1)
        return found


def test_a_device_that_speaks_without_a_reading_is_not_lost(time: Time) -> None:
    strap = Bare(time)
    attached = Attached(strap, clock=time, silence_s=5.0)
    steps(attached, 301)  # half a minute without skin contact
    state = attached.state()
    assert (state.status, state.reason, state.age, strap.opens) == (Status.CONNECTED, None, None, 1)
    strap.script.append([Reading("heart_rate", 61.0)])
    steps(attached, 1)
    assert (attached.state().heart_rate, attached.state().reconnections) == (61.0, 0)


@pytest.mark.parametrize("error", [DeviceLostError("unplugged"), KeyError("driver"), RuntimeError("driver")])
def test_whatever_a_driver_raises_it_is_lost_and_tried_again(device: Scripted, time: Time, error: Exception) -> None:
    attached = Attached(device, clock=time)
    device.script.extend([ATTENTION, error])
    steps(attached, 3)
    assert attached.state().status is Status.LOST
    assert ("unplugged" in str(attached.state().reason)) or ("driver" in str(attached.state().reason))
    time.now += 1
    device.script.append(ATTENTION)
    steps(attached, 2)
    assert attached.state().status is Status.CONNECTED


@pytest.mark.parametrize("error", [DeviceEndedError("the recording is over"), InputError("no recording")])
def test_what_is_over_is_not_tried_again(device: Scripted, time: Time, error: Exception) -> None:
    attached = Attached(device, clock=time)
    device.script.extend([ATTENTION, error])
    attached.start()
    attached._thread.join(10)  # type: ignore[union-attr]
    assert not attached.running
    assert (attached.state().status, attached.state().reason) == (Status.ENDED, str(error))
    assert device.opens == 1
    attached.stop()
    assert attached.state().reason == str(error)


def test_a_sink_that_fails_is_left_out_and_named(device: Scripted, time: Time) -> None:
    lost, kept = Broken(RuntimeError("the outlet is lost")), Kept()
    attached = Attached(device, sinks=[lost, kept], clock=time)
    device.script.extend([ATTENTION] * 3)
    steps(attached, 4)
    assert (len(lost.samples), len(kept.samples)) == (2, 6)
    assert (lost.closed, kept.closed) == (1, 0)
    state = attached.state()
    assert state.status is Status.CONNECTED
    assert state.reason == "Broken stopped: the outlet is lost"


def test_a_sink_that_the_system_stops_is_asked_again_and_told_of_meanwhile(device: Scripted, time: Time) -> None:
    full, kept = Broken(OSError(28, "No space left on device", "/somebodys/folder")), Kept()
    attached = Attached(device, sinks=[full, kept], clock=time)
    device.script.extend([ATTENTION] * 4)
    steps(attached, 4)
    assert (len(full.samples), len(kept.samples), full.closed) == (2, 6, 0)
    assert attached.state().reason == "Broken waits, and tries again: No space left on device"
    full.error = None
    steps(attached, 1)
    assert (len(full.samples), len(kept.samples), attached.state().reason) == (4, 8, None)


def test_sinks_come_and_go_with_sittings(device: Scripted, time: Time) -> None:
    first, second = Kept(), Kept()
    attached = Attached(device, clock=time)
    device.script.extend([ATTENTION] * 4)
    steps(attached, 2)
    attached.add(first)
    steps(attached, 1)
    attached.add(second)
    attached.remove(first)
    attached.remove(first)
    steps(attached, 1)
    attached.stop()
    assert (len(first.samples), first.closed, len(second.samples), second.closed) == (2, 1, 2, 1)


def test_readings_with_a_time_of_their_own_keep_it(device: Scripted, time: Time) -> None:
    """The first arrives 0.4 s late, the second 0.1 s: the second tells the offset, the first cannot be mended."""
    kept = Kept()
    attached = Attached(device, sinks=[kept], clock=time)
    device.script.extend([[Reading("raw", 1.0, 5.0)], [Reading("raw", 2.0, 5.4), Reading("raw", 3.0, 5.5)]])
    steps(attached, 1)
    time.now = 1000.3
    steps(attached, 1)  # at 1000.4
    time.now = 1000.5
    steps(attached, 1)  # at 1000.6
    assert [sample.at for sample in kept.samples] == pytest.approx([1000.4, 1000.5, 1000.6])
    assert attached.state().clock_offset == pytest.approx(995.1)
    clocks = [facts for what, facts in kept.notes if what == "clock"]
    assert clocks == [{"at": pytest.approx(1000.4), "device_time": 5.0, "offset_s": pytest.approx(995.4)}]


def test_a_better_estimate_of_the_clock_does_not_turn_time_back(device: Scripted, time: Time) -> None:
    """The first arrives 0.4 s late and is stamped so; the second was measured before that stamp."""
    kept = Kept()
    attached = Attached(device, sinks=[kept], clock=time)
    device.script.extend([[Reading("raw", 1.0, 5.0)], [Reading("raw", 2.0, 5.1), Reading("raw", 3.0, 5.5)]])
    steps(attached, 1)
    time.now = 1000.3
    steps(attached, 1)  # at 1000.4, for 1000.0
    steps(attached, 1)  # at 1000.5, for 1000.1 and 1000.5
    assert attached.state().clock_offset == pytest.approx(995.0)
    assert [sample.at for sample in kept.samples] == pytest.approx([1000.4, 1000.41, 1000.5], abs=1e-6)


def test_a_state_is_json(device: Scripted, time: Time) -> None:
    attached = Attached(device, clock=time)
    device.script.append([*ATTENTION, Reading("delta", 5.0), Reading("battery", 80.0)])
    steps(attached, 2)
    found = attached.state().to_json()
    assert found == {
        "device": "scripted", "status": "connected", "reason": None, "poor_signal": 0.0, "attention": 53.0,
        "meditation": None, "heart_rate": None, "bands": {"delta": 5.0}, "battery": 80.0, "packets": 7, "bad": 2,
        "age": 0.0, "clock_offset": None, "clock_steps": 0, "reconnections": 0, "off_head": False,
    }  # fmt: skip


def test_asking_while_it_reads(device: Scripted) -> None:
    """Many threads ask while one adds; nobody is blocked for good and nothing breaks."""
    with Attached(Simulator(1)) as attached:
        assert attached.wait_for_data(10)
        wrong: list[Exception] = []

        def ask() -> None:
            try:
                for _ in range(50):
                    attached.window(attached.now() - 1, attached.now())
                    attached.state().to_json()
            except Exception as error:  # noqa: BLE001 - a thread's error must reach the test
                wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
