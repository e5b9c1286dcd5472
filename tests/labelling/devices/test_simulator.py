"""The simulator: the same seed gives the same, 512 Hz whatever the clock does, and a headset's faults."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from joryu.labelling.devices.device import Reading
from joryu.labelling.devices.signals import BANDS
from joryu.labelling.devices.simulator import Simulator


class Time:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def simulated(seconds: float, step: float, seed: int = 3) -> list[Reading]:
    time = Time()
    device = Simulator(seed, clock=time, wait=time.wait)
    device.open()
    found: list[Reading] = []
    while time.now - 50.0 < seconds:
        found += device.read(step)
    return found


def test_the_same_seed_gives_the_same_however_it_is_read() -> None:
    often, rarely = simulated(20, 0.01), simulated(20, 0.05)
    assert often[: len(rarely)] == rarely[: len(often)]
    assert min(len(often), len(rarely)) > 20 * 512
    assert simulated(5, 0.05, seed=4)[:100] != rarely[:100]


@pytest.fixture(scope="module")
def ten_minutes() -> list[Reading]:
    device = Simulator(1)
    return [reading for _ in range(600) for reading in device.second()]


def test_rates_and_ranges(ten_minutes: list[Reading]) -> None:
    found = ten_minutes
    values = {name: np.array([r.value for r in found if r.signal == name]) for name in {r.signal for r in found}}
    once_a_second = ("poor_signal", "attention", "meditation", "heart_rate", *BANDS)
    assert {name: len(value) for name, value in values.items()} == dict.fromkeys(once_a_second, 600) | {
        "raw": 600 * 512
    }
    assert abs(values["raw"]).max() <= 2048
    assert values["raw"].std() > 10
    assert set(values["poor_signal"]) <= set(range(201))
    assert 0 < np.mean(values["poor_signal"] > 0) < 0.2
    good = values["attention"][values["poor_signal"] == 0]
    assert good.min() >= 1
    assert good.max() <= 100
    assert 45 < good.mean() < 65
    assert good.std() > 8
    assert np.corrcoef(good[:-1], good[1:])[0, 1] > 0.6  # attention has a memory
    assert 60 < values["heart_rate"].mean() < 80
    assert values["delta"].mean() > 10 * values["mid_gamma"].mean()


def test_when_the_electrodes_slip_values_freeze_and_then_are_zero(ten_minutes: list[Reading]) -> None:
    poor = [reading.value for reading in ten_minutes if reading.signal == "poor_signal"]
    attention = [reading.value for reading in ten_minutes if reading.signal == "attention"]
    begins = [at for at in range(1, 600) if poor[at] > 0 and poor[at - 1] == 0]
    assert begins
    for at in begins:
        length = next((n for n in range(600 - at) if poor[at + n] == 0), 600 - at)
        assert attention[at : at + length] == [attention[at - 1]] * min(3, length) + [0] * (length - 3)


def test_a_machine_that_slept_finds_no_flood() -> None:
    time = Time()
    device = Simulator(0, clock=time, wait=time.wait)
    device.open()
    device.read(0.05)
    time.now += 3600
    found = device.read(0.05)
    assert len(found) < 2000
    time.now += 1
    assert Counter(reading.signal for reading in device.read(0.05))["raw"] in range(500, 540)
