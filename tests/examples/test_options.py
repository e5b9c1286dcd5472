"""Options after a place: what is written is what is read, whatever commas and spaces places and names hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_files import pictures, table

from joryu.errors import InputError
from joryu.examples import load_examples, with_column
from joryu.examples.options import listed, one_of, split_options

KNOWN = ("target", "drop", "kind")
WORDS = st.text(alphabet="ab, =;#/ä.", min_size=1, max_size=12)


@given(
    place=WORDS,
    values=st.dictionaries(st.sampled_from(KNOWN), WORDS.map(str.strip).filter(bool)),
    space=st.sampled_from(["", " ", "  "]),
)
def test_a_place_and_its_options_are_read_as_they_are_written(place: str, values: dict[str, str], space: str) -> None:
    text = place + "".join(f",{space}{name}={space}{value}{space}" for name, value in values.items())
    assert split_options(text, KNOWN) == (place, values)


def test_behind_a_place_that_exists_there_are_options_alone() -> None:
    exists = {"set", "a,b=c"}.__contains__
    assert split_options("a,b=c,drop=y", KNOWN, is_place=exists) == ("a,b=c", {"drop": "y"})
    assert split_options("other,drpo=y", KNOWN, is_place=exists) == ("other,drpo=y", {})
    with pytest.raises(InputError, match=r"no option is called 'drpo' .*; did you mean drop\?"):
        split_options("set,drpo=y", KNOWN, is_place=exists)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("set,drop=,kind=tags", "the option drop says nothing .*expected drop=…"),
        ("set,drop=  ", "the option drop says nothing"),
        ("set,kind=tags,drop=a,kind=tags", "the option kind comes twice"),
    ],
)
def test_options_that_say_nothing_or_too_much_are_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        split_options(text, KNOWN)


@given(st.lists(st.text(alphabet="ab, =ä", min_size=1, max_size=6).map(str.strip).filter(bool), min_size=1, max_size=5))
def test_names_in_a_list_are_those_that_were_joined(names: list[str]) -> None:
    assert listed(";".join(names)) == listed(" ; ".join(names)) == listed(f";{';'.join(names)};") == tuple(names)
    assert listed(";".join(names), known=[";".join(names)]) == (";".join(names),)


def test_a_value_of_a_few_is_one_of_them() -> None:
    assert one_of({}, "order", ["columns", "rows"]) == ""
    with pytest.raises(InputError, match=r"order cannot be 'row' \(expected order=columns or order=rows\); .*rows"):
        one_of({"order": "row"}, "order", ["columns", "rows"])


@pytest.mark.parametrize(
    "options", [",kind=numbers", ", kind=numbers", ",root={},kind=numbers", ", root={}, kind=numbers"]
)
def test_a_spec_with_its_columns_means_what_was_asked(tmp_path: Path, options: str) -> None:
    table(tmp_path / "train.parquet", {"image": pictures(1, 2), "a": [1.5, 2.5], "b": [3.5, 4.5]})
    spec = with_column(f"parquet:{tmp_path}{options.format(tmp_path)}", "image,b")
    examples = load_examples(spec)
    assert examples.classes == ("b",)
    assert examples.labels_or_empty.tolist() == [[3.5], [4.5]]
    assert with_column(spec, "image,b") == spec
