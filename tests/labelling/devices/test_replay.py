"""Replay: a recording and a capture come back as they were, at their pace, and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from joryu.errors import InputError
from joryu.labelling.devices.device import Counts, DeviceEndedError, Reading, Sample
from joryu.labelling.devices.recording import Recorder
from joryu.labelling.devices.replay import Replay

RAW_40 = bytes.fromhex("aaaa048002002855")
A = bytes.fromhex("aaaa080220017e04120560e3")


class Time:
    """A clock that goes on only by waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def played(path: Path, **options: float | bool) -> tuple[list[tuple[float, Reading]], Replay]:
    """Every reading with the second it was delivered at."""
    time = Time()
    device = Replay(path, clock=time, wait=time.wait, **options)  # type: ignore[arg-type]
    device.open()
    found = []
    with pytest.raises(DeviceEndedError):
        while len(found) < 200_000:
            found += [(time.now - 1000, reading) for reading in device.read(0.1)]
    return found, device


def recording(path: Path, *samples: tuple[float, str, float]) -> Path:
    recorder = Recorder(path)
    recorder.take([Sample(*sample) for sample in samples])
    recorder.close()
    return path


def test_a_recording_keeps_its_times(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.bin", (7.0, "attention", 40), (7.5, "raw", -3), (9.0, "attention", 60))
    found, device = played(path)
    assert [reading for _, reading in found] == [("attention", 40, 0.0), ("raw", -3, 0.5), ("attention", 60, 2.0)]
    assert all(0 <= at - (reading.device_time or 0.0) <= 0.051 for at, reading in found)
    assert device.counts == Counts(packets=1)


def test_twice_as_fast(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.bin", (7.0, "attention", 40), (9.0, "attention", 60))
    found, device = played(path, speed=2.0)
    assert [reading.device_time for _, reading in found] == [0.0, 1.0]
    assert device.name == f"replay:{path},speed=2"


def test_a_pause_between_sittings_is_left_out(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.bin", (7.0, "attention", 40), (8.0, "attention", 50))
    recording(path, (2.0, "attention", 60), (3.0, "attention", 70), (90.0, "attention", 80))
    found, _ = played(path)
    assert [reading[1:] for _, reading in found] == [(40, 0.0), (50, 1.0), (60, 1.0), (70, 2.0), (80, 2.0)]


def test_a_capture_is_paced_by_its_raw_values(tmp_path: Path) -> None:
    path = tmp_path / "capture.bin"
    path.write_bytes((512 * RAW_40 + A) * 3 + A[:5])
    found, device = played(path)
    assert [reading.device_time for _, reading in found if reading.signal == "attention"] == [1.0, 2.0, 3.0]
    assert next(reading.value for _, reading in found if reading.signal == "battery") == pytest.approx(126 / 1.27)
    assert Counter(reading.signal for _, reading in found)["raw"] == 3 * 512
    assert device.counts == Counts(3 * 513, 0, 5)


def test_a_loop_goes_on_in_time(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.bin", (7.0, "attention", 40), (8.0, "attention", 60))
    time = Time()
    device = Replay(path, loop=True, clock=time, wait=time.wait)
    device.open()
    found: list[Reading] = []
    while len(found) < 7:
        found += device.read(0.1)
    assert [reading.device_time for reading in found[:7]] == [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("data", [b"", b"nothing of a headset"])
def test_a_file_without_readings_ends_at_once(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "empty.bin"
    path.write_bytes(data)
    found, device = played(path, loop=True)
    assert found == []
    with pytest.raises(DeviceEndedError, match=r"empty\.bin holds no packet of a headset"):
        device.read(0.1)


def test_it_can_be_opened_again(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.bin", (7.0, "attention", 40))
    found, device = played(path)
    device.close()
    device.open()
    assert device.read(0.1) == [reading for _, reading in found]


def test_what_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        Replay(tmp_path / "absent.bin")
    path = recording(tmp_path / "a.bin")
    for speed in (0.0, -1.0, float("nan"), 1e6):
        with pytest.raises(InputError, match="speed is not usable"):
            Replay(path, speed=speed)


def test_the_real_capture(in_real_data: Callable[[str], Path]) -> None:
    found, device = played(in_real_data("neurosky/serial_capture.bin"), speed=50.0)
    assert Counter(reading.signal for _, reading in found)["raw"] == 82_551
    assert found[-1][1].device_time == pytest.approx(82_551 / 512 / 50)
    assert device.counts == Counts(82_712, 0, 5)
