"""What held over a stretch of time: means by hand, what may not be believed, bounded memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.labelling.devices.device import Sample
from joryu.labelling.devices.history import MOST_SIGNALS, History
from joryu.labelling.devices.signals import HOLD_S, believable


def history(*samples: tuple[float, str, float], most: int = 1000) -> History:
    made = History(most)
    made.add(Sample(*sample) for sample in samples)
    return made


def test_a_held_signal_is_averaged_over_time() -> None:
    kept = history((10, "attention", 40), (11, "attention", 60), (12, "attention", 80))
    # 10.25–11 at 40, 11–12 at 60, 12–12.5 at 80
    assert kept.window(10.25, 12.5)["attention"] == pytest.approx((0.75 * 40 + 60 + 0.5 * 80) / 2.25)
    assert kept.window(11.2, 11.9)["attention"] == 60  # a window shorter than the second between two values
    assert kept.window(9, 10.5)["attention"] == 40  # before the first there is nothing to average


def test_a_value_holds_two_seconds_and_no_longer() -> None:
    kept = history((10, "attention", 40), (20, "attention", 60))
    assert kept.window(12, 12)["attention"] == 40
    assert kept.window(12.001, 12.001)["attention"] is None
    assert kept.window(13, 19)["attention"] is None
    assert kept.window(11, 21)["attention"] == pytest.approx((1 * 40 + 1 * 60) / 2)  # the silence between is left out
    assert kept.window(0, 5)["attention"] is None


@pytest.mark.parametrize("signal", ["attention", "meditation"])
def test_attention_is_stale_while_the_signal_is_poor(signal: str) -> None:
    kept = history((10, "poor_signal", 0), (10, signal, 50), (11, "poor_signal", 26), (11, signal, 50),
                   (12, "poor_signal", 0), (12, signal, 70))  # fmt: skip
    assert kept.window(10.5, 10.5)[signal] == 50
    assert kept.window(11, 11)[signal] is None
    assert kept.window(11.999, 11.999)[signal] is None
    assert kept.window(10, 13)[signal] == pytest.approx((50 + 70) / 2)
    # The order of rows in a packet is not guaranteed: the quality of the same moment counts.
    other = history((11, signal, 50), (11, "poor_signal", 26))
    assert other.window(11, 11)[signal] is None


@pytest.mark.parametrize("signal", ["attention", "meditation", "heart_rate"])
def test_zero_is_not_measured(signal: str) -> None:
    kept = history((10, signal, 0), (11, signal, 50))
    assert kept.window(10, 10)[signal] is None
    assert kept.window(10, 12)[signal] == 50


def test_off_the_head_nothing_of_the_brain_is_believed() -> None:
    kept = history((10, "poor_signal", 200), (10, "delta", 5e5), (10, "raw", 3), (10, "heart_rate", 70))
    assert kept.window(10, 11) == {"poor_signal": 200, "delta": None, "raw": None, "heart_rate": 70}
    kept = history((10, "poor_signal", 199), (10, "delta", 5e5), (10, "raw", 3))
    assert kept.window(10, 11) == {"poor_signal": 199, "delta": 5e5, "raw": 3}


def test_other_signals_are_averaged_by_sample() -> None:
    kept = history((10, "rr_ms", 800), (10.8, "rr_ms", 900), (11.7, "rr_ms", 1000), (10.1, "blink", 60))
    assert kept.window(10, 11) == {"rr_ms": 850, "blink": 60}
    assert kept.window(12, 13) == {"rr_ms": None, "blink": None}
    assert kept.window(10, 10.8)["rr_ms"] == 850  # both ends belong to it


def test_half_a_mean_is_none() -> None:
    kept = history(*((n / 10, "raw", float(n)) for n in range(100)), most=50)
    assert len(kept) == 50
    assert kept.window(5.0, 5.9)["raw"] == pytest.approx(np.mean(range(50, 60)))
    assert kept.window(4.9, 5.9)["raw"] is None


def test_memory_is_bounded() -> None:
    kept = history(*((float(n), f"signal_{n % 100}", 1.0) for n in range(100_000)), most=10)
    assert len(kept) == MOST_SIGNALS * 10


def test_time_never_runs_backwards() -> None:
    kept = history((10, "raw", 1), (9.9999, "raw", 3), (11, "raw", 5))
    assert kept.window(10, 10)["raw"] == 2


def test_what_is_not_a_number_is_not_measured() -> None:
    kept = history((10, "attention", math.nan), (10, "eeg_1", math.inf), (10.5, "eeg_1", 2.0))
    assert kept.window(10, 11) == {"attention": None, "eeg_1": 2.0}


def test_only_what_is_asked_for() -> None:
    kept = history((10, "poor_signal", 30), (10, "attention", 50), (10, "raw", 3))
    assert kept.window(10, 10, {"attention"}) == {"attention": None}
    assert kept.last("attention") == 50
    assert kept.last("battery") is None


@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 100)), max_size=12),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0, 26, 200])), max_size=6),
    st.integers(0, 400),
    st.integers(1, 200),
)
def test_the_mean_is_what_looking_every_moment_gives(
    values: list[tuple[int, int]], quality: list[tuple[int, int]], start: int, length: int
) -> None:
    """Against the definition, looked at in the middle of every fortieth of a second."""
    kept = History()
    kept.add(Sample(at / 40, "attention", value) for at, value in sorted(values, key=lambda pair: pair[0]))
    kept.add(Sample(at / 40, "poor_signal", value) for at, value in sorted(quality, key=lambda pair: pair[0]))
    seen = []
    for moment in np.arange(start, start + length) + 0.5:
        earlier = [pair for pair in sorted(values, key=lambda pair: pair[0]) if pair[0] <= moment]
        poor = [pair for pair in sorted(quality, key=lambda pair: pair[0]) if pair[0] <= moment]
        if earlier and (moment - earlier[-1][0]) / 40 <= HOLD_S and earlier[-1][1] > 0 and not (poor and poor[-1][1]):
            seen.append(earlier[-1][1])
    found = kept.window(start / 40, (start + length) / 40).get("attention")
    assert found == (pytest.approx(np.mean(seen)) if seen else None)


def test_believable_is_about_each_value() -> None:
    values, poor = np.array([0.0, 1.0, 100.0, 101.0, np.nan]), np.zeros(5)
    assert believable("attention", values, poor).tolist() == [False, True, True, False, False]
    assert believable("pupil", values, poor + 200).tolist() == [True, True, True, True, False]
