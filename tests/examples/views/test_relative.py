"""Views by shares of the side: the same motion at every resolution, masks and all; those by pixels are bound to one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, parse_views
from joryu.examples.examples import content_ids
from joryu.examples.hashing import Draws
from joryu.examples.views import RelativeCrop, RelativeShift, Transform, require_same_views
from joryu.questions import PICTURE, Question

N = 64


def ids(n: int = N) -> np.ndarray:
    return content_ids(torch.arange(float(n))[:, None])


def seeds(n: int = N) -> np.ndarray:
    return np.arange(1, n + 1, dtype=np.uint64)


def placed(step: Transform, height: int, width: int) -> Tensor:
    """Where each pixel of the view comes from, as far as it shows: its place down and right, float ``[N, 2, h, w]``."""
    down = torch.arange(1.0, height + 1).view(1, 1, -1, 1).expand(N, 1, height, width)
    right = torch.arange(1.0, width + 1).view(1, 1, 1, -1).expand(N, 1, height, width)
    return step(torch.cat((down, right), dim=1).contiguous(), ids(), seeds())


def motions(step: Transform, height: int, width: int) -> np.ndarray:
    """How far each view moved, as shares of the sides, ``[N, 2]``."""
    shown = placed(step, height, width)[:, :, height // 2, width // 2]
    still = torch.tensor([height // 2 + 1.0, width // 2 + 1.0])
    return ((shown - still) / torch.tensor([float(height), float(width)])).numpy()


@pytest.mark.parametrize("step", [RelativeShift(0.2), RelativeCrop(0.2)], ids=["shift", "crop"])
@pytest.mark.parametrize("sides", [(96, 96), (32, 32), (45, 20)])
def test_a_motion_is_the_same_share_at_every_resolution(step: Transform, sides: tuple[int, int]) -> None:
    draws = Draws(ids(), seeds(), step.spec.partition(":")[0])
    wanted = np.stack([draws.fractions(lane) * 0.2 for lane in range(2)], axis=1)
    found = motions(step, *sides)
    assert (np.abs(found - wanted) <= 0.5 / np.array(sides) + 1e-6).all()
    assert np.abs(found).max() > 0.15


def test_the_view_of_a_small_picture_is_the_large_view_made_small() -> None:
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 256, (N, 1, 8, 8), generator=generator).float()
    large = F.interpolate(small, scale_factor=3, mode="nearest")
    for step in (RelativeShift(0.25), RelativeCrop(0.25)):
        few, many = step(small, ids(), seeds()), step(large, ids(), seeds())
        few, shrunk = (seen[..., 2:-2, 2:-2] for seen in (few, F.avg_pool2d(many, 3)))  # what is no border in any view
        apart = (few - shrunk).abs().mean((1, 2, 3))
        others = (few - shrunk.roll(1, 0)).abs().mean((1, 2, 3))
        # Half a pixel blurs its neighbours in; another picture shows other pixels altogether.
        assert float(apart.mean()) < 0.6 * float(others.mean())
        assert int((apart < 1e-3).sum()) >= N // 16  # moved by whole small pixels: the very same view


@pytest.mark.parametrize("step", [RelativeShift(0.3), RelativeCrop(0.5)], ids=["shift", "crop"])
def test_windows_are_those_of_the_padded_picture(step: Transform) -> None:
    pictures = torch.randint(0, 256, (N, 3, 7, 10), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    share, mode = (0.3, "constant") if step.spec.startswith("shift") else (0.5, "reflect")
    down, right = (int(np.rint(share * side)) for side in (7, 10))
    padded = F.pad(pictures.float(), (right, right, down, down), mode=mode).to(torch.uint8)
    draws = Draws(ids(), seeds(), step.spec.partition(":")[0])
    seen = step(pictures, ids(), seeds())
    for row in range(N):
        top, left = (
            most + int(np.rint(draws.fractions(lane)[row] * share * side))
            for lane, (most, side) in enumerate(((down, 7), (right, 10)))
        )
        assert torch.equal(seen[row], padded[row, :, top : top + 7, left : left + 10])
    still = step(pictures, ids(), np.zeros(N, dtype=np.uint64))
    assert torch.equal(still, pictures)


def test_fractions_are_even_over_both_signs() -> None:
    found = Draws(ids(20_000), np.ones(20_000, dtype=np.uint64), "shift").fractions()
    assert -1 < found.min() < -0.99 < 0.99 < found.max() < 1
    assert stats.kstest(found, stats.uniform(-1, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize("spec", ["shift:25%", "crop:0.25", "shift:0.2,flip", "flip,crop:25%,shift:0.1"])
def test_masks_move_along_at_every_resolution(spec: str) -> None:
    generator = torch.Generator().manual_seed(0)
    for side in (8, 12, 24):
        pictures = (1 + torch.randint(0, 4, (N, 1, side, side), generator=generator).to(torch.uint8)) * 40
        masks = (pictures[:, 0].long() // 40 - 1).to(torch.int16)
        examples = Examples.of(pictures, masks, question=Question.one_of(4, grid=PICTURE))
        seen = parse_views(spec).apply(examples, torch.arange(N), torch.full((N,), 3))
        assert seen.labels is not None
        assert torch.equal(seen.labels, (seen.inputs[:, 0].long() // 40 - 1).to(torch.int16))
        assert bool((seen.inputs != pictures).any())


@pytest.mark.parametrize(
    ("spec", "canonical", "relative"),
    [
        ("shift:10%", "shift:0.1", True),
        ("shift:0.1", "shift:0.1", True),
        ("crop:12.5%,flip", "crop:0.125,flip", True),
        ("flip,mixup:0.2", "flip,mixup:0.2", True),
        ("shift:7%", "shift:0.07", True),
        ("shift:2", "shift:2", False),
        ("flip,crop:28+4", "flip,crop:28+4", False),
        ("shift:2,crop:5%", "shift:2,crop:0.05", False),
        (None, "identity", True),
    ],
)
def test_a_spec_says_whether_it_counts_in_pixels(spec: str | None, canonical: str, relative: bool) -> None:
    views = parse_views(spec)
    assert (views.spec, views.relative) == (canonical, relative)
    again = parse_views(views.spec)
    assert (again.spec, again.relative) == (canonical, relative)


@pytest.mark.parametrize("spec", ["shift:0.0", "shift:60%", "shift:nan", "crop:32", "shift:2.0", "crop:-5%"])
def test_a_share_that_moves_nothing_or_everything_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match=r"a share above 0 and up to 0\.5, as in (shift|crop):0\.1"):
        parse_views(spec)


@pytest.mark.parametrize("spec", ["shift:%", "shift:", "crop:+", "crop:a%", "shift:1e"])
def test_what_is_no_number_is_refused(spec: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(expected shift:10% or shift:N"):
        parse_views(spec)


def test_views_by_pixels_are_refused_at_another_size() -> None:
    bound = parse_views("shift:3,flip")
    require_same_views(bound, [3, 96, 96], [1, 96, 96])
    require_same_views(bound, None, [3, 32, 32])
    require_same_views(parse_views("shift:3%,flip,mixup:1"), [3, 96, 96], [3, 32, 32])
    said = (
        r"^shift:3,flip moves by pixels: at 32×32 it is another view than the teacher was shown "
        r"\(expected 96×96; received 32×32\); try --size 96, or label with --views shift:0\.031,flip$"
    )
    with pytest.raises(MismatchError, match=said):
        require_same_views(bound, [3, 96, 96], [3, 32, 32])
    with pytest.raises(MismatchError, match=r"--views crop:0\.12,mixup:0\.2$"):
        require_same_views(parse_views("crop:32+4,mixup:0.2"), [3, 32, 32], [3, 16, 16])
