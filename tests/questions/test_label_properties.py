"""Label codecs beside the plainest code that says what each must do, on labels that nobody chose."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import LabelKind, codec

CLASSES, TAGS = codec(LabelKind.CLASS), codec(LabelKind.TAGS)
SHARES, NUMBERS = codec(LabelKind.DISTRIBUTION), codec(LabelKind.NUMBERS)

KNOWN_NUMBERS = st.one_of(st.floats(-50, 50, width=32), st.just(math.nan))
MASKS = st.lists(st.lists(st.integers(-1, 2), min_size=4, max_size=4), min_size=1, max_size=6)
VECTORS = st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3), min_size=1, max_size=9)
TABLES = st.lists(st.lists(KNOWN_NUMBERS, min_size=2, max_size=2), min_size=1, max_size=30)


def masks_of(rows: list[list[int]]) -> Tensor:
    return CLASSES.check(torch.tensor(rows).reshape(-1, 2, 2), 3, 2)


@given(st.lists(st.integers(-1, 3), max_size=20))
def test_classes_are_counted_as_they_occur(labels: list[int]) -> None:
    counts = CLASSES.occurrences(CLASSES.check(torch.tensor(labels, dtype=torch.int64), 4, 0), 4)
    assert counts.tolist() == [labels.count(k) for k in range(4)]


@given(MASKS)
def test_a_class_occurs_once_in_a_mask_however_many_pixels_it_covers(rows: list[list[int]]) -> None:
    masks = masks_of(rows)
    assert CLASSES.occurrences(masks, 3).tolist() == [sum(k in row for row in rows) for k in range(3)]
    assert CLASSES.known(masks).tolist() == [max(row) >= 0 for row in rows]


@given(MASKS)
def test_a_mask_is_split_by_what_covers_most_beside_the_background(rows: list[list[int]]) -> None:
    for row, stratum in zip(rows, CLASSES.strata(masks_of(rows)).tolist(), strict=True):
        if max(row) < 0:
            assert stratum == -1
        elif max(row) == 0:
            assert stratum == 0
        else:
            assert stratum > 0
            assert row.count(stratum) == max(row.count(1), row.count(2))


@given(VECTORS)
def test_tags_are_counted_where_they_are_given_and_known_where_one_is(rows: list[list[int]]) -> None:
    tags = TAGS.check(torch.tensor(rows), 3, 0)
    assert TAGS.occurrences(tags, 3).tolist() == [sum(row[k] == 1 for row in rows) for k in range(3)]
    assert TAGS.known(tags).tolist() == [any(tag != -1 for tag in row) for row in rows]


@given(VECTORS)
def test_an_example_goes_where_its_rarest_tag_does(rows: list[list[int]]) -> None:
    counts = [sum(row[k] == 1 for row in rows) for k in range(3)]
    for row, stratum in zip(rows, TAGS.strata(TAGS.check(torch.tensor(rows), 3, 0)).tolist(), strict=True):
        held = [k for k in range(3) if row[k] == 1]
        if all(tag == -1 for tag in row):
            assert stratum == -1
        elif not held:
            assert stratum == 3
        else:
            assert stratum in held
            assert counts[stratum] == min(counts[k] for k in held)


@given(TABLES)
def test_tenths_of_numbers_keep_their_order_and_the_unknown_stay_out(rows: list[list[float]]) -> None:
    labels = NUMBERS.check(torch.tensor(rows), 2, 0)
    strata, known = NUMBERS.strata(labels), NUMBERS.known(labels)
    assert known.tolist() == [not all(map(math.isnan, row)) for row in rows]
    assert (strata == -1).tolist() == (~known).tolist()
    means = labels.nanmean(1).double()[known]
    of_known = strata[known]
    assert of_known.numel() == 0 or set(of_known.tolist()) <= set(range(10))
    order = means.argsort()
    assert (of_known[order].diff() >= 0).all()
    assert NUMBERS.occurrences(labels, 2).tolist() == [sum(not math.isnan(row[k]) for row in rows) for k in (0, 1)]


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=9))
def test_shares_are_split_by_the_largest_and_counted_where_there_is_any(votes: list[list[int]]) -> None:
    rows = [[vote / sum(row) if sum(row) else 0.0 for vote in row] for row in votes]
    shares = SHARES.check(torch.tensor(rows), 3, 0)
    assert SHARES.known(shares).tolist() == [sum(row) > 0 for row in votes]
    assert SHARES.occurrences(shares, 3).tolist() == [sum(row[k] > 0 for row in votes) for k in range(3)]
    for row, stratum in zip(votes, SHARES.strata(shares).tolist(), strict=True):
        assert stratum == -1 if not sum(row) else row[stratum] == max(row)


@given(VECTORS, st.floats(0, 1, width=32))
def test_a_blend_with_itself_is_itself_where_it_is_known(rows: list[list[int]], share: float) -> None:
    tags = TAGS.check(torch.tensor(rows), 3, 0)
    mixed = TAGS.blend(tags, tags, torch.full((len(rows),), share), 3)
    assert torch.allclose(mixed, tags.float(), atol=1e-6)


@given(TABLES, st.floats(0, 1, width=32))
def test_numbers_blend_in_a_straight_line(rows: list[list[float]], share: float) -> None:
    labels = NUMBERS.check(torch.tensor(rows), 2, 0)
    turned = labels.flip(0)
    mixed = NUMBERS.blend(labels, turned, torch.full((len(rows),), share), 2)
    line = share * labels + (1 - share) * turned
    if share == 1.0:
        assert torch.equal(mixed.nan_to_num(99), labels.nan_to_num(99))
    else:
        assert torch.allclose(mixed, line, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("kind", list(LabelKind))
@pytest.mark.parametrize("grid", [(), (2, 2)])
def test_what_is_hidden_is_what_is_unknown(kind: LabelKind, grid: tuple[int, ...]) -> None:
    """`hide` writes what `unknown` makes, so that a hidden label and a missing one are never told apart."""
    nothing = codec(kind).unknown((3, *grid), 2)
    something = codec(kind).check(
        torch.zeros_like(nothing) + (0.5 if kind is LabelKind.DISTRIBUTION else 0), 2, len(grid)
    )
    hidden = codec(kind).hide(something, torch.tensor([0, 2]))
    assert codec(kind).known(hidden).tolist() == [False, True, False]
    assert torch.equal(hidden[[0, 2]].double().nan_to_num(99), nothing[[0, 2]].double().nan_to_num(99))
    assert codec(kind).known(something).all()
    assert not codec(kind).known(nothing).any()
    assert codec(kind).strata(nothing).tolist() == [-1, -1, -1]
    assert codec(kind).occurrences(nothing, 2).tolist() == [0, 0]
    assert torch.equal(
        codec(kind).check(nothing, 2, len(grid)).double().nan_to_num(99), nothing.double().nan_to_num(99)
    )


@pytest.mark.parametrize("kind", list(LabelKind))
def test_no_examples_are_no_fault(kind: LabelKind) -> None:
    nothing = codec(kind).unknown((0,), 3)
    assert len(codec(kind).check(nothing, 3, 0)) == 0
    assert codec(kind).known(nothing).tolist() == []
    assert codec(kind).occurrences(nothing, 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("many", [2**15, 2**15 + 1])
def test_a_mask_of_very_many_classes_keeps_their_numbers(many: int) -> None:
    mask = torch.tensor([[[0, many - 1]]])
    assert CLASSES.check(mask, many, 2).long().tolist() == mask.tolist()
    with pytest.raises(InputError, match="outside the classes"):
        CLASSES.check(mask + 1, many, 2)


def test_graded_masks_are_split_by_what_they_are_mostly() -> None:
    masks = torch.zeros(2, 1, 2, 3)
    masks[0, 0, 0], masks[0, 0, 1] = torch.tensor([0.6, 0.4, 0.0]), torch.tensor([0.0, 0.9, 0.1])
    assert SHARES.strata(SHARES.check(masks, 3, 2)).tolist() == [1, -1]
    assert SHARES.occurrences(masks, 3).tolist() == [1, 1, 1]
