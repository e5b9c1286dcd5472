"""Label codecs: nothing is rounded, what is unknown stays unknown."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import LabelKind, codec

NAN = math.nan
KINDS: dict[LabelKind, Tensor] = {
    LabelKind.CLASS: torch.tensor([0, 2, -1, 1]),
    LabelKind.DISTRIBUTION: torch.tensor([[1.0, 0, 0], [0.2, 0.3, 0.5], [0, 0, 0], [0, 1, 0]]),
    LabelKind.TAGS: torch.tensor([[1, 0, 1], [0, 0, -1], [-1, -1, -1], [0, 1, 0]]),
    LabelKind.NUMBERS: torch.tensor([[1.5, 2, NAN], [0, 0, 0], [NAN, NAN, NAN], [-1, 4, 2]]),
}


def same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.double().nan_to_num(99), other.double().nan_to_num(99))


@pytest.mark.parametrize("kind", KINDS)
def test_the_third_example_is_unknown_and_hiding_makes_another_so(kind: LabelKind) -> None:
    labels = codec(kind).check(KINDS[kind], 3, 0)
    assert same(labels, KINDS[kind])
    assert codec(kind).known(labels).tolist() == [True, True, False, True]
    hidden = codec(kind).hide(labels, torch.tensor([0]))
    assert codec(kind).known(hidden).tolist() == [False, True, False, True]
    assert same(labels, KINDS[kind])  # the caller's are left alone
    nothing = codec(kind).unknown((2,), 3)
    assert nothing.shape == (2, *labels.shape[1:]) and not codec(kind).known(nothing).any()
    strata = codec(kind).strata(labels)
    assert strata.dtype == torch.int64 and strata[2] == -1 and (strata[[0, 1, 3]] >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_blends_are_mixtures_and_unknown_beside_anything_is_unknown(kind: LabelKind) -> None:
    labels = codec(kind).check(KINDS[kind], 3, 0)
    share = torch.tensor([0.25, 0.5, 0.5, 1.0])
    mixed = codec(kind).blend(labels, labels[[3, 2, 0, 2]], share, 3)
    of_blend = LabelKind.DISTRIBUTION if kind is LabelKind.CLASS else kind
    assert codec(of_blend).known(mixed).tolist()[1:] == [
        False,
        False,
        True,
    ]  # alone, the last does not heed its partner
    if kind in (LabelKind.CLASS, LabelKind.DISTRIBUTION):
        assert mixed[0].tolist() == [0.25, 0.75, 0.0]
        assert mixed[3].tolist() == [0.0, 1.0, 0.0]
    if kind is LabelKind.TAGS:
        assert mixed[0].tolist() == [0.25, 0.75, 0.25]
    if kind is LabelKind.NUMBERS:
        assert mixed[0, :2].tolist() == [-0.375, 3.5] and mixed[0, 2].isnan()


@pytest.mark.parametrize(
    ("kind", "labels", "message"),
    [
        (LabelKind.CLASS, torch.tensor([0.5, 1.5, 2.5]), "whole numbers .*float32"),  # once became 0, 1 and 2
        (LabelKind.CLASS, torch.tensor([True, False]), "whole numbers"),
        (LabelKind.CLASS, torch.tensor([0, 3]), r"outside the classes .*0\.\.2; received 0\.\.3"),
        (LabelKind.CLASS, torch.tensor([-2, 0]), "outside the classes"),
        (LabelKind.CLASS, torch.zeros(2, 3, dtype=torch.int64), "no numbers of classes .*1 axes"),
        (LabelKind.DISTRIBUTION, torch.tensor([[0.5, 0.2, 0.1]]), "must be shares"),
        (LabelKind.DISTRIBUTION, torch.tensor([[1.5, -0.5, 0.0]]), "must be shares .*least -0.5"),
        (LabelKind.TAGS, torch.tensor([[0.0, 1.0, 2.0]]), "tags must be 0, 1 .*received 2"),
        (LabelKind.TAGS, torch.tensor([[0, 1, 255]]), "tags must be 0, 1 .*received 255"),  # once became unknown
        (LabelKind.TAGS, torch.tensor([[0, 1, 256]]), "tags must be 0, 1 .*received 256"),  # once became 0
        (LabelKind.TAGS, torch.tensor([[0, 1, 255]], dtype=torch.uint8), "tags must be 0, 1 .*received 255"),
        (LabelKind.TAGS, torch.tensor([[0.0, 1.0, NAN]]), "tags must be 0, 1 .*received nan"),
        (LabelKind.TAGS, torch.tensor([[0, 1]]), "do not fit the outputs .*3 on the last axis"),
        (LabelKind.TAGS, torch.tensor([0, 1, 0]), "no vectors of tags"),
        (LabelKind.NUMBERS, torch.tensor([[0.0, math.inf, 1.0]]), "infinite"),
        (LabelKind.NUMBERS, torch.tensor([[0.0, 1.0]]), "do not fit the outputs"),
    ],
)
def test_labels_of_another_kind_are_refused_and_never_rounded(kind: LabelKind, labels: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        codec(kind).check(labels, 3, 0)


def test_masks_are_kept_small_and_split_by_what_they_cover() -> None:
    classes = codec(LabelKind.CLASS).check(
        torch.tensor([[[0, 0], [2, 1]], [[0, 0], [0, 0]], [[-1, -1], [-1, -1]]]), 3, 2
    )
    assert classes.dtype == torch.int16
    assert codec(LabelKind.CLASS).strata(classes).tolist() == [1, 0, -1]
    tags = torch.zeros(4, 2, 2, 1, dtype=torch.int64)
    tags[1, 0, 0], tags[2], tags[3] = 1, 1, -1
    salt = codec(LabelKind.TAGS).check(tags, 1, 2)
    assert salt.dtype == torch.int8
    assert codec(LabelKind.TAGS).strata(salt).tolist() == [0, 3, 10, -1]  # nothing, a quarter, all


def test_the_rarest_tag_decides_the_stratum() -> None:
    tags = torch.tensor([[1, 1], [1, 0], [1, 0], [0, 0]])
    assert codec(LabelKind.TAGS).strata(codec(LabelKind.TAGS).check(tags, 2, 0)).tolist() == [1, 0, 0, 2]


def test_numbers_are_split_by_tenths() -> None:
    numbers: Any = torch.arange(100.0)[:, None]
    counts = torch.bincount(codec(LabelKind.NUMBERS).strata(numbers))
    assert counts.tolist() == [10] * 10


def test_blended_classes_by_hand() -> None:
    own, other = torch.tensor([0, 1, 2, -1, 1, 2]), torch.tensor([1, 1, -1, 0, 0, -1])
    share = torch.tensor([0.25, 0.25, 0.5, 0.5, 0.0, 1.0])
    assert codec(LabelKind.CLASS).blend(own, other, share, 3).tolist() == [
        [0.25, 0.75, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0],  # the partner's label is not known
        [0.0, 0.0, 0.0],  # its own is not
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],  # the partner has no share
    ]
