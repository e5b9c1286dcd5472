"""Clocks that step while they are read: nothing is lost, nothing is piled on one instant, and it is told."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from joryu.labelling.devices import Attached, Counts, Reading, Sample, Status

RATE = 50  #: readings a second
PERIOD = 1 / RATE


class Stepping:
    """A device of 50 readings a second, of which each says when it was truly measured; its clock steps.

    ``clock`` is what its clock shows at a true time, ``delay`` how long the line keeps what was measured then.
    """

    name, counts = "stepping", Counts()

    def __init__(self, clock: Callable[[float], float], delay: Callable[[float], float] = lambda _: 0.004) -> None:
        self.now, self.measured = 100.0, 100.0
        self.clock, self.delay, self.paused = clock, delay, (0.0, 0.0)
        self.arrived, self.given = 0.0, 0

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def read(self, timeout: float) -> list[Reading]:
        self.now += timeout
        return list(self._due())

    def _due(self) -> Iterator[Reading]:
        while self.measured <= self.now:
            self.arrived = max(self.arrived, self.measured + self.delay(self.measured))
            if self.arrived > self.now:
                return
            if not self.paused[0] <= self.measured < self.paused[1]:
                self.given += 1
                yield Reading("raw", self.measured, self.clock(self.measured))
            self.measured += PERIOD


class Kept:
    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.notes: list[tuple[str, Any]] = []

    def take(self, samples: Sequence[Sample]) -> None:
        self.samples += samples

    def note(self, what: str, facts: Any) -> None:
        self.notes.append((what, facts))

    def close(self) -> None:
        pass


def read(device: Stepping, until: float) -> tuple[Attached, Kept]:
    kept = Kept()
    attached = Attached(device, sinks=[kept], clock=lambda: device.now, silence_s=30)
    attached.step()
    while device.now < until:
        attached.step()
    return attached, kept


def worst(kept: Kept) -> float:
    """By how much a stamp is off at most; a sample's value is when it was truly measured."""
    return max(abs(sample.at - sample.value) for sample in kept.samples)


def steps(kept: Kept) -> list[float]:
    return [facts["step_s"] for what, facts in kept.notes if what == "clock" and "step_s" in facts]


def is_spread(kept: Kept) -> bool:
    return all(late.at > early.at for early, late in itertools.pairwise(kept.samples))


@pytest.mark.parametrize("by", [-3600.0, -10.0, -0.3, 2.5, 10.0, 1e9])
@pytest.mark.parametrize("at", [103.0, 103.05, 125.031])  # with a reading, within what comes together, later
def test_a_clock_that_steps_loses_nothing_and_piles_nothing(by: float, at: float) -> None:
    device = Stepping(lambda true: true - 40.0 + (by if true >= at else 0.0))
    attached, kept = read(device, at + 20)
    assert len(kept.samples) == device.given
    assert is_spread(kept)
    assert worst(kept) < 0.11  # one poll, as without a step
    assert steps(kept) == pytest.approx([by], abs=0.11)
    state = attached.state()
    assert state.clock_steps == 1
    assert state.clock_offset == pytest.approx(40.0 - by, abs=0.1)
    way = "back" if by < 0 else "forward"
    assert f"its clock stepped {way} by" in str(state.reason)


def test_what_held_meanwhile_is_known_at_once_after_a_step() -> None:
    """What the page asks: the mean over an answer's time, seconds after the clock went back."""
    device = Stepping(lambda true: true + (-10.0 if true >= 110 else 0.0))
    attached = Attached(device, clock=lambda: device.now)
    while device.now < 113:
        attached.step()
    assert attached.window(111.0, 112.0)["raw"] == pytest.approx(111.5, abs=0.1)
    assert attached.window(109.0, 111.0)["raw"] == pytest.approx(110.0, abs=0.1)
    assert attached.state().status is Status.CONNECTED


def test_a_step_is_told_for_a_minute_and_counted_for_good() -> None:
    device = Stepping(lambda true: true + (-10.0 if true >= 105 else 0.0))
    attached = Attached(device, clock=lambda: device.now)
    while device.now < 107:
        attached.step()
    assert attached.state().reason == "its clock stepped back by 10.0 s; nothing was lost"
    while device.now < 170:
        attached.step()
    assert (attached.state().reason, attached.state().clock_steps) == (None, 1)


def test_a_clock_that_is_set_again_and_again() -> None:
    generator = random.Random(2)
    jumps = [generator.choice([-1, 1]) * generator.uniform(1.5, 30) for _ in range(12)]
    device = Stepping(lambda true: true + sum(jumps[: max(0, int((true - 100) / 4))]))
    _, kept = read(device, 99 + 4 * len(jumps))
    assert steps(kept) == pytest.approx(jumps[:-1], abs=0.15)
    assert is_spread(kept)
    assert worst(kept) < 0.11


@pytest.mark.parametrize("garbage", [0.0, 1e9])
def test_one_wrong_time_spoils_its_own_reading_at_most(garbage: float) -> None:
    wrong = 110.0
    device = Stepping(lambda true: garbage if abs(true - wrong) < PERIOD / 2 else true + 5000)
    _, kept = read(device, 130)
    assert len(kept.samples) == device.given
    assert is_spread(kept)
    assert worst(kept) < 0.2
    assert sum(steps(kept)) == pytest.approx(0, abs=0.2)  # away and back


def test_a_step_back_within_a_pause_is_found_though_no_time_goes_back() -> None:
    """For twelve seconds nothing comes, and after them its times are two seconds later."""
    device = Stepping(lambda true: true + (-10.0 if true >= 112 else 0.0))
    device.paused = (104.0, 116.0)
    attached, kept = read(device, 125)
    assert len(kept.samples) == device.given
    assert is_spread(kept)
    assert worst(kept) < 0.11
    assert steps(kept) == pytest.approx([-10.0], abs=0.11)
    assert "or its line became slower" in str(attached.state().reason)


@pytest.mark.parametrize("stall", [0.8, 3.0, 8.0])
def test_a_line_that_holds_back_and_then_delivers_is_no_step(stall: float) -> None:
    device = Stepping(lambda true: true - 7.0, lambda true: 110 + stall - true if 110 <= true < 110 + stall else 0.004)
    attached, kept = read(device, 130)
    assert (steps(kept), attached.state().clock_steps, attached.state().reason) == ([], 0, None)
    assert len(kept.samples) == device.given
    assert is_spread(kept)
    assert worst(kept) < 0.11


def test_a_line_that_catches_up_slowly_is_no_step_either() -> None:
    """Three seconds behind, and then half as fast again as time."""
    device = Stepping(lambda true: true, lambda true: 3 - (true - 110) / 3 if 110 <= true < 119 else 0.004)
    _, kept = read(device, 130)
    assert steps(kept) == []
    assert is_spread(kept)
    assert worst(kept) < 0.11
