"""The grammar of every message: what happened, what was expected, what was received, what to try."""

from __future__ import annotations

import itertools

import pytest

import joryu.errors as family
from joryu.errors import InputError, JoryuError, MissingExtraError, Stop, option

ALL = [found for found in vars(family).values() if isinstance(found, type) and issubclass(found, JoryuError)]
PARTS = {"expected": "a number > 0", "received": 0, "hint": "try --temperature 4"}
GIVEN = [names for n in range(4) for names in itertools.combinations(PARTS, n)]


@pytest.mark.parametrize("names", GIVEN, ids="+".join)
def test_parts_stand_in_their_order_and_what_does_not_apply_is_left_out(names: tuple[str, ...]) -> None:
    said = str(InputError("temperature is not usable", **{name: PARTS[name] for name in names}))
    details = [f"{name} {PARTS[name]}" for name in ("expected", "received") if name in names]
    expected = "temperature is not usable" + (f" ({'; '.join(details)})" if details else "")
    assert said == expected + ("; try --temperature 4" if "hint" in names else "")


@pytest.mark.parametrize("names", GIVEN, ids="+".join)
def test_a_setting_is_said_as_a_parameter_and_as_an_option(names: tuple[str, ...]) -> None:
    parts = {name: PARTS[name] for name in names}
    error = InputError("is not usable", setting="hard_weight", **parts)
    plain = str(InputError("is not usable", **parts))
    assert str(error) == f"hard_weight {plain}"
    assert error.spelled(option) == f"--hard-weight {plain}"
    assert error.what == "hard_weight is not usable"
    without = InputError("the table is empty", **parts)
    assert without.spelled(option) == str(without)


@pytest.mark.parametrize("nothing", [0, "", False, [], 0.0])
def test_what_was_received_is_said_also_where_it_is_next_to_nothing(nothing: object) -> None:
    assert f"(received {nothing})" in str(InputError("is not usable", received=nothing))


@pytest.mark.parametrize("part", ["expected", "received"])
def test_somebodys_whole_text_is_cut_and_its_length_told(part: str) -> None:
    whole = "x" * 20_001
    error = InputError("guidelines is not usable", **{part: whole}, hint="shorten it")
    assert str(error) == f"guidelines is not usable ({part} {'x' * 1000} … (20,001 letters)); shorten it"
    assert getattr(error, part) == whole  # for whoever catches it
    assert "…" not in str(InputError("guidelines is not usable", **{part: "x" * 1000}))


def test_each_kind_of_error_has_a_code_of_its_own_and_none_says_that_all_is_well() -> None:
    codes = [one.exit_code for one in ALL if "exit_code" in vars(one)]  # kinds of a kind share its code
    assert len(set(codes)) == len(codes) == 7
    assert 0 not in codes
    assert InputError.exit_code == 2  # as typer's own


@pytest.mark.parametrize("kind", [one for one in ALL if one is not MissingExtraError], ids=lambda one: one.__name__)
def test_each_kind_speaks_the_grammar(kind: type[JoryuError]) -> None:
    assert str(kind("it stops", expected=1, received=2, hint="go on")) == "it stops (expected 1; received 2); go on"
    with pytest.raises(JoryuError):
        raise kind("it stops")


def test_a_missing_library_names_the_extra_that_brings_it() -> None:
    said = str(MissingExtraError("timm", "vision", "the model timm:resnet18"))
    assert said == 'the model timm:resnet18 needs timm, which is not installed; try: pip install "joryu[vision]"'


def test_a_stop_is_no_failure_of_an_example() -> None:
    assert not issubclass(Stop, InputError)
