"""Networks of segmentation-models-pytorch, and the U-Net of separable convolutions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.objectives import HardLabels
from joryu.questions import PICTURE, Link, Question
from joryu.students import Blueprint, load_student
from joryu.students.architecture import begin_with_its_file, build_architecture, require_architecture
from joryu.students.head import Float32Conv2d
from joryu.training import Recipe, Run, TrainingData, train
from joryu.training.run import read_run


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


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of an encoder for colour, in a file."""
    smp = pytest.importorskip("segmentation_models_pytorch", reason="it is in the extra segmentation")
    file = tmp_path_factory.mktemp("weights") / "encoder.safetensors"
    save_file(smp.encoders.get_encoder("tu-test_resnet", weights=None).state_dict(), file)
    return file


def test_an_encoder_begins_with_the_weights_of_a_file(encoder: Path) -> None:
    spec = f"smp:unet/tu-test_resnet@{encoder}"
    grey, colour = (build_architecture(spec, (channels, 32, 32), 1) for channels in (1, 3))
    for network in (grey, colour):
        begin_with_its_file(spec, network)
    published, name = load_file(encoder), "network.encoder.{}".format
    first = next(own for own, part in published.items() if part.ndim == 4 and part.shape[1] == 3)
    assert torch.allclose(grey.state_dict()[name(first)], published[first].sum(1, keepdim=True), atol=1e-6)
    assert all(torch.equal(colour.state_dict()[name(own)], part) for own, part in published.items())


def test_a_run_that_began_with_a_file_needs_it_no_more(encoder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(encoder.read_bytes())
    question = Question.tags(["salt"], grid=PICTURE)
    pictures, masks = torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.zeros(4, 8, 8, 1, dtype=torch.int8)
    plan = Blueprint(architecture=f"smp:unet/tu-test_resnet@{file}", input_shape=(1, 8, 8), question=question)
    data = TrainingData(Examples.of(pictures, masks, question=question, name="nothing"))
    objective, recipe, run = HardLabels(link=Link.SIGMOID), Recipe(epochs=1, batch_size=4), Run(tmp_path / "run")
    train(plan, data, objective=objective, recipe=recipe, run=run)
    assert len(read_run(tmp_path / "run")["request"]["begin_with"]) == 64
    file.unlink()
    assert load_student(tmp_path / "run")[1] == plan
    with pytest.raises(InputError, match="no weights at"):
        train(plan, data, objective=objective, recipe=recipe, run=run)


def test_the_weights_of_another_encoder_are_refused(encoder: Path) -> None:
    spec = f"smp:unet/tu-test_efficientnet@{encoder}"
    with pytest.raises(MismatchError, match="do not fit"):
        begin_with_its_file(spec, build_architecture(spec, (1, 32, 32), 1))


@pytest.mark.parametrize("spec", ["smp:unet", "smp:unet/", "smp:unet/a b", "smp:unet/resnet18@", "smp:/resnet18"])
def test_a_spec_that_is_no_pair_is_refused_without_the_library(spec: str) -> None:
    with pytest.raises(InputError, match="DECODER/ENCODER"):
        require_architecture(spec)
