"""Networks of segmentation-models-pytorch, and the U-Net of separable convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joryu.errors import InputError
from joryu.students.architecture import build_architecture, require_architecture
from joryu.students.head import Float32Conv2d


def size_of(spec: str, channels: int = 1) -> int:
    return sum(part.numel() for part in build_architecture(spec, (channels, 16, 16), 1).parameters())


def test_a_separable_unet_by_hand() -> None:
    """Width 2, depth 1, one channel: whole 18 and separable convolutions, two numbers a channel of each batch norm."""

    def separable(before: int, after: int) -> int:
        return 9 * before + 2 * before + before * after + 2 * after

    first = (9 * 2 + 4) + separable(2, 2)
    below, above, head = separable(2, 4) + separable(4, 4), separable(6, 2) + separable(2, 2), 2 + 1
    assert size_of("separable-unet:2x1") == first + below + above + head
    assert size_of("separable-unet:16x3") < size_of("unet:16x3") / 7


def test_a_separable_unet_answers_pictures_of_any_size() -> None:
    net = build_architecture("separable-unet:4x3,dropout=0.2", (3, 37, 50), 2).eval()
    assert net(torch.zeros(2, 3, 37, 50)).shape == (2, 2, 37, 50)
    assert net(torch.zeros(2, 3, 3, 5)).shape == (2, 2, 3, 5)


@pytest.fixture(scope="module")
def smp() -> None:
    pytest.importorskip("segmentation_models_pytorch", reason="it is in the extra segmentation")


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize("size", [(101, 101), (5, 33)])
def test_a_decoder_on_an_encoder_answers_pictures_of_any_size(size: tuple[int, int]) -> None:
    net = build_architecture("smp:unet/tu-test_resnet", (1, *size), 3).eval()
    assert net(torch.zeros(2, 1, *size)).shape == (2, 3, *size)
    (last,) = [part for part in net.modules() if type(part) in (nn.Conv2d, Float32Conv2d) and part.out_channels == 3]
    assert type(last) is Float32Conv2d


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("unt/resnet18", r"no decoder 'unt' .*did you mean unet"),
        ("unet/resnet81", r"no encoder 'resnet81'; did you mean resnet18"),
        ("unet/tu-test_resnt", "did you mean tu-test_resnet"),
        ("unet/tu-vit_tiny_patch16_224", "cannot put unet on tu-vit_tiny_patch16_224"),
    ],
)
def test_what_is_not_there_is_named(spec: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_architecture(f"smp:{spec}", (1, 32, 32), 1)


@pytest.mark.usefixtures("smp")
def test_a_row_of_a_table_is_no_picture() -> None:
    with pytest.raises(InputError, match="needs pictures"):
        build_architecture("smp:unet/tu-test_resnet", (7,), 1)


@pytest.mark.parametrize(
    "spec", ["smp:unet", "smp:unet/", "smp:unet/a b", "smp:unet/resnet18@weights", "smp:/resnet18"]
)
def test_a_spec_that_is_no_pair_is_refused_without_the_library(spec: str) -> None:
    with pytest.raises(InputError, match="DECODER/ENCODER"):
        require_architecture(spec)
