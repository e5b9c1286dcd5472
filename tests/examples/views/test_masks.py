"""Pictures and their masks move together: whatever a view does to a picture, its mask still shows the same things."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joryu.examples import Examples, parse_views
from joryu.questions import PICTURE, UNKNOWN, Question

SPECS = ["flip", "shift:3", "crop:12+4", "shift:2,flip", "flip,crop:12+3,shift:1"]
N = 48


def scenes() -> Tensor:
    """Pictures of four greys (40, 80, 120, 160), none of them black: so what was moved in can be told from the rest."""
    generator = torch.Generator().manual_seed(0)
    return (1 + torch.randint(0, 4, (N, 1, 12, 12), generator=generator).to(torch.uint8)) * 40


def classes_of(pictures: Tensor) -> Tensor:
    """The mask drawn from a picture: one class for each grey, unknown where it is black."""
    return (pictures[:, 0].long() // 40 - 1).to(torch.int16)


@pytest.mark.parametrize("spec", SPECS)
def test_a_mask_drawn_from_the_picture_fits_every_view_of_it(spec: str) -> None:
    pictures = scenes()
    examples = Examples.of(pictures, classes_of(pictures), question=Question.one_of(4, grid=PICTURE))
    for seed in range(4):
        seen = parse_views(spec).apply(examples, torch.arange(N), torch.full((N,), seed))
        assert seen.labels is not None
        assert seen.labels.dtype == torch.int16
        assert torch.equal(seen.labels, classes_of(seen.inputs))
        moved = (seen.inputs != pictures).flatten(1).any(1)
        assert bool(moved.any()) == (seed > 0)


@pytest.mark.parametrize("spec", SPECS)
def test_planes_of_tags_move_with_the_picture(spec: str) -> None:
    pictures = scenes()
    tags = torch.stack([(pictures[:, 0] >= 80), (pictures[:, 0] == 160)], dim=-1).to(torch.int8)
    examples = Examples.of(pictures, tags, question=Question.tags(["light", "white"], grid=PICTURE))
    seen = parse_views(spec).apply(examples, torch.arange(N), torch.full((N,), 5))
    assert seen.labels is not None
    black = seen.inputs[:, 0] == 0
    assert torch.equal(seen.labels[..., 0] == 1, seen.inputs[:, 0] >= 80)
    assert torch.equal(seen.labels[..., 1] == 1, seen.inputs[:, 0] == 160)
    assert bool((seen.labels[black] == UNKNOWN).all())
    assert bool((seen.labels[~black] != UNKNOWN).all())
    assert bool(black.any()) == ("shift" in spec)


def test_numbers_of_pixels_are_not_known_where_nothing_was() -> None:
    pictures = scenes()
    heights = pictures[:, 0, :, :, None].float() / 40
    examples = Examples.of(pictures, heights, question=Question.numbers(["height"], grid=PICTURE))
    seen = parse_views("shift:3").apply(examples, torch.arange(N), torch.full((N,), 2))
    assert seen.labels is not None
    assert torch.equal(seen.labels[..., 0].isnan(), seen.inputs[:, 0] == 0)
    assert torch.equal(seen.labels[..., 0].nan_to_num(), seen.inputs[:, 0].float() / 40)


def test_labels_of_whole_pictures_stay_as_they_are() -> None:
    pictures = scenes()
    tags = torch.randint(0, 2, (N, 12), generator=torch.Generator().manual_seed(1))
    examples = Examples.of(pictures, tags, question=Question.tags(12))
    seen = parse_views("shift:2,flip").apply(examples, torch.arange(N), torch.full((N,), 3))
    assert seen.labels is not None
    assert torch.equal(seen.labels, tags.to(torch.int8))


def test_blended_masks_are_those_of_the_blended_views() -> None:
    pictures = scenes()
    shades = (pictures[:, 0, :, :, None].float() - 40) / 120  # a tag of each pixel, as dark as the pixel is
    examples = Examples.of(pictures, shades, question=Question.tags(["shade"], grid=PICTURE))
    rows, seeds = torch.arange(N), torch.full((N,), 9)
    seen = parse_views("flip,crop:12+3,mixup:1").apply(examples, rows, seeds)
    assert seen.labels is not None
    assert (seen.labels[..., 0] * 120 + 40 - seen.inputs[:, 0].float()).abs().max() <= 0.51
    assert not torch.equal(seen.inputs, parse_views("flip,crop:12+3").apply(examples, rows, seeds).inputs)
