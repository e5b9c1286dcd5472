"""Numbers as people read them: short, and never another number."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from joryu.report.wording import (
    ABSENT,
    count,
    duration,
    errors,
    measured,
    number,
    p_value,
    percent,
    plural,
    quantity,
    ratio,
    short,
    size,
    tick_texts,
)

ANY_SIZE = st.builds(lambda digits, power: digits * 10.0**power, st.floats(1, 10), st.integers(-4, 8))
UNITS = {"µs": 1e-3, "ms": 1.0, "s": 1e3}
BYTES = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def read(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@pytest.mark.parametrize(
    "say", [count, percent, number, quantity, size, duration, lambda none: measured(none, "share")]
)
def test_where_there_is_no_number_stands_a_dash(say: object) -> None:
    assert say(None) == ABSENT  # type: ignore[operator]


@given(ANY_SIZE, st.sampled_from([1, -1]))
def test_a_quantity_is_off_by_half_a_third_digit_at_most(value: float, sign: int) -> None:
    text = quantity(sign * value)
    assert read(text) == pytest.approx(sign * value, rel=5.1e-3)
    assert "-" not in text
    assert len(text) <= 12


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-0.0, "0"), (999.4, "999"), (999.6, "1,000"), (-999.6, "−1,000"), (1e6, "1,000,000"), (1.0, "1"),
        (0.5, "0.5"), (123.456, "123"), (12.3456, "12.3"), (1e9, "1e+09"), (1e9 - 1e-7, "1e+09"), (2e-5, "2e−05"),
    ],
)  # fmt: skip
def test_quantities_at_the_edges(value: float, text: str) -> None:
    assert quantity(value) == text


@given(ANY_SIZE)
def test_a_duration_is_said_in_the_unit_that_it_needs(value: float) -> None:
    assume(value < 1e7)
    text, unit = duration(value).split("\u00a0")
    assert "e" not in text
    assert read(text) * UNITS[unit] == pytest.approx(value, rel=5.1e-3)
    if unit != "s":
        assert read(text) < 1000


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0.9994, "999 µs"), (0.9996, "1 ms"), (999.4, "999 ms"), (999.7, "1 s"), (1_500_000.0, "1,500 s"), (0.0, "0 µs")],
)
def test_what_rounds_to_a_thousand_is_one_of_the_next_unit(milliseconds: float, text: str) -> None:
    """A latency of 999.7 ms once was 1e+03 ms."""
    assert duration(milliseconds).replace("\u00a0", " ") == text


@given(st.integers(0, 10**15))
def test_bytes_are_said_in_the_unit_that_they_need(value: int) -> None:
    text, unit = size(value).split("\u00a0")
    assert "e" not in text
    assert read(text) * BYTES[unit] == pytest.approx(value, rel=5.1e-3)


@given(st.floats(0, 1))
def test_a_p_value_is_never_nought_and_keeps_two_digits(value: float) -> None:
    text = p_value(value).replace("\u00a0", " ")
    if value < 1e-4:
        assert text == "p < 0.0001"
        return
    said = re.fullmatch(r"p = (\d\.\d+)", text)
    assert said is not None
    assert float(said[1]) == pytest.approx(value, rel=0.05)
    assert float(said[1]) > 0


@pytest.mark.parametrize(("value", "text"), [(0.05, "0.050"), (0.0999, "0.100"), (1e-4, "0.00010"), (1.0, "1.00")])
def test_p_values_at_the_edges(value: float, text: str) -> None:
    assert p_value(value) == f"p\u00a0=\u00a0{text}"


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.94, "9.9"), (9.96, "10"), (-9.96, "−10"), (0.0, "0.0"), (-0.0, "0.0"), (-0.04, "0.0"), (0.04, "0.0"),
     (-0.06, "−0.1")],
)  # fmt: skip
def test_errors_need_not_be_whole_and_nought_has_no_sign(value: float, text: str) -> None:
    assert errors(value) == text


@pytest.mark.parametrize(("value", "text"), [(9.94, "9.9×"), (9.96, "10×"), (1234.5, "1,234×"), (0.5, "0.5×")])
def test_ratios(value: float, text: str) -> None:
    assert ratio(value) == text


@given(st.text("abcdefgh/", min_size=1, max_size=40), st.integers(1, 40))
def test_a_name_is_never_longer_than_there_is_room(name: str, longest: int) -> None:
    text = short(name, longest)
    assert len(text) <= longest
    if len(name) <= longest:
        assert text == name
    else:
        head, tail = text.split("…")
        assert name.startswith(head)
        assert name.endswith(tail)
        assert len(head) - len(tail) in (0, 1)


@given(
    st.floats(-1e7, 1e7).filter(lambda start: start == 0 or abs(start) > 1e-3),
    st.sampled_from([0.25, 1.0, 50.0, 1e4, 2.5e5]),
)
def test_texts_beside_an_axis_tell_its_numbers_apart(start: float, step: float) -> None:
    values = [round(start / step) * step + at * step for at in range(5)]
    texts = tick_texts(values)
    assert all(len(text) <= 12 for text in texts)
    if max(map(abs, values)) < 300 * step:
        assert len(set(texts)) == 5


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0, 250_000.0], ["0", "250k"]),
        ([-2e6, 2e6], ["−2M", "2M"]),
        ([12_345.0, 12_346.0], ["12,345", "12,346"]),
        ([1e9, 2e9], ["1e9", "2e9"]),
        ([5e-4, 1e-3], ["5e−4", "0.001"]),
        ([], []),
    ],
)
def test_texts_beside_an_axis_by_hand(values: list[float], texts: list[str]) -> None:
    assert tick_texts(values) == texts


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [(0, "error", "0 errors"), (1, "class", "1 class"), (2, "class", "2 classes"), (1000, "example", "1,000 examples")],
)
def test_plurals(n: int, noun: str, text: str) -> None:
    assert plural(n, noun) == text


@given(st.floats(0, 1))
def test_shares_have_three_decimals(share: float) -> None:
    assert float(measured(share, "share")) == pytest.approx(share, abs=5.1e-4)
    assert measured(share, "") == quantity(share)
    assert math.isclose(read(percent(share, 2).removesuffix("\u00a0%")), 100 * share, abs_tol=5.1e-3)
