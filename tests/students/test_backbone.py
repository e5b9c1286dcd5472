"""Students of timm: options of the spec, frozen layers, heads of tags, weights of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from joryu.errors import InputError, MismatchError
from joryu.students import build_architecture
from joryu.students.architecture import begin_with_its_file, file_to_begin_with, remarks_on, require_architecture
from joryu.students.backbone import BackboneSpec, parse_backbone
from joryu.students.frozen import PartlyFrozen

timm = pytest.importorskip("timm", reason="timm is in the extra vision")
SHAPE = (3, 32, 32)


def frozen_names(network: nn.Module) -> set[str]:
    return {name for name, one in network.named_parameters() if not one.requires_grad}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("vgg16", BackboneSpec("vgg16")),
        ("vgg16@a,b@c.safetensors", BackboneSpec("vgg16", weights="a,b@c.safetensors")),
        ("vit,frozen=3,head=pooled/12", BackboneSpec("vit", 3, "pooled", 12)),
        ("vit,dropout=0.5,head=flat", BackboneSpec("vit", 0, "flat", None, 0.5)),
    ],
)
def test_a_spec_is_taken_apart(spec: str, found: BackboneSpec) -> None:
    assert parse_backbone(spec) == found


@pytest.mark.parametrize(
    "rest", ["a,frozen=-1", "a,frozen=x", "a,head=flat/0", "a,head=deep", "a,dropout=1", "a,dropout=nan", "a,depth=2",
             "a@", ",frozen=2", "a,frozen"],
)  # fmt: skip
def test_one_that_cannot_be_read_is_refused_without_timm(rest: str) -> None:
    with pytest.raises(InputError, match="timm:NAME"):
        require_architecture(f"timm:{rest}")


def test_an_option_that_comes_twice_is_refused() -> None:
    with pytest.raises(InputError, match="comes twice"):
        require_architecture("timm:a,frozen=1,frozen=2")


def test_layers_are_frozen_in_the_order_of_the_forward_pass_with_the_norms_behind_them() -> None:
    network = build_architecture("timm:test_resnet,frozen=2", SHAPE, 4)
    # Between the second convolution and the third stand a batch norm and an activation.
    assert frozen_names(network) == {
        "network.conv1.0.weight", "network.conv1.1.weight", "network.conv1.1.bias", "network.conv1.3.weight",
        "network.conv1.4.weight", "network.conv1.4.bias",
    }  # fmt: skip


def test_the_order_is_not_that_in_which_modules_were_made() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.second, self.first = nn.Linear(4, 2), nn.Linear(4, 4), nn.Linear(3, 4)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return self.last(self.second(self.first(rows)))  # type: ignore[no-any-return]

    network = PartlyFrozen(Backwards(), 1, shape=(3,), but="last", name="backwards")
    assert frozen_names(network) == {"network.first.weight", "network.first.bias"}


def test_tokens_go_with_the_first_layer_and_a_blocks_own_scale_with_its_block() -> None:
    of_tokens = frozen_names(build_architecture("timm:test_vit,frozen=1", (3, 160, 160), 4))
    assert {"network.cls_token", "network.pos_embed", "network.patch_embed.proj.weight"} <= of_tokens
    assert not any("attn" in name for name in of_tokens)
    of_scale = frozen_names(build_architecture("timm:test_convnext,frozen=1", (3, 64, 64), 4))
    assert of_scale and not any("gamma" in name for name in of_scale)


def test_the_whole_backbone_can_be_frozen_and_no_more_than_that() -> None:
    with pytest.raises(InputError, match="at most 15") as refused:
        build_architecture("timm:test_resnet,frozen=16", SHAPE, 4)
    assert "not so many layers" in str(refused.value)
    learning = build_architecture("timm:test_resnet,frozen=15", SHAPE, 4)
    assert {name for name, one in learning.named_parameters() if one.requires_grad} == {
        "network.fc.weight", "network.fc.bias"
    }  # fmt: skip


def test_averages_of_frozen_norms_do_not_move_and_the_others_do() -> None:
    network = build_architecture("timm:test_resnet,frozen=3,head=flat/6,dropout=0.3", SHAPE, 4).train()
    before = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
    network(torch.randn(8, *SHAPE))
    after = network.state_dict()
    still = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert len(still) == 6  # mean and variance of the three norms
    assert all("conv1" in name or "bn1" in name for name in still)
    assert len(before) > 6
    assert network.training and not network.eval().training
    assert not network.train().get_submodule("network.features.model.bn1").training


def test_the_student_of_a_vision_api() -> None:
    """Keras counts the input and a pooling among VGG16's first six layers; four have weights."""
    network = build_architecture("timm:vgg16,frozen=4,head=flat,dropout=0.35", SHAPE, 7)
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == 13  # timm's two large layers behind them are left out, as include_top=False does
    assert [part.weight.requires_grad for part in convolutions] == [False] * 4 + [True] * 9
    head = network.get_submodule("network.head")
    norm, hidden, _, dropout, last = head
    assert (norm.num_features, hidden.in_features, hidden.out_features, last.out_features) == (512, 512, 7, 7)
    assert dropout.p == 0.35
    assert sum(one.numel() for one in network.parameters()) == 14_714_688 + 2 * 512 + 513 * 7 + 8 * 7


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a model of timm for colour pictures and a thousand classes, as they are published."""
    path = tmp_path_factory.mktemp("weights") / "whole,of@timm.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False).state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("options", "inside"),
    [("", ""), (",frozen=3", "network."), (",head=flat/8", "features.model."),
     (",frozen=3,head=pooled", "network.features.model.")],
)  # fmt: skip
def test_all_but_the_head_begins_with_the_weights_of_a_file(file: Path, options: str, inside: str) -> None:
    spec = f"timm:test_resnet{options}@{file}"
    assert file_to_begin_with(spec) == file
    network = build_architecture(spec, SHAPE, 4)
    begin_with_its_file(spec, network)
    own, published = network.state_dict(), load_file(file)
    for name, value in published.items():
        assert name.startswith("fc.") or torch.equal(own[inside + name], value), name
    frozen = frozen_names(network)
    assert bool(frozen) is ("frozen" in options)


def test_a_head_of_as_many_outputs_is_taken_too_and_grey_pictures_sum_the_colours(file: Path) -> None:
    spec = f"timm:test_resnet@{file}"
    network = build_architecture(spec, (1, 32, 32), 1000)
    begin_with_its_file(spec, network)
    published = load_file(file)
    assert torch.equal(network.state_dict()["fc.weight"], published["fc.weight"])
    first = published["conv1.0.weight"].sum(1, keepdim=True)
    assert torch.allclose(network.state_dict()["conv1.0.weight"], first)


@pytest.mark.parametrize("options", ["", ",head=flat"])
def test_the_weights_of_another_model_are_refused(file: Path, options: str, tmp_path: Path) -> None:
    spec = f"timm:test_efficientnet{options}@{file}"
    with pytest.raises(MismatchError, match="do not fit"):
        begin_with_its_file(spec, build_architecture(spec, SHAPE, 4))
    part = {name: value for name, value in load_file(file).items() if "layer1" not in name}
    save_file(part, tmp_path / "part.safetensors")
    spec = f"timm:test_resnet{options}@{tmp_path / 'part.safetensors'}"
    with pytest.raises(MismatchError, match="do not fit the network"):
        begin_with_its_file(spec, build_architecture(spec, SHAPE, 4))


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="timm has no model 'test_resnt'; did you mean"):
        build_architecture("timm:test_resnt,frozen=2", SHAPE, 3)
    with pytest.raises(InputError, match="does not take these inputs"):
        build_architecture("timm:test_resnet,head=flat", (3,), 3)


def test_random_frozen_layers_are_told_and_trained_ones_are_not() -> None:
    (told,) = remarks_on("timm:test_resnet,frozen=2")
    assert "random weights" in told and "@FILE" in told
    assert remarks_on("timm:test_resnet,frozen=2@file.safetensors") == remarks_on("timm:test_resnet") == []
