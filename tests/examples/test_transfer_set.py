"""`Examples` itself: ids, selection, hidden labels, fingerprint, and what it refuses."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.examples import UNLABELLED, Examples, content_ids, distinct_rows


def four() -> Examples:
    return Examples.of(
        torch.arange(16, dtype=torch.uint8).reshape(4, 1, 2, 2),
        torch.tensor([0, 1, UNLABELLED, 1]),
        classes=["a", "b"],
        sources=["w", "x", "y", "z"],
    )


def test_an_id_is_blake2b_of_type_shape_and_bytes() -> None:
    digest = hashlib.blake2b(b"|u1(1, 2, 2)" + bytes([4, 5, 6, 7]), digest_size=16).digest()
    expected = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]
    assert four().ids[1].tolist() == expected


def test_ids_tell_types_and_shapes_apart_and_copies_not() -> None:
    zeros = torch.zeros(2, 4)
    ids = content_ids(zeros)
    assert ids[0].tolist() == ids[1].tolist()
    assert not (ids == content_ids(zeros.reshape(2, 2, 2))).any()
    assert not (ids == content_ids(zeros.to(torch.uint8))).any()


def test_ids_do_not_depend_on_memory_layout() -> None:
    inputs = torch.randint(0, 256, (3, 3, 4, 5), dtype=torch.uint8)
    assert np.array_equal(content_ids(inputs), content_ids(inputs.to(memory_format=torch.channels_last)))


def test_select_takes_everything_along() -> None:
    picked = four().select([3, 0])
    assert picked.inputs[:, 0, 0, 0].tolist() == [12, 0]
    assert picked.labels is not None
    assert picked.labels.tolist() == [1, 0]
    assert picked.sources == ("z", "w")
    assert np.array_equal(picked.ids, four().ids[[3, 0]])


def test_a_mask_is_refused() -> None:
    with pytest.raises(InputError, match=r"chosen by number .*try mask\.nonzero"):
        four().select(torch.tensor([True, False, True, False]))
    assert len(four().select([])) == 0


def test_labelled_leaves_out_the_unlabelled() -> None:
    assert four().labelled().sources == ("w", "x", "z")
    everyone = four().labelled()
    assert everyone.labelled() is everyone
    with pytest.raises(InputError, match="no example of examples has a label"):
        Examples.of(torch.zeros(2, 1), classes=[]).labelled()
    with pytest.raises(InputError, match="has a label"):
        four().select([2]).labelled()


def test_hidden_labels_are_hidden_in_a_copy() -> None:
    examples = four()
    hidden = examples.hide_labels(torch.tensor([0, 3]))
    assert hidden.labels is not None
    assert examples.labels is not None
    assert hidden.labels.tolist() == [UNLABELLED, 1, UNLABELLED, UNLABELLED]
    assert examples.labels.tolist() == [0, 1, UNLABELLED, 1]


def test_the_fingerprint_is_of_the_set_and_the_classes() -> None:
    examples = four()
    assert examples.select([3, 1, 0, 2, 2]).fingerprint == examples.fingerprint
    assert examples.hide_labels(torch.tensor([0])).fingerprint == examples.fingerprint
    assert examples.select([0, 1, 2]).fingerprint != examples.fingerprint
    renamed = Examples.of(examples.inputs, examples.labels, classes=["a", "c"])
    assert renamed.fingerprint != examples.fingerprint


@pytest.mark.parametrize(
    ("labels", "message"), [([0, 1], "do not fit the inputs"), ([[0], [1], [1], [0]], "no numbers of classes")]
)
def test_labels_of_another_shape_are_refused(labels: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Examples.of(torch.zeros(4, 1), torch.tensor(labels), classes=["a", "b"])


@pytest.mark.parametrize("label", [-2, 2])
def test_labels_outside_the_classes_are_refused(label: int) -> None:
    with pytest.raises(InputError, match=r"labels outside the classes .*0\.\.1"):
        Examples.of(torch.zeros(2, 1), torch.tensor([0, label]), classes=["a", "b"])


def test_no_example_is_refused() -> None:
    with pytest.raises(InputError, match="roses holds no usable example"):
        Examples.of(torch.zeros(0, 1), classes=[], name="roses")


@pytest.mark.parametrize("span", [2, 30, 2**64])
def test_distinct_rows_are_those_numpy_finds(span: int) -> None:
    ids = np.random.default_rng(0).integers(0, span, (400, 2), dtype=np.uint64)
    ids[300:] = ids[:100]
    assert distinct_rows(ids).tolist() == np.unique(ids, axis=0, return_index=True)[1].tolist()


@pytest.mark.parametrize("n", [0, 3, 5])
def test_names_and_hashes_of_another_number_are_refused(n: int) -> None:
    with pytest.raises(InputError, match=rf"sources do not fit the inputs \(expected one for each of 4; received {n}"):
        Examples.of(torch.zeros(4, 1), sources=["a"] * n)
    with pytest.raises(InputError, match=r"hashes of pixels do not fit the inputs"):
        Examples.of(torch.zeros(4, 1), pixel_ids=content_ids(torch.zeros(n, 1)) if n else np.zeros((0, 2), np.uint64))


@pytest.mark.parametrize("rows", [[0.0, 1.0], torch.tensor([0.9]), np.array([1.5])])
def test_numbers_of_rows_are_whole(rows: list[float]) -> None:
    with pytest.raises(InputError, match=r"rows are chosen by number \(expected whole numbers; received torch.float"):
        four().select(rows)  # type: ignore[arg-type]


@given(st.lists(st.integers(-4, 3), max_size=9), st.data())
def test_rows_of_chosen_rows_are_rows(rows: list[int], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)) if rows else []
    twice, once = four().select(rows).select(again), four().select([rows[at] for at in again])
    assert torch.equal(twice.inputs, once.inputs)
    assert np.array_equal(twice.ids, once.ids)
    assert (twice.sources, twice.labels_or_empty.tolist()) == (once.sources, once.labels_or_empty.tolist())
    assert twice.strata.tolist() == once.strata.tolist()
