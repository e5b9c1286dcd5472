"""Pictures that come twice: the same pixels, the same picture saved again, and those that only resemble one another."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from joryu.examples import Examples, load_examples
from joryu.examples.repeats import find_copies, find_repeats


def scenes(n: int, *, side: int = 48, seed: int = 0) -> torch.Tensor:
    """Smooth colour pictures with an edge in each, as photographs have: uint8 ``[n, 3, side, side]``."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
        pixels = np.array(coarse.resize((side, side), Image.Resampling.BICUBIC))
        pixels[rng.integers(side) :, rng.integers(side) :] //= 2
        made.append(pixels.transpose(2, 0, 1))
    return torch.from_numpy(np.stack(made))


def saved_again(pictures: torch.Tensor, kind: str, **options: object) -> torch.Tensor:
    made = []
    for picture in pictures:
        file = BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, kind, **options)
        made.append(np.asarray(Image.open(file)).transpose(2, 0, 1))
    return torch.from_numpy(np.stack(made))


def of(pictures: torch.Tensor) -> Examples:
    return Examples.of(pictures, classes=[])


def test_the_same_pixels_are_found_whatever_file_they_came_in() -> None:
    taught = scenes(30)
    again = of(torch.cat([scenes(4, seed=1), saved_again(taught[[7, 3]], "BMP"), saved_again(taught[[20]], "PNG")]))
    found = find_repeats(again, of(taught))
    assert (found.same.tolist(), found.same_as.tolist()) == ([4, 5, 6], [7, 3, 20])
    assert len(found.alike) == 0
    assert len(found) == 3


@pytest.mark.parametrize("side", [32, 48, 200])
def test_a_picture_saved_again_with_loss_looks_the_same(side: int) -> None:
    taught = scenes(60, side=side)
    again = torch.cat([saved_again(taught[20:50], "JPEG", quality=90), scenes(10, side=side, seed=1)])
    found = find_repeats(of(again), of(taught))
    assert len(found.same) == 0
    assert found.alike.tolist() == list(range(30))
    assert found.alike_as.tolist() == list(range(20, 50))


def test_other_pictures_do_not() -> None:
    taught = scenes(60)
    changed = taught.clone()
    changed[:, :, 10:22, 10:22] = 255 - changed[:, :, 10:22, 10:22]  # as another object in the same place
    for others in (scenes(60, seed=1), taught.flip(-1), changed):
        assert len(find_repeats(of(others), of(taught))) == 0


def test_flat_pictures_are_told_apart_by_their_level() -> None:
    flat = torch.arange(100, 110, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 1, 8, 8).contiguous()
    assert len(find_repeats(of(flat[5:]), of(flat[:5]))) == 0
    assert len(find_copies(of(flat))) == 0


def test_copies_within_a_set_name_the_first_of_them() -> None:
    pictures = scenes(12)
    again = of(torch.cat([pictures, pictures[[2]], pictures[[2]], saved_again(pictures[[5]], "JPEG", quality=90)]))
    found = find_copies(again)
    assert (found.same.tolist(), found.same_as.tolist()) == ([12, 13], [2, 2])
    assert (found.alike.tolist(), found.alike_as.tolist()) == ([14], [5])


def test_what_cannot_be_compared_by_its_look_is_by_its_content() -> None:
    table = torch.arange(12.0).view(4, 3)
    found = find_repeats(of(table[[1, 1, 3]] + torch.tensor([[0.0], [0.5], [0.0]])), of(table))
    assert (found.same.tolist(), found.same_as.tolist(), len(found.alike)) == ([0, 2], [1, 3], 0)
    assert len(find_copies(of(table))) == 0
    assert len(find_repeats(of(scenes(2, side=8)), of(scenes(2, side=9)))) == 0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.integers(0, 7), min_size=1, max_size=12))
def test_what_is_the_same_is_what_a_search_finds(among: list[int], sought: list[int]) -> None:
    there, here = (Examples.of(torch.tensor(numbers).float()[:, None]) for numbers in (among, sought))
    again = [row for row in range(len(among)) if among[row] in among[:row]]
    found = find_copies(there)
    assert (found.same.tolist(), found.same_as.tolist()) == (again, [among.index(among[row]) for row in again])
    known = [row for row in range(len(sought)) if sought[row] in among]
    repeats = find_repeats(here, there)
    assert (repeats.same.tolist(), repeats.same_as.tolist()) == (known, [among.index(sought[row]) for row in known])
    assert len(repeats) == len(known)


def test_by_its_file_a_picture_is_found_whatever_its_pixels_are() -> None:
    """A teacher's pictures are larger than its student's."""
    small, large = of(scenes(4, side=16)), replace(of(scenes(4, side=24)), ids=of(scenes(4, side=16)).ids)
    found = find_repeats(small.select([2, 0]), large)
    assert (found.same_as.tolist(), len(found.alike)) == ([2, 0], 0)
    assert len(find_repeats(small, of(scenes(4, side=24)))) == 0


def test_handwritten_digits_resemble_one_another_and_raise_no_alarm() -> None:
    train, test = load_examples("digits"), load_examples("digits", split="test")
    assert len(find_repeats(test, train)) == 0
    assert len(find_copies(train)) == 0


@pytest.mark.parametrize("spec", ["mnist", "cifar10"])
def test_real_sets_raise_no_alarm(spec: str, real_data: object) -> None:
    del real_data
    train, test = load_examples(spec), load_examples(spec, split="test")
    assert len(find_repeats(test, train)) == 0
