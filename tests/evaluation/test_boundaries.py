"""The boundary F measure by hand, at its ends, and beside distances that scipy computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import interpolate

from joryu.evaluation import PixelEvaluation, evaluator_for
from joryu.evaluation.boundaries import AT_ONCE, boundary_f, boundary_f_of_classes, boundary_f_of_tags, tolerance_of
from joryu.questions import PICTURE, Question

SIZE = 12


def square(*, top: int = 2, left: int = 2, side: int = 5) -> Tensor:
    mask = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    mask[0, top : top + side, left : left + side] = True
    return mask


def of(answer: Tensor, true: Tensor, known: Tensor | None = None) -> float:
    return boundary_f(answer, true, torch.ones_like(true) if known is None else known).item()


def test_a_square_beside_itself() -> None:
    """Of 16 boundary pixels, moved by 2: both ends of what was the near side, and the long sides but one pixel each."""
    assert of(square(), square()) == 1
    assert of(square(left=3), square()) == 1  # a pixel is within the tolerance
    assert of(square(left=4), square()) == pytest.approx(10 / 16)
    assert of(square(side=2), square(top=9, left=9, side=2)) == 0


def test_masks_without_a_boundary() -> None:
    nothing, everything = torch.zeros(1, 4, 4, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.bool)
    one = torch.eye(4, dtype=torch.bool)[None]
    assert of(nothing, nothing) == of(everything, everything) == 1
    assert of(nothing, everything) == of(everything, nothing) == 0
    assert of(one, nothing) == of(nothing, one) == of(one, everything) == 0


def test_what_nobody_knows_has_no_boundary() -> None:
    """A ring of unknown pixels around the true mask, as in Pascal VOC: the answer may end anywhere in it."""
    true, ring = square(), square(top=1, left=1, side=7) & ~square(top=3, left=3, side=3)
    assert of(square(top=3, left=3, side=3), true, ~ring) == 1
    assert of(square(top=1, left=1, side=9), true, ~ring) == 0


@pytest.mark.parametrize("size", [(9, 14), (3, 1), (1, 1), (250, 310)])
def test_tolerances_beside_scipy(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    n = 12 if max(size) < 100 else 2
    answer, true = (interpolate(torch.rand(n, 1, 5, 5, generator=generator), size)[:, 0] > 0.5 for _ in range(2))
    known = torch.rand(n, *size, generator=generator) > 0.05
    expected = [by_distances(*(part[row].numpy() for part in (answer, true, known))) for row in range(n)]
    assert boundary_f(answer, true, known).tolist() == pytest.approx(expected)


def by_distances(answer: np.ndarray, true: np.ndarray, known: np.ndarray) -> float:
    masks = [answer & known, true & known]
    edges = [boundary(mask, known) for mask in masks]
    if not all(edge.any() for edge in edges):
        return float(not any(edge.any() for edge in edges) and np.array_equal(*masks))
    limit = tolerance_of(*true.shape)
    precision, recall = (
        (distance_transform_edt(~other)[edge] <= limit).mean() for edge, other in (edges, reversed(edges))
    )
    return 0.0 if precision + recall == 0 else float(2 * precision * recall / (precision + recall))


def boundary(mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    out = np.pad(known & ~mask, 1)
    return mask & (out[:-2, 1:-1] | out[2:, 1:-1] | out[1:-1, :-2] | out[1:-1, 2:])


def test_classes_are_masks_of_their_own_and_all_are_measured() -> None:
    generator = torch.Generator().manual_seed(1)
    answer, true = torch.randint(3, (AT_ONCE, 5, 6), generator=generator), torch.randint(-1, 3, (AT_ONCE, 5, 6))
    counted = torch.ones(AT_ONCE, 3, dtype=torch.bool)
    counted[0, 1] = False
    found = boundary_f_of_classes(answer, true, counted)
    planes = [torch.stack([part == at for at in range(3)], -1) for part in (answer, true)]
    masks = boundary_f_of_tags(*planes, (true >= 0)[..., None].expand(-1, -1, -1, 3))
    assert torch.equal(found[counted], masks[counted])
    assert found[0, 1] == 0


def test_it_is_a_measure_of_masks() -> None:
    evaluator = evaluator_for(Question.tags(["salt"], grid=PICTURE))
    true = torch.cat([square(), square(), square() & False])[..., None]
    said = torch.cat([square(left=3), square(left=4), square() & False])[..., None]
    evaluator.add({"main": 4.0 * said - 2}, true.to(torch.int8), None)
    found = evaluator.result()
    assert isinstance(found, PixelEvaluation)
    assert found.boundary_f == pytest.approx((1 + 10 / 16 + 1) / 3)
    assert ("boundary F", found.boundary_f) in [(measure.name, measure.value) for measure in found.measures]


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_same_from_either_side_and_however_the_picture_is_turned(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    answer, true = (interpolate(torch.rand(4, 1, 4, 4, generator=generator), (11, 17))[:, 0] > 0.5 for _ in range(2))
    known = torch.rand(4, 11, 17, generator=generator) > 0.1
    found = boundary_f(answer, true, known)
    assert torch.allclose(boundary_f(true, answer, known), found)
    for turned in (lambda part: part.flip(1), lambda part: part.flip(2), lambda part: part.transpose(1, 2)):
        assert torch.allclose(boundary_f(turned(answer), turned(true), turned(known)), found)
    beyond = torch.where(known, answer, ~answer)  # what nobody knows is not looked at
    assert torch.equal(boundary_f(beyond, true, known), found)
