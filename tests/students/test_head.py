"""The last layer stays in float32: at T = 20 a bf16 logit has nothing left to teach."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from joryu.students import Float32Linear, keep_head_in_float32
from joryu.students.head import head_in_float32


def test_under_autocast_the_head_is_the_float32_product_of_the_bf16_features() -> None:
    torch.manual_seed(0)
    features = torch.randn(64, 256).bfloat16()
    head = Float32Linear(256, 10)
    plain = nn.Linear(256, 10)
    plain.load_state_dict(head.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        logits, rounded = head(features), plain(features)
    exact = F.linear(features.float(), head.weight, head.bias)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, exact)
    # What it is for: the same layer under plain autocast loses as much as T = 20 leaves between the classes.
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() > 1e-3


def test_without_autocast_it_is_a_linear_layer_that_also_takes_half_precision() -> None:
    head = Float32Linear(8, 3)
    inputs = torch.randn(4, 8)
    assert torch.equal(head(inputs), F.linear(inputs, head.weight, head.bias))
    assert head(inputs.half()).dtype == torch.float32
    assert set(head.state_dict()) == {"weight", "bias"}


def test_the_last_layer_with_one_unit_per_class_is_replaced_and_shares_its_parameters() -> None:
    first, inner, last = nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
    network = nn.Sequential(first, nn.Sequential(inner, nn.ReLU(), last))
    before = network(torch.ones(2, 6))
    assert keep_head_in_float32(network, 4) is network
    head = network.get_submodule("1.2")
    assert isinstance(head, Float32Linear)
    assert head.weight is last.weight
    assert [name for name, _ in head.named_parameters()] == ["weight"]
    assert network.get_submodule("0") is first
    assert network.get_submodule("1.0") is inner
    assert torch.equal(network(torch.ones(2, 6)), before)


def test_a_lone_layer_is_replaced_and_another_ending_is_left_alone() -> None:
    assert type(keep_head_in_float32(nn.Linear(3, 2), 2)) is Float32Linear
    convolution = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten())
    assert keep_head_in_float32(convolution, 2) is convolution
    assert type(keep_head_in_float32(nn.Linear(3, 5), 2)) is nn.Linear


def body_and_head() -> nn.Sequential:
    """A body that ends in a layer as wide as the head, which stands beside the body and so outside of it."""
    return nn.Sequential(nn.Sequential(nn.Linear(6, 4), nn.ReLU()), nn.Linear(4, 4))


def test_the_head_is_the_last_layer_wherever_the_layers_before_it_stand() -> None:
    network = keep_head_in_float32(body_and_head(), 4)
    assert type(network.get_submodule("1")) is Float32Linear
    assert type(network.get_submodule("0.0")) is nn.Linear
    network = body_and_head()
    with head_in_float32(network, 4), torch.autocast("cpu", torch.bfloat16):
        assert network(torch.ones(2, 6)).dtype == torch.float32
        assert network[0](torch.ones(2, 6)).dtype == torch.bfloat16


def test_a_head_whose_weights_are_normalised_keeps_that() -> None:
    """``spectral_norm`` divides the weights before every call, by a hook on the layer."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.utils.spectral_norm(nn.Linear(4, 3))).eval()
    network(torch.ones(2, 6))
    before, names = network(torch.ones(2, 6)), set(network.state_dict())
    keep_head_in_float32(network, 3)
    assert torch.equal(network(torch.ones(2, 6)), before)
    assert set(network.state_dict()) == names
    with torch.autocast("cpu", torch.bfloat16):
        assert network(torch.ones(2, 6)).dtype == torch.float32


def test_whoever_listens_to_the_head_goes_on_hearing_it() -> None:
    network, heard = body_and_head(), list[torch.Tensor]()
    network[1].register_forward_hook(lambda _, __, outputs: heard.append(outputs))
    keep_head_in_float32(network, 4)
    outputs = network(torch.ones(2, 6))
    assert torch.equal(heard[0], outputs)


def test_what_fails_in_between_leaves_the_network_as_it_was() -> None:
    network = body_and_head()
    printed = repr(network)
    with pytest.raises(ValueError, match="meanwhile"), head_in_float32(network, 4):
        assert repr(network) != printed
        raise ValueError("meanwhile")
    assert repr(network) == printed
    lone = nn.Linear(3, 2)
    with head_in_float32(lone, 2):
        assert type(lone) is nn.Linear
