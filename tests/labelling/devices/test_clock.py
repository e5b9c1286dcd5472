"""The estimate of a device's clock: delays only add, clocks run fast and slow, devices start again."""

from __future__ import annotations

import random

import pytest

from joryu.labelling.devices.clock import ClockOffset


@pytest.mark.parametrize("parts_per_million", [-100, 0, 100])
def test_an_hour_of_a_clock_that_runs_fast_or_slow(parts_per_million: float) -> None:
    """What would drift by 0.36 s in an hour stays within a few milliseconds, for arrivals delayed by 1 to 60 ms."""
    generator, clock, worst = random.Random(1), ClockOffset(), 0.0
    for tenth in range(36_000):
        taken = 500.0 + tenth / 10
        device_time = (taken - 500.0) * (1 + parts_per_million * 1e-6)
        arrival = taken + 0.001 + 0.059 * generator.random() ** 2
        clock.observe(device_time, arrival)
        assert clock.offset is not None
        if tenth > 100:
            worst = max(worst, abs(device_time + clock.offset - taken))
    assert worst < 0.005


def test_a_new_stretch_begins_every_ten_seconds() -> None:
    clock = ClockOffset()
    fresh = [clock.observe(float(second), 100.0 + second) for second in range(31)]
    assert [second for second, new in enumerate(fresh) if new] == [0, 10, 20, 30]


def test_a_device_that_starts_again_is_met_anew() -> None:
    clock = ClockOffset()
    assert clock.offset is None
    clock.observe(1000.0, 50.0)
    clock.forget()
    clock.observe(0.0, 60.0)
    assert clock.offset == 60.0
