"""What many predictions came to: who was left out and why, and how much of the pictures nobody saw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from joryu.errors import InputError
from joryu.examples.clutter import CLUTTER
from joryu.examples.preparation import Box
from joryu.serving import NumberAnswer, Wanted
from joryu.serving.framing import Framing
from joryu.serving.outcome import Outcome
from joryu.serving.predictor import Predicted

WHOLE, HALF, QUARTER = Framing(4, 2, Box(0, 0, 4, 2)), Framing(4, 2, Box(1, 0, 3, 2)), Framing(8, 2, Box(3, 0, 5, 2))


def answered(name: str, seen: Framing | None = None) -> Predicted:
    answer = NumberAnswer(names=("weight",), values=torch.ones(1))
    return Predicted(Wanted(Path(name), name), answer, seen=seen)


def left_out(name: str, reason: str) -> Predicted:
    return Predicted(Wanted(Path(name), name), None, reason)


def outcome_of(*found: Predicted) -> Outcome:
    outcome = Outcome()
    assert list(outcome.counted(found)) == list(found)
    return outcome


def test_they_are_counted_as_they_pass_and_no_sooner() -> None:
    outcome, taken = Outcome(), list[str]()

    def asked() -> Iterator[Predicted]:
        for name in ("a", "b", "c"):
            taken.append(name)
            yield answered(name)

    passing = outcome.counted(asked())
    next(passing)
    assert (outcome.predicted, taken) == (1, ["a"])
    list(passing)
    assert outcome.predicted == 3


def test_those_left_out_are_named_in_order_and_clutter_last() -> None:
    outcome = outcome_of(
        left_out("Thumbs.db", CLUTTER), left_out("z", "damaged"), answered("y"), left_out("b", "empty")
    )
    assert [(one.name, one.reason) for one in outcome.left_out] == [
        ("b", "empty"), ("z", "damaged"), ("Thumbs.db", CLUTTER)
    ]  # fmt: skip
    outcome.require_some()


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ((), r"^there is nothing to predict \(expected at least one file; received none\)$"),
        ((left_out("a", "empty file"),), "^a: empty file$"),
        ((left_out("b", CLUTTER), left_out("a", "empty file")), "^none of 2 files can be used; a: empty file$"),
    ],
)
def test_nothing_at_all_is_an_error_that_names_a_file(found: tuple[Predicted, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        outcome_of(*found).require_some()


def test_the_picture_of_which_least_was_seen_is_named() -> None:
    rounded = Framing(1000, 1000, Box(0, 0, 1000, 999.5))  # half a pixel of the edge: nobody's business
    assert outcome_of(answered("a"), answered("b", WHOLE), answered("c", rounded)).unseen is None
    assert (outcome_of(answered("a", HALF)).unseen or "").startswith("50.0% of a, beside its middle, was not seen: ")
    many = outcome_of(answered("a", HALF), left_out("x", "empty"), answered("b", QUARTER), answered("c", WHOLE))
    assert (many.unseen or "").startswith("of 2 of 3 pictures only the middle was seen (75.0% of b was not): ")
