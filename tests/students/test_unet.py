"""The U-Net: an answer for every pixel of a picture of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint, load_student, save_student
from joryu.students.architecture import build_architecture
from joryu.students.unet import padded


@pytest.mark.parametrize("size", [(8, 8), (37, 50), (3, 5), (101, 101)])
def test_every_pixel_of_any_size_is_answered(size: tuple[int, int]) -> None:
    net = build_architecture("unet:4x3", (3, *size), 2).eval()
    assert net(torch.zeros(2, 3, *size)).shape == (2, 2, *size)


def test_the_pixel_answered_is_the_one_asked_about() -> None:
    """Without its batch norms' statistics a shift of the picture by 2^depth is a shift of the answer, in the middle."""
    torch.manual_seed(0)
    net = build_architecture("unet:4x2", (1, 32, 32), 1).eval()
    pictures = torch.rand(1, 1, 32, 32)
    moved = net(pictures.roll(4, dims=-1))
    assert torch.allclose(moved[..., 12:20, 16:20], net(pictures)[..., 12:20, 12:16], atol=1e-5)


def test_its_answers_are_float32_under_autocast() -> None:
    net = build_architecture("unet:4x1", (1, 8, 8), 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert net(torch.rand(2, 1, 8, 8)).dtype == torch.float32


def test_a_student_of_masks_gives_objectives_its_outputs_last_and_comes_back_from_disk(tmp_path) -> None:
    plan = Blueprint(architecture="unet:4x2", input_shape=(1, 9, 9), question=Question.tags(["salt"], grid=PICTURE))
    student = plan.build()
    pictures = torch.rand(2, 1, 9, 9)
    assert student(pictures)["main"].shape == (2, 9, 9, 1)
    save_student(tmp_path, student, plan)
    again, found = load_student(tmp_path)
    assert found == plan
    assert again(pictures).shape == (2, 1, 9, 9)  # as any network gives it
    assert torch.equal(again(pictures), student.eval()(pictures))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InputError, match="a U-Net needs pictures"):
        build_architecture("unet:4x2", (12,), 1)
    with pytest.raises(InputError, match="cannot read architecture unet:4"):
        build_architecture("unet:4", (1, 8, 8), 1)


@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), below=st.integers(0, 8), right=st.integers(0, 8))
def test_a_picture_is_padded_as_numpy_pads_it(height: int, width: int, below: int, right: int) -> None:
    """With its mirror image; where that is larger than the picture, with its edge. And nothing of it is lost."""
    pictures = torch.rand(2, 3, height, width)
    found = padded(pictures, below, right)
    mode = "reflect" if below < height and right < width else "edge"
    around = ((0, 0), (0, 0), (0, below), (0, right))
    assert np.array_equal(found.numpy(), np.pad(pictures.numpy(), around, mode=mode))
    assert torch.equal(found[..., :height, :width], pictures)


@pytest.mark.parametrize("spec", ["unet:2x2", "separable-unet:2x2"])
def test_what_is_padded_is_answered_as_the_padded_picture_is(spec: str) -> None:
    torch.manual_seed(0)
    net = build_architecture(spec, (1, 9, 14), 2).eval()
    pictures = torch.rand(2, 1, 9, 14)
    whole = net(padded(pictures, 3, 2))
    assert whole.shape[-2:] == (12, 16)
    assert torch.equal(net(pictures), whole[..., :9, :14])
