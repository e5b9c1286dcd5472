"""What can be searched, and how it is typed."""

from __future__ import annotations

import pytest

from joryu.errors import InputError
from joryu.search import SearchSpace
from joryu.search.space import SETTINGS, Choices, Range


def only(text: str) -> Range | Choices:
    (part,) = SearchSpace.parse([text]).parts.values()
    return part


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("temperature=1..20:log", Range(1.0, 20.0, log=True)),
        ("temperature=.5..2", Range(0.5, 2.0)),
        ("temperature=1...5", None),
        ("hard-weight=0..1", Range(0.0, 1.0)),
        ("hard_weight=0,0.5,1", Choices((0.0, 0.5, 1.0))),
        ("learning-rate=1e-4..1e-2:log", Range(1e-4, 1e-2, log=True)),
        ("width=4..16", Range(4, 16, whole=True)),
        ("width=16,4,8", Choices((4, 8, 16))),
    ],
)
def test_what_is_typed_is_what_is_searched(text: str, part: Range | Choices | None) -> None:
    if part is None:
        with pytest.raises(InputError, match="LOW below HIGH"):
            only(text)
        return
    assert only(text) == part
    assert SearchSpace.of_record(SearchSpace.parse([text]).describe()) == SearchSpace.parse([text])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temperature", "cannot be read"),
        ("temperature=", "cannot be read"),
        ("temperature=1..", "cannot be read"),
        ("temperature=a..b", "cannot be read"),
        ("temperature=1..20:lin", "cannot be read"),
        ("temperature=1,2:log", "cannot be read"),
        ("temprature=1..20", "did you mean temperature"),
        ("epochs=1..20", "cannot search 'epochs'.*temperature, hard-weight, learning-rate, width"),
        ("temperature=20..1", "searches nothing.*LOW below HIGH"),
        ("temperature=4", "searches nothing"),
        ("temperature=4,4", "searches nothing"),
        ("temperature=4,4,5", "names a choice twice"),
        ("temperature=0..20", "a value that cannot be .expected numbers above 0"),
        ("temperature=1..inf", "a value that cannot be"),
        ("temperature=nan,1", "a value that cannot be"),
        ("hard-weight=0..2", "numbers from 0, at most 1"),
        ("hard-weight=0..1:log", "logarithmic from 0.*try hard-weight=0.01..1:log"),
        ("width=4.5..8", "whole numbers from 1"),
        ("width=0..8", "whole numbers from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        only(text)


def test_a_setting_is_searched_once() -> None:
    with pytest.raises(InputError, match="comes twice"):
        SearchSpace.parse(["hard-weight=0..1", "hard_weight=0,1"])
    with pytest.raises(InputError, match="nothing to search"):
        SearchSpace.parse([])


def test_values_are_short_enough_to_type_again_and_stay_inside() -> None:
    part = Range(1.00004, 20.0)
    assert part.rounded(3.14159265) == 3.142
    assert part.rounded(1.00004) == 1.00004
    assert Range(4, 16, whole=True).rounded(7) == 7


@pytest.mark.parametrize(
    ("text", "value", "end", "wider"),
    [
        ("temperature=1..20:log", 18.9, "high", "1..400:log"),
        ("temperature=1..20:log", 1.05, "low", "0.05..20:log"),
        ("temperature=1..20:log", 4.5, None, None),
        ("temperature=1..21", 20.5, "high", "1..41"),
        ("temperature=1..21", 1.2, "low", "0.1..21"),
        ("hard-weight=0..1", 0.99, "high", None),
        ("hard-weight=0..0.5", 0.5, "high", "0..1"),
        ("width=4..16", 16, "high", "4..28"),
        ("width=4..16:log", 4, "low", "1..16:log"),
        ("width=1..8", 1, "low", None),
        ("width=4,8,16", 16, "high", "4,8,16,32"),
        ("width=4,8,16", 8, None, None),
        ("hard-weight=0,0.5,1", 1.0, "high", None),
    ],
)
def test_a_best_point_at_an_end_asks_for_a_wider_range(
    text: str, value: float, end: str | None, wider: str | None
) -> None:
    (name,) = SearchSpace.parse([text]).parts
    part = only(text)
    assert part.end_of(value) == end
    if end is not None:
        found = part.wider(end, SETTINGS[name])  # type: ignore[arg-type]
        assert found == wider
        if found is not None:
            only(f"{name}={found}")  # can be typed
