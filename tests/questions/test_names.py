"""Names as they are typed: whatever they hold, they come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions.names import spelt, typed_names

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(' ,"'), min_size=1).map(str.strip)


@given(st.lists(NAMES.filter(bool), min_size=1, max_size=6))
def test_what_is_spelt_is_read_again(names: list[str]) -> None:
    assert typed_names(spelt(names)) == tuple(names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ("a", "b")),
        (" a ,  b ", ("a", "b")),
        ('"a, b"', ("a, b",)),
        ('5"" leaf', ('5"" leaf',)),
        ("", ()),
        (None, ()),
        ("a,,b", ("a", "", "b")),
    ],
)
def test_names_stand_between_commas(text: str | None, names: tuple[str, ...]) -> None:
    assert typed_names(text) == names


@pytest.mark.parametrize("text", ['"a', 'a,"b,c', '"a"b,c', '"a, b" ,c'])
def test_a_quotation_that_does_not_end_at_a_comma_is_no_guess(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be told apart .*names between commas") as refused:
        typed_names(text)
    assert repr(text) in str(refused.value)
