"""When to ask next: no more than the rate over any time, waits as hosts name them, and an end to trying."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from joryu.errors import InputError, Stop
from joryu.remote.limits import ApiLimits
from joryu.remote.pace import Breaker, Pause, TokenBucket, retry_after_s

NEW_YEARS_EVE = datetime(1999, 12, 31, 23, 59, 29, tzinfo=UTC)


DATES = st.builds(
    "{}, {} {} {} {}".format,
    st.sampled_from(["Fri", "x", ""]),
    st.integers(-1, 99),
    st.sampled_from(["Dec", "Feb", "13", ""]),
    st.integers(-1, 10**12),
    st.text(":+-0123GMT ", max_size=14),
)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@settings(max_examples=60)
@given(st.floats(0.5, 50), st.integers(1, 6), st.lists(st.floats(0, 2), min_size=1, max_size=25))
def test_over_any_time_no_more_goes_through_than_the_burst_and_the_rate(
    rate: float, burst: int, gaps: list[float]
) -> None:
    clock, through = Clock(), list[float]()
    bucket = TokenBucket(rate, burst=burst, clock=clock)
    for gap in gaps:
        clock.now += gap
        through.append(clock.now + bucket.wait_s())
    assert through == sorted(through)
    for first, begun in enumerate(through):
        for last in range(first, len(through)):
            assert last - first + 1 <= burst + rate * (through[last] - begun) + 1e-6


@settings(max_examples=40)
@given(st.floats(0.5, 50), st.lists(st.floats(1, 3), max_size=20))
def test_who_asks_more_slowly_than_the_rate_never_waits(rate: float, gaps: list[float]) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock=clock)
    for gap in gaps:
        clock.now += gap / rate
        assert bucket.wait_s() == pytest.approx(0, abs=1e-9)


def test_of_two_pauses_the_longer_one_holds() -> None:
    clock = Clock()
    pause = Pause(clock)
    assert pause.wait_s() == 0
    for seconds in (5.0, 2.0):
        pause.ask_for(seconds)
        assert pause.wait_s() == 5.0
    clock.now = 4.0
    assert pause.wait_s() == 1.0
    clock.now = 6.0
    assert pause.wait_s() == 0


def test_after_five_trials_in_vain_it_gives_up_with_the_last_reason() -> None:
    clock, waits = Clock(), list[float]()
    breaker = Breaker(3, 2.0, clock)
    for _ in range(3):
        breaker.note(False, "HTTP 503")
    with pytest.raises(Stop, match=r"fails again and again, 8 times in a row \(received HTTP 504\)"):
        for _ in range(9):
            waits.append(breaker.wait_s())
            clock.now += waits[-1]
            assert breaker.wait_s() == 0
            breaker.note(False, "HTTP 504")
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0]


def test_failures_of_what_was_under_way_are_no_trials() -> None:
    clock = Clock()
    breaker = Breaker(2, 10.0, clock)
    for _ in range(50):
        breaker.note(False, "HTTP 503")
    assert breaker.wait_s() == 10.0
    clock.now = 10.0
    assert breaker.wait_s() == 0
    breaker.note(True)
    breaker.note(False)
    assert breaker.wait_s() == 0, "one failure after a success is one in a row"
    breaker.note(False)
    assert breaker.wait_s() == 10.0, "and a new opening is a first one"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("9" * 400, None),
        # The three forms of RFC 9110, section 5.6.7, all of which must be understood.
        ("Fri, 31 Dec 1999 23:59:59 GMT", 30.0),
        ("Friday, 31-Dec-99 23:59:59 GMT", 30.0),
        ("Fri Dec 31 23:59:59 1999", 30.0),
        ("Fri, 31 Dec 1999 22:59:59 -0100", 30.0),
        ("Fri, 31 Dec 1999 23:59:19 GMT", 0.0),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
    ],
)
def test_a_host_says_how_long_to_wait_in_seconds_or_by_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, NEW_YEARS_EVE) == seconds


@settings(max_examples=200)
@given(st.text(max_size=20) | st.text("0123456789eE+-. ", max_size=12) | DATES)
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_whatever_a_host_says_is_a_time_to_wait_or_nothing(header: str) -> None:
    found = retry_after_s(header)
    assert found is None or 0 <= found < math.inf


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("concurrency", "attempts", "failures", "rate", "timeout")),
        *((name, -1) for name in ("canaries", "first_wait", "longest_wait", "patience", "cool_down", "rate")),
        *((name, math.nan) for name in ("rate", "timeout", "first_wait", "longest_wait", "patience", "cool_down")),
        *((name, math.inf) for name in ("rate", "timeout", "first_wait", "longest_wait", "cool_down")),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"^{name} is not usable .*received {value}"):
        ApiLimits(**{name: value})  # type: ignore[arg-type]


def test_nothing_but_a_wait_may_be_nothing_or_for_ever() -> None:
    assert ApiLimits(first_wait=0, longest_wait=0, cool_down=0, canaries=0).patience == 600
    assert ApiLimits(patience=math.inf).patience == math.inf
