"""What mask values mean: found from all masks of a set together, and each pixel's label is its value's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.examples.pairs.coding import Coding, CodingOptions, Held, find_coding
from joryu.questions import PICTURE, UNKNOWN, Question

Masks = npt.NDArray[np.int32]
IGNORED = st.sampled_from(["", "none", "0", "7", "255", "-1", "65535"])


def held(masks: Masks) -> Held:
    return {f"{at}.png": frozenset(np.unique(mask).tolist()) for at, mask in enumerate(masks)}


def found(masks: Masks, **options: Any) -> Coding:
    return find_coding(held(masks), CodingOptions(**options))


def scattered(values: list[int], seed: int, n: int = 3) -> Masks:
    """Masks that hold each of the values at least once between them."""
    random = np.random.default_rng(seed)
    masks = random.choice(np.array(values, dtype=np.int32), (n, 4, 5))
    masks.reshape(-1)[: len(values)] = values
    return random.permuted(masks.reshape(-1)).reshape(masks.shape)


@given(count=st.integers(3, 16), ignore=IGNORED, seed=st.integers(0, 99))
def test_numbers_of_classes_are_labels_but_for_what_is_ignored(count: int, ignore: str, seed: int) -> None:
    value = None if ignore in ("", "none") else int(ignore)
    first = int(value == 0)
    classes = [number for number in range(first, first + count) if number != value]
    unknown = 255 if ignore == "" else value
    masks = scattered([*classes, *([] if unknown is None else [unknown])], seed)
    if value == 7 and first <= 7 < first + count - 1:  # a gap
        with pytest.raises(InputError, match="without a gap"):
            found(masks, ignore=ignore)
        return
    coding = found(masks, ignore=ignore)
    coding.check(held(masks))
    assert coding.question == Question.one_of([str(number) for number in classes], grid=PICTURE)
    expected = np.where(masks == unknown, UNKNOWN, masks - first) if unknown is not None else masks
    for kind in (np.int32, np.uint8) if masks.min() >= 0 and masks.max() < 256 else (np.int32,):
        labels = coding.labels(masks.astype(kind))
        assert labels.dtype == torch.int16
        assert np.array_equal(labels.numpy(), expected)


@given(on=st.sampled_from([1, 255, 65535]), ignore=st.sampled_from(["", "none", "9"]), seed=st.integers(0, 99))
def test_one_of_two_values_is_a_tag(on: int, ignore: str, seed: int) -> None:
    unknown = 9 if ignore == "9" else 255 if (on, ignore) == (1, "") else None
    masks = scattered([0, on], seed)
    if unknown is not None:
        masks[0, 0, :2] = on, unknown  # both in one mask, which makes it certain
    coding = found(masks, ignore=ignore, names=["leaf"])
    coding.check(held(masks))
    assert coding.question == Question.tags(["leaf"], grid=PICTURE)
    labels = coding.labels(masks)
    assert (labels.dtype, labels.shape) == (torch.int8, (3, 4, 5, 1))
    assert np.array_equal(labels[..., 0].numpy(), np.where(masks == unknown, UNKNOWN, masks == on))


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 9, 200, 255]), min_size=1, max_size=6, unique=True), IGNORED, st.data())
def test_the_meaning_does_not_depend_on_the_order_of_the_masks(
    values: list[int], ignore: str, data: st.DataObject
) -> None:
    masks = held(scattered(values, 0))
    order = data.draw(st.permutations(list(masks)))
    said = []
    for names in (list(masks), order):
        try:
            coding = find_coding({name: masks[name] for name in names}, CodingOptions(ignore=ignore))
        except InputError as error:
            said.append(error.what.split(",")[0])
        else:
            said.append(str(coding))
            coding.check(masks)
    assert said[0] == said[1]


@given(st.lists(st.integers(0, 2**20 - 1), min_size=1, max_size=12), st.integers(20, 31))
def test_bits_are_tags(values: list[int], count: int) -> None:
    coding = Coding(Question.tags(count, grid=PICTURE), 0, bits=True)
    masks = np.array(values, dtype=np.int32).reshape(1, 1, -1)
    labels = coding.labels(masks)[0, 0].tolist()
    assert [sum(tag << at for at, tag in enumerate(tags)) for tags in labels] == values


def test_a_value_that_train_does_not_have_is_named_with_its_file() -> None:
    coding = found(scattered([0, 1, 2], 0))
    coding.check({"sound.png": frozenset({0, 2}), "unknown.png": frozenset({255})})
    said = r"the mask odd\.png has values .*expected 0 to 2, and 255: unknown; received 3, 254"
    with pytest.raises(InputError, match=said):
        coding.check({"sound.png": frozenset({1}), "odd.png": frozenset({1, 3, 254, 255})})
    tag = found(scattered([0, 255], 0))
    with pytest.raises(InputError, match=r"expected 0 and 255; received 1\)"):
        tag.check({"odd.png": frozenset({0, 1})})


@pytest.mark.parametrize("ignore", ["1.5", "x", " 1", "--1", "1234567890", "¹"])
def test_a_value_to_ignore_is_a_whole_number(ignore: str) -> None:
    with pytest.raises(InputError, match=r"no value to ignore .*ignore=VALUE, a whole number"):
        found(scattered([0, 1], 0), ignore=ignore)


NAMES: list[tuple[str, ...]] = [(), ("leaf",), ("ground", "leaf")]
ONES = {"one.png": frozenset({0, 1}), "none.png": frozenset({0})}


@pytest.mark.parametrize("names", NAMES)
def test_a_split_that_says_by_255_what_train_says_by_1_is_refused(names: tuple[str, ...]) -> None:
    """All that was there in it became unknown, without a word."""
    coding = find_coding(ONES, CodingOptions(names))
    said = r"one value in some masks .*1 in one\.png of another split, 255 in a\.png of this one\); .*ignore=255"
    for other in ({}, ONES):
        with pytest.raises(InputError, match=said):
            coding.check({"b.png": frozenset({0, 255}), "a.png": frozenset({255}), **other})
    coding.check(ONES | {"both.png": frozenset({0, 1, 255}), "unknown.png": frozenset({0, 255})})
    find_coding(ONES, CodingOptions(names, "255")).check({"unknown.png": frozenset({0, 255})})
    certain = find_coding(ONES | {"both.png": frozenset({1, 255})}, CodingOptions(names))
    certain.check({"unknown.png": frozenset({0, 255})})
    assert certain.labels(np.array([[[0, 1, 255]]], dtype=np.uint8)).flatten().tolist() == [0, 1, UNKNOWN]


@pytest.mark.parametrize("names", NAMES)
def test_two_values_for_what_is_there_are_refused_however_they_are_named(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"one value in some masks .*1 in one\.png, 255 in other\.png|one other value"):
        find_coding(ONES | {"other.png": frozenset({0, 255})}, CodingOptions(names))


@given(values=st.sets(st.integers(1, 6), min_size=1), count=st.integers(2, 6), first=st.integers(0, 1))
def test_names_of_classes_do_not_shift_where_0_is_unknown(values: set[int], count: int, first: int) -> None:
    """They did by one where the last class was in no mask."""
    names = [f"class {first + at}" for at in range(count)]
    masks = {"a.png": frozenset({0, *values})}
    numbered = CodingOptions.of([f"{first + at}: {name}" for at, name in enumerate(names)], "0", None)
    if max(values) < first + count:
        coding = find_coding(masks, numbered)
        labels = coding.labels(np.array([[sorted(values)]], dtype=np.uint8)).flatten().tolist()
        assert [coding.question.names[label] for label in labels] == [f"class {value}" for value in sorted(values)]
        assert "the value 1 is class 1" in coding.remarks
    else:
        with pytest.raises(InputError, match="values that mean nothing here"):
            find_coding(masks, numbered)
    plain = CodingOptions.of(names, "0", None)
    if max(values) == count:
        assert find_coding(masks, plain).first == 1
    elif max(values) < count:
        with pytest.raises(InputError, match=r"begin at 0 or at 1 .*; try classes=1: class \d;2: .* or classes=0: "):
            find_coding(masks, plain)


def test_names_with_numbers_of_their_own_are_names() -> None:
    for names in (("1 cat", "2 dogs"), ("0 cats", "2 dogs"), ("0: cat", "dog")):
        assert CodingOptions.of(names, "", None) == CodingOptions(names)
    assert CodingOptions.of(("0: cat", "1: dog"), "", None) == CodingOptions(("cat", "dog"), first=0)
