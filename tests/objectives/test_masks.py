"""Losses of whole masks and weights of classes: by hand, at their ends, beside another's formula."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from joryu.errors import InputError
from joryu.objectives import Distillation, HardLabels, boundary_loss, soft_dice, soft_jaccard
from joryu.objectives.boundary import _KEPT, _Kept, signed_distances
from joryu.questions import Link

LOSSES = {"dice": soft_dice, "jaccard": soft_jaccard, "boundary": boundary_loss}
ALL = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)

#: one mask of 1 × 4 pixels; the student gives them ½, ½, ½ and nearly 0
LOGITS = torch.tensor([[[[0.0], [0.0], [0.0], [-90.0]]]])
MASK = torch.tensor([[[[1], [1], [0], [0]]]], dtype=torch.int8)
FAR = 1 / math.sqrt(17)  # a pixel, in diagonals


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (soft_dice, 1 - (2 * 1 + 1) / (0.75 + 2 + 1)),
        (soft_jaccard, 1 - (1 + 1) / (1.5 + 2 - 1 + 1)),
        (boundary_loss, (0.5 * 1.5 + 0.5 * 0.5 + 0.5 * 0.5) * FAR / 4),
    ],
)
def test_the_number_computed_by_hand(loss, expected):
    assert loss(LOGITS, MASK, Link.SIGMOID).item() == pytest.approx(expected, rel=1e-3)


@ALL
@pytest.mark.parametrize("link", [Link.SIGMOID, Link.SOFTMAX])
def test_the_true_mask_costs_nothing_and_its_opposite_most(loss, link):
    classes = torch.tensor([[[0, 1, 1], [2, 1, 0]]])
    masks = F.one_hot(classes, 3)
    labels = masks.to(torch.int8) if link is Link.SIGMOID else classes
    right = 1e4 * (2 * masks.double() - 1)
    assert loss(right, labels, link).abs().item() < 1e-12
    assert loss(-right, labels, link).item() > loss(right * 0, labels, link).item() > 0.01


@ALL
def test_an_empty_mask_is_answered_right_by_an_empty_one_alone(loss):
    empty = torch.zeros(1, 3, 3, 1, dtype=torch.int8)
    logits = torch.full((1, 3, 3, 1), -1.0, requires_grad=True)
    found = loss(logits, empty, Link.SIGMOID)
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert (gradient > 0).all()  # something is learned from it
    assert loss(torch.full_like(logits, -1e4), empty, Link.SIGMOID).item() == 0
    assert found.item() > 0.05


@ALL
@pytest.mark.parametrize("link", [Link.SIGMOID, Link.SOFTMAX])
def test_unknown_pixels_are_left_out(loss, link):
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(1, 3, 4, 2, generator=generator, dtype=torch.float64)
    labels = torch.tensor([[[0, 1, 1, -1], [1, 1, 0, -1], [0, 0, 1, -1]]])
    if link is Link.SIGMOID:
        labels = labels[..., None].expand(-1, -1, -1, 2).to(torch.int8)
    other = logits.clone()
    other[:, :, 3] = 7  # whatever is said there
    logits.requires_grad_()
    found = loss(logits, labels, link)
    assert torch.equal(found, loss(other, labels, link))
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert (gradient[:, :, 3] == 0).all()
    assert (gradient[:, :, :3] != 0).all()


@ALL
def test_a_mask_that_nobody_knows_counts_in_no_mean(loss):
    one = loss(LOGITS, MASK, Link.SIGMOID)
    both = torch.cat([MASK, torch.full_like(MASK, -1)], -1)
    assert torch.equal(loss(LOGITS.expand(-1, -1, -1, 2), both, Link.SIGMOID), one)
    assert loss(LOGITS, torch.full_like(MASK, -1), Link.SIGMOID).item() == 0


@ALL
def test_gradients_on_masks_with_boundaries(loss):
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(-1, 3, (2, 3, 3), generator=generator)
    assert torch.autograd.gradcheck(lambda z: loss(z, labels, Link.SOFTMAX), (logits,))


@ALL
def test_blends_are_taken_and_one_of_one_picture_is_that_picture(loss):
    classes = torch.tensor([[[0, 1, -1], [2, 1, 0]]])
    blend = F.one_hot(classes.clamp_min(0), 3).float() * (classes >= 0)[..., None]
    logits = torch.randn(1, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(loss(logits, blend, Link.SOFTMAX), loss(logits, classes, Link.SOFTMAX))


def test_dice_is_zero_where_a_blend_is_answered_as_it_is():
    shares = torch.tensor([[[[0.25], [0.5], [0.75]]]])
    assert soft_dice(torch.logit(shares), shares, Link.SIGMOID).item() == pytest.approx(0, abs=1e-6)


def test_a_square_of_distances_by_hand():
    true = np.zeros((5, 5), bool)
    true[1:4, 1:4] = True
    found = signed_distances(true, np.ones((5, 5), bool)).astype(float) * math.hypot(5, 5)
    assert found[2] == pytest.approx([0.5, -0.5, -1.5, -0.5, 0.5], abs=0.01)
    assert found[0, 0] == pytest.approx(math.sqrt(2) - 0.5, abs=0.01)


def test_distances_are_those_to_pixels_that_are_known():
    true, known = np.array([[True, False, False, False]]), np.array([[True, False, False, True]])
    assert (signed_distances(true, known)[0] * math.hypot(1, 4)).tolist() == pytest.approx([-2.5, 0, 0, 2.5], abs=0.01)
    assert signed_distances(~true, np.ones((1, 4), bool))[0, 0] > 0
    assert signed_distances(np.ones((2, 2), bool), np.ones((2, 2), bool)).tolist() == [[-1, -1], [-1, -1]]


def test_distances_are_kept_and_the_first_go_first():
    kept, masks = _Kept(most_bytes=2 * 8), [np.eye(2, dtype=bool), ~np.eye(2, dtype=bool), np.ones((2, 2), bool)]
    known = np.ones((2, 2), bool)
    first = kept.distances(masks[0], known)
    assert kept.distances(masks[0], known) is first
    assert kept.distances(masks[0].reshape(1, 4), known.reshape(1, 4)).shape == (1, 4)  # the same bits, another shape
    kept.distances(masks[2], known)
    assert kept.distances(masks[0], known) is not first
    assert _KEPT is not kept


def test_sums_add_up_in_any_order():
    labels = torch.tensor([[[0, 1], [1, 1]]])
    logits = torch.randn(1, 2, 2, 2, generator=torch.Generator().manual_seed(2))
    parts = [HardLabels(hard_loss=name)({"main": logits}, None, labels)["hard"] for name in ("cross-entropy", "dice")]
    both = HardLabels(hard_loss="dice+cross-entropy")
    assert both == HardLabels(hard_loss="cross-entropy+dice")
    assert both.describe()["hard_loss"] == "cross-entropy+dice"
    assert torch.allclose(both({"main": logits}, None, labels)["hard"], parts[0] + parts[1])


def test_the_usual_loss_said_aloud_is_the_usual_objective():
    assert HardLabels(hard_loss="cross-entropy") == HardLabels()
    assert "hard_loss" not in Distillation(hard_loss="cross-entropy").describe()
    assert HardLabels(link="identity").hard_loss is None


def test_class_weights_are_those_of_pytorch():
    generator = torch.Generator().manual_seed(4)
    logits, labels = torch.randn(5, 3, generator=generator), torch.tensor([0, 1, 2, -1, 1])
    found = HardLabels(class_weights=(1, 2.5, 0.5))({"main": logits}, None, labels)["hard"]
    expected = F.cross_entropy(logits, labels, torch.tensor([1, 2.5, 0.5]), ignore_index=-1, reduction="none")
    assert torch.equal(found, expected)
    shares = F.one_hot(labels.clamp_min(0), 3).float() * (labels >= 0)[:, None]
    assert torch.allclose(HardLabels(class_weights=(1, 2.5, 0.5))({"main": logits}, None, shares)["hard"], expected)


def test_a_tags_weight_is_that_of_where_it_holds():
    """ln 2 each: weighed threefold where the tag holds, once where it does not, and nothing where nobody knows."""
    labels = torch.tensor([[1], [0], [-1]], dtype=torch.int8)
    found = HardLabels(link="sigmoid", class_weights=(3,))({"main": torch.zeros(3, 1)}, None, labels)["hard"]
    assert found.tolist() == pytest.approx([3 * math.log(2), math.log(2), 0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hard_loss": "dise"}, r"hard_loss is not usable .*received 'dise'\); did you mean dice\?"),
        ({"hard_loss": "dice+dice"}, "each loss once"),
        ({"hard_loss": "dice+"}, "hard_loss is not usable"),
        ({"hard_loss": ""}, "hard_loss is not usable"),
        ({"hard_loss": "cross-entropy", "link": "identity"}, "means nothing to numbers"),
        ({"class_weights": (1, -1)}, r"class_weights are not usable .*> 0"),
        ({"class_weights": (1, math.nan)}, "class_weights are not usable"),
        ({"class_weights": (1,), "link": "identity"}, "class_weights mean nothing to numbers"),
        ({"class_weights": (1, 2), "hard_loss": "dice"}, r"class_weights means nothing to dice.*cross-entropy\+dice"),
        ({"label_smoothing": 0.1, "hard_loss": "dice"}, "label_smoothing means nothing to dice"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(settings, said):
    with pytest.raises(InputError, match=said):
        HardLabels(**settings)


def test_masks_are_not_compared_where_there_are_none():
    with pytest.raises(InputError, match="dice compares masks"):
        HardLabels(hard_loss="dice")({"main": torch.zeros(2, 3)}, None, torch.tensor([0, 1]))
    with pytest.raises(InputError, match=r"class_weights do not fit the outputs \(expected 3; received 2\)"):
        HardLabels(class_weights=(1, 2))({"main": torch.zeros(2, 3)}, None, torch.tensor([0, 1]))
