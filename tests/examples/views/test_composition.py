"""Views put together: reproducible in any batch, and read from text."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.examples import Examples, parse_views

EVERYTHING = "shift:2,crop:8+3,flip,mixup:0.4"


def pictures(count: int = 40) -> Examples:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (count, 3, 8, 8), generator=generator).to(torch.uint8)
    return Examples.of(inputs, torch.arange(count) % 4, classes=["a", "b", "c", "d"])


@settings(max_examples=30, deadline=None)
@given(
    keys=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 2**62)), min_size=1, max_size=16),
    cut=st.integers(0, 16),
)
def test_a_view_is_the_same_in_every_batch(keys: list[tuple[int, int]], cut: int) -> None:
    examples, views = pictures(), parse_views(EVERYTHING)
    rows, seeds = (torch.tensor(column) for column in zip(*keys, strict=True))
    whole = views.apply(examples, rows, seeds)
    backwards = views.apply(examples, rows.flip(0), seeds.flip(0))
    parts = [views.apply(examples, rows[part], seeds[part]) for part in (slice(cut), slice(cut, None))]
    assert torch.equal(whole.inputs, backwards.inputs.flip(0))
    assert torch.equal(whole.inputs, torch.cat([part.inputs for part in parts]))
    assert whole.labels is not None
    assert backwards.labels is not None
    assert torch.equal(whole.labels, backwards.labels.flip(0))


def test_seed_zero_is_the_example_in_a_mixed_batch() -> None:
    examples = pictures()
    rows = torch.arange(40)
    seeds = torch.arange(40) % 2
    batch = parse_views(EVERYTHING).apply(examples, rows, seeds)
    same = (batch.inputs == examples.inputs).flatten(1).all(1)
    assert bool(same[seeds == 0].all())
    assert not bool(same[seeds == 1].any())


def test_a_step_does_not_change_what_another_draws() -> None:
    examples = pictures()
    rows, seeds = torch.arange(40), torch.full((40,), 6)
    flipped = parse_views("flip").apply(examples, rows, seeds).inputs
    again = parse_views("shift:1").apply(Examples.of(flipped, classes=[]), rows, seeds).inputs
    together = parse_views("flip,shift:1").apply(examples, rows, seeds).inputs
    shifted = parse_views("shift:1").apply(examples, rows, seeds).inputs
    shifted_then_flipped = parse_views("shift:1,flip").apply(examples, rows, seeds).inputs
    mirrored = (flipped != examples.inputs).flatten(1).any(1)
    assert torch.equal(shifted_then_flipped[~mirrored], shifted[~mirrored])
    assert torch.equal(shifted_then_flipped[mirrored], shifted[mirrored].flip(-1))
    assert not torch.equal(again, together)  # the numbers belong to the id of the example, not of what is passed on


@pytest.mark.parametrize(
    ("spec", "middle"),
    [
        ("shift:2", [37, 43, 220]),
        ("crop:8+3", [22, 43, 212]),
        ("shift:0.3", [37, 43, 220]),
        ("crop:0.4", [22, 43, 212]),
        ("flip", [27, 27, 227]),
        ("mixup:0.4", [35, 27, 190]),
    ],
)
def test_the_same_view_as_ever(spec: str, middle: list[int]) -> None:
    """Stored soft targets name views by their seeds: these numbers must never change."""
    ramp = torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8)
    examples = Examples.of(torch.cat((ramp, 255 - ramp)), torch.tensor([0, 1]), classes=["a", "b"])
    rows, seeds = torch.tensor([0, 0, 1]), torch.tensor([3, 2**63 - 1, 3])
    inputs = parse_views(spec).apply(examples, rows, seeds).inputs
    assert inputs[:, 0, 3, 3].tolist() == middle


@pytest.mark.parametrize("spec", [None, "", "identity"])
def test_no_view_is_the_identity(spec: str | None) -> None:
    examples, views = pictures(), parse_views(spec)
    batch = views.apply(examples, torch.tensor([3, 3, 1]), torch.tensor([0, 5, 9]))
    assert views.spec == "identity"
    assert torch.equal(batch.inputs, examples.inputs[[3, 3, 1]])
    assert batch.labels is not None
    assert batch.labels.tolist() == [3, 3, 1]


def test_without_labels_there_are_none() -> None:
    examples = Examples.of(pictures().inputs, classes=[])
    for spec in ("flip", "mixup:1"):
        assert parse_views(spec).apply(examples, torch.tensor([0]), torch.tensor([1])).labels is None


@pytest.mark.parametrize("spec", ["shift:2", "crop:28+4", "flip", "mixup:0.2", "mixup:1", "shift:2,flip,mixup:0.25"])
def test_a_spec_is_read_and_written_alike(spec: str) -> None:
    assert parse_views(spec).spec == spec
    assert parse_views(spec.replace(",", " , ")).spec == spec


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("shfit:2", "no view is known as 'shfit:2'.*did you mean shift"),
        ("mixpu:1,flip", "no view is known as 'mixpu:1'.*did you mean mixup"),
        ("mixups:1", "no view is known as 'mixups:1'"),
        ("shift", "the view shift cannot be read.*received shift"),
        ("shift:x", "the view shift cannot be read.*received shift:x"),
        ("shift:0", "at least 1 pixel"),
        ("crop:28", "a share above 0 and up to 0.5"),
        ("crop:4+4", "1 <= PADDING < SIZE"),
        ("flip:1", "the view flip cannot be read"),
        ("mixup:0", "ALPHA > 0"),
        ("mixup:x", "the view mixup cannot be read"),
        ("mixup:1,flip", "mixup as the last step"),
        ("shift:1,shift:2", "a step twice"),
        ("flip,", "no view is known as ''"),
    ],
)
def test_a_spec_that_cannot_be_used_says_why(spec: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_views(spec)


def test_each_row_needs_one_seed() -> None:
    with pytest.raises(InputError, match=r"each row needs one view seed .*expected \[2\]; received seeds \(3,\)"):
        parse_views("flip").apply(pictures(), torch.tensor([0, 1]), torch.tensor([1, 2, 3]))
