"""Readings on our clock: what is held until it is known, what has no time, and whatever a clock may do."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from joryu.labelling.devices import Reading, Sample
from joryu.labelling.devices.stamping import Stamping


def test_what_is_held_while_it_is_not_known_is_given_back_when_the_line_breaks() -> None:
    stamping = Stamping()
    for tenth in range(20):
        stamping.take([Reading("raw", 1.0, tenth / 10)], 100 + tenth / 10)
    assert stamping.take([Reading("raw", 2.0, 5.0)], 115.0).samples == []
    assert stamping.settle(116.0).samples == []
    found = stamping.finish()
    assert [(sample.at, sample.value) for sample in found.samples] == [(115.0, 2.0)]
    assert stamping.offset is None


def test_what_comes_seldom_is_held_no_longer_than_ten_seconds() -> None:
    stamping = Stamping()
    for second in range(0, 40, 4):
        stamping.take([Reading("heart_rate", 60.0, second)], 100.0 + second)
    assert stamping.take([Reading("heart_rate", 61.0, 42.0)], 160.0).samples == []
    assert stamping.settle(169.9).samples == []
    found = stamping.settle(170.0)
    assert (found.samples, [note.step_s for note in found.notes]) == ([Sample(160.0, "heart_rate", 61.0)], [-18.0])


def test_readings_without_a_time_are_stamped_by_their_arrival() -> None:
    found = Stamping().take([Reading("raw", 1.0), Reading("raw", 2.0, 7.0), Reading("blink", 3.0)], 50.0)
    assert found.samples == [Sample(50.0, "raw", 1.0), Sample(50.0, "raw", 2.0), Sample(50.0, "blink", 3.0)]


def test_signals_of_one_moment_keep_one_moment() -> None:
    stamping = Stamping()
    for n in range(20):
        at = n / 10 - 10 * (n >= 10)
        found = stamping.take([Reading("attention", 53.0, at), Reading("meditation", 47.0, at)], 100 + n / 10)
        assert found.samples[0].at == found.samples[1].at


times = st.floats(-1e6, 1e6)


@given(st.lists(st.lists(st.one_of(times, st.none()), min_size=1, max_size=6), max_size=12), st.randoms())
def test_whatever_a_clock_does_all_comes_back_in_order_and_never_from_the_future(
    batches: list[list[float | None]], chance: random.Random
) -> None:
    stamping, now, given_back = Stamping(), 0.0, []
    for number, batch in enumerate(batches):
        now += chance.choice([0.01, 0.5, 3.0, 20.0])
        found = [stamping.settle(now), stamping.take([Reading("raw", float(number), at) for at in batch], now)]
        for sample in itertools.chain.from_iterable(one.samples for one in found):
            assert sample.at <= now
            given_back.append(sample)
    given_back += stamping.finish().samples
    assert len(given_back) == sum(map(len, batches))


@given(st.lists(st.lists(times, min_size=1, max_size=6), max_size=12), st.randoms())
def test_stamps_never_go_back(batches: list[list[float]], chance: random.Random) -> None:
    stamping, now, stamps = Stamping(), 0.0, []
    for batch in batches:
        now += chance.choice([0.01, 0.5, 3.0])
        stamps += [sample.at for sample in stamping.take([Reading("raw", 0.0, at) for at in batch], now).samples]
    stamps += [sample.at for sample in stamping.finish().samples]
    assert stamps == sorted(stamps)
