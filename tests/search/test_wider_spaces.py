"""A space as it is typed and read again, and what is asked for where the best point lies at its end."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from joryu.search import SearchSpace
from joryu.search.space import SETTINGS, Choices, End, Range, typed

ENDS = st.sampled_from(["low", "high"])
NAMES = st.sampled_from([name for name, setting in SETTINGS.items() if not setting.whole])


@st.composite
def ranges(draw: st.DrawFn) -> tuple[str, Range]:
    """Narrow and wide, near nothing and far from it."""
    log = draw(st.booleans())
    if draw(st.booleans()):
        low = draw(st.integers(1, 9_000))
        return "width", Range(low, low + draw(st.integers(1, 9_000)), log=log, whole=True)
    name = draw(NAMES)
    if name == "hard_weight":
        low = draw(st.floats(0.001 if log else 0.0, 0.98))
        high = draw(st.floats(low + 0.001, 1.0))
    else:
        low = draw(st.floats(1e-6, 1e6))
        high = low * draw(st.floats(1.0001, 1e6))
    return name, Range(low, high, log=log)


@st.composite
def choices(draw: st.DrawFn) -> tuple[str, Choices]:
    name = draw(st.sampled_from(list(SETTINGS)))
    setting = SETTINGS[name]
    numbers: st.SearchStrategy[float] = (
        st.integers(1, 9_000)
        if setting.whole
        else st.floats(0.0 if setting.low_is_usable else 1e-6, min(setting.high, 1e6), allow_subnormal=False)
    )
    values = draw(st.lists(numbers, min_size=2, max_size=5, unique=True))
    return name, Choices(tuple(sorted(values)))


def read(name: str, text: str) -> Range | Choices:
    return SearchSpace.parse([f"{typed(name)}={text}"]).parts[name]


@given(st.one_of(ranges(), choices()))
def test_what_is_searched_is_shown_as_it_can_be_typed(given_part: tuple[str, Range | Choices]) -> None:
    """Six digits of a longer number once were another number."""
    name, part = given_part
    assert read(name, str(part)) == part
    assert f"{part}" == str(part)
    assert SearchSpace.of_record({name: part.describe()}).parts == {name: part}


@given(ranges(), ENDS)
def test_a_wider_range_holds_the_old_one_reaches_beyond_it_and_can_be_typed(named: tuple[str, Range], end: End) -> None:
    name, old = named
    text = old.wider(end, SETTINGS[name])
    if text is None:
        limit = SETTINGS[name].low if end == "low" else SETTINGS[name].high
        assert (old.low if end == "low" else old.high) == limit
        return
    wider = read(name, text)
    assert isinstance(wider, Range)
    assert (wider.log, wider.whole) == (old.log, old.whole)
    if end == "low":
        assert wider.low < old.low and wider.high == old.high
    else:
        assert wider.high > old.high and wider.low == old.low


@pytest.mark.parametrize(
    ("text", "end", "wider"),
    [
        ("temperature=1000..1001", "high", "1000..1002"),
        ("temperature=1.006..20", "high", "1.006..39"),
        ("learning-rate=0.0123456..1:log", "high", "0.0123456..81:log"),
        ("hard-weight=0.12345..0.5", "low", "0..0.5"),
        ("temperature=1..1e200:log", "high", None),
        ("temperature=1e-200..1:log", "low", "1e-201..1:log"),
    ],
)
def test_ends_that_are_kept_are_kept_whole(text: str, end: End, wider: str | None) -> None:
    """Rounded to three digits 1000..1002 searched nothing; of 1e200 the square is no number."""
    ((name, part),) = SearchSpace.parse([text]).parts.items()
    assert part.wider(end, SETTINGS[name]) == wider


@given(choices(), ENDS)
def test_one_more_choice_lies_beyond_the_end_and_the_others_stay(named: tuple[str, Choices], end: End) -> None:
    name, old = named
    setting = SETTINGS[name]
    first = old.values[0] if end == "low" else old.values[-1]
    text = old.wider(end, setting)
    if text is None:
        assert first == (setting.low if end == "low" else setting.high)
        return
    wider = read(name, text)
    assert isinstance(wider, Choices)
    (more,) = set(wider.values) - set(old.values)
    assert set(old.values) < set(wider.values)
    assert more < first if end == "low" else more > first


@pytest.mark.parametrize(
    ("text", "end", "wider"),
    [
        ("hard-weight=0,0.5,0.8", "high", "0,0.5,0.8,1"),
        ("hard-weight=0.1,0.9", "high", "0.1,0.9,1"),
        ("width=2,100", "low", "1,2,100"),
        ("temperature=3,3.01,3.02", "high", "3,3.01,3.02,3.03"),
        ("temperature=100,101", "high", "100,101,102"),
        ("width=1,2", "low", None),
    ],
)
def test_there_is_more_until_the_setting_itself_ends(text: str, end: End, wider: str | None) -> None:
    """Beyond a hard weight of 0.8 there once was nothing, though 1 had not been tried."""
    ((name, part),) = SearchSpace.parse([text]).parts.items()
    assert part.wider(end, SETTINGS[name]) == wider


@given(ranges(), st.floats(0, 1))
def test_a_point_of_a_range_is_inside_and_is_rounded_once(named: tuple[str, Range], at: float) -> None:
    name, part = named
    value = part.low + at * (part.high - part.low)
    assume(part.low <= value <= part.high)
    found = part.rounded(value)
    assert part.low <= found <= part.high
    assert part.rounded(found) == found
    assert SETTINGS[name].usable(found)
    assert 0 <= part.share(found) <= 1 + 1e-12
    assert found == pytest.approx(value, rel=1e-3) or part.whole


@given(ranges())
def test_an_end_is_an_end_and_the_middle_is_none(named: tuple[str, Range]) -> None:
    _, part = named
    assert (part.end_of(part.low), part.end_of(part.high)) == ("low", "high")
    middle = math.sqrt(part.low * part.high) if part.log else (part.low + part.high) / 2
    assert part.end_of(middle) is None


def test_what_optuna_draws_from_is_what_was_typed() -> None:
    space = SearchSpace.parse(["temperature=1..20:log", "width=4..16", "hard-weight=0,0.5,1"])
    assert space.distributions() == {
        "temperature": FloatDistribution(1.0, 20.0, log=True),
        "width": IntDistribution(4, 16),
        "hard_weight": CategoricalDistribution((0.0, 0.5, 1.0)),
    }
