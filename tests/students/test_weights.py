"""Weights in files: whole and of this network they are loaded to the bit, and whatever else is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.students.weights import for_channels, load_weights, read_weights


def network(*, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2, bias=bias), nn.BatchNorm1d(2))


WHOLE = save(network().state_dict())


def test_a_file_cut_off_anywhere_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cut off.safetensors"
    for length in range(len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        with pytest.raises(InputError, match=r"cannot read the weights .*cut off\.safetensors") as refused:
            read_weights(path)
        assert "\n" not in str(refused.value)
    path.write_bytes(WHOLE)
    assert read_weights(path).keys() == network().state_dict().keys()


@settings(max_examples=80, deadline=None)
@given(damage=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_bytes_are_tensors_or_a_reason(
    damage: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(WHOLE)
    for place, value in damage:
        content[place] = value
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(content)
    try:
        found = read_weights(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(torch.is_tensor(part) for part in found.values())


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types_are_converted_to_the_network_s(dtype: torch.dtype, tmp_path: Path) -> None:
    state = {
        name: part.to(dtype) if part.is_floating_point() else part for name, part in network().state_dict().items()
    }
    (tmp_path / "w.safetensors").write_bytes(save(state))
    loaded = network()
    nn.init.zeros_(loaded[0].weight)
    load_weights(loaded, tmp_path / "w.safetensors")
    for name, part in loaded.state_dict().items():
        assert part.dtype == network().state_dict()[name].dtype
        assert torch.equal(part, state[name].to(part.dtype))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state: {**state, "2.weight": torch.zeros(1)}, r"2\.weight"),
        (lambda state: {name: part for name, part in state.items() if name != "0.bias"}, r"0\.bias"),
        (lambda state: {**state, "0.weight": torch.zeros(2, 4)}, r"0\.weight"),
        (lambda state: {f"model.{name}": part for name, part in state.items()}, r"model\."),
    ],
    ids=["one more", "one less", "another shape", "other names"],
)
def test_the_weights_of_another_network_name_what_differs(change, says: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "w.safetensors").write_bytes(save(change(network().state_dict())))
    with pytest.raises(MismatchError, match=says) as refused:
        load_weights(network(), tmp_path / "w.safetensors")
    assert "w.safetensors do not fit the network" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_file_has_no_weights(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "absent.safetensors", tmp_path / "absent" / "w.safetensors"):
        with pytest.raises(InputError, match=r"no weights at .*expected a safetensors file"):
            read_weights(place)


# --- the first convolution for other channels -----------------------------------------------------------


def colour_weights() -> Tensor:
    return torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [2, 3, 4, 5, 6, 7, 9])
def test_channels_take_the_colours_in_turn(channels: int) -> None:
    """segmentation-models-pytorch's rule, channel by channel: ``w[:, i mod 3] · 3 / channels``."""
    weights = colour_weights()
    found = for_channels(weights, torch.zeros(4, channels, 3, 3))
    assert found.shape == (4, channels, 3, 3)
    for at in range(channels):
        torch.testing.assert_close(found[:, at], weights[:, at % 3] * 3 / channels)


@pytest.mark.parametrize("channels", [1, 3, 6, 9])
def test_a_picture_without_colour_is_answered_as_the_file_would(channels: int) -> None:
    grey, weights = torch.rand(2, 1, 5, 5), colour_weights()
    found = for_channels(weights, torch.zeros(4, channels, 3, 3))
    wanted = F.conv2d(grey.expand(-1, 3, -1, -1), weights)
    torch.testing.assert_close(F.conv2d(grey.expand(-1, channels, -1, -1), found), wanted)


def test_all_other_weights_stay_as_they_are() -> None:
    for weights, own in (
        (torch.randn(4, 3), torch.zeros(4, 1)), (torch.randn(4, 1, 3, 3), torch.zeros(4, 3, 3, 3)),
        (colour_weights(), None), (colour_weights(), torch.zeros(4, 27)),
    ):  # fmt: skip
        assert for_channels(weights, own) is weights
