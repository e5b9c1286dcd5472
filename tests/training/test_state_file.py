"""A checkpoint's file: every bit and every layout comes back, and nothing in it is a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from joryu.students import Blueprint
from joryu.training.optimiser import make_optimiser
from joryu.training.recipe import Recipe
from joryu.training.state_file import read_state, write_state


def there_and_back(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = folder / "state.safetensors"
    with path.open("wb") as file:
        write_state(file, state)
    assert len(load_file(path)) == sum(1 for _ in tensors(state))  # a file that safetensors itself reads
    return read_state(path)


def tensors(value: Any) -> Any:
    if torch.is_tensor(value):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        yield from tensors(part)


def same(one: Any, other: Any) -> bool:
    if torch.is_tensor(one):
        bits = one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
        return bits and one.stride() == other.stride()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


LAYOUTS: dict[str, Tensor] = {
    "a number": torch.tensor(3.0),
    "nothing": torch.zeros(0, 4),
    "a matrix": torch.randn(3, 5),
    "turned": torch.randn(5, 3).T,
    "channels last": torch.randn(6, 4, 3, 3).to(memory_format=torch.channels_last),
    "channels last in 3d": torch.randn(2, 4, 3, 3, 5).to(memory_format=torch.channels_last_3d),
    "bytes": torch.get_rng_state(),
    "bf16": torch.randn(7).to(torch.bfloat16),
    "whether": torch.tensor([True, False]),
    "counts": torch.tensor(2**40),
    "double": torch.randn(2, dtype=torch.float64),
}


def test_every_kind_of_value_comes_back_in_its_layout(tmp_path: Path) -> None:
    state = {
        "tensors": LAYOUTS,
        "numbers": {0: 0.1, 1: float("inf"), "none": None, "yes": True},
        "betas": (0.9, 0.999),
        "list": [[], {}, LAYOUTS["a matrix"]],
        "text": '蒸留 "quoted"',
    }
    assert same(state, there_and_back(state, tmp_path))


def test_what_is_not_dense_comes_back_by_its_values(tmp_path: Path) -> None:
    spread = torch.randn(4, 1).expand(4, 3)
    assert torch.equal(there_and_back({"a": spread, "b": spread[::2]}, tmp_path)["b"], spread[::2])


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_an_optimiser_steps_on_to_the_bit_on_weights_in_channels_last(optimiser: str, tmp_path: Path) -> None:
    """Fused steps go by address: moments in another layout than their weights would be paired with the wrong ones."""
    recipe = Recipe.of(optimiser=optimiser, weight_decay=0.1, learning_rate=0.1)
    plan = Blueprint(architecture="cnn:4x2", input_shape=(3, 8, 8), classes=("a", "b"))
    module = plan.build().to(memory_format=torch.channels_last)
    stepping = make_optimiser(module, recipe)
    step(module, stepping)
    state = there_and_back({"student": module.state_dict(), "optimiser": stepping.state_dict()}, tmp_path)
    other = plan.build().to(memory_format=torch.channels_last)
    again = make_optimiser(other, recipe)
    other.load_state_dict(state["student"])
    again.load_state_dict(state["optimiser"])
    for one, optimising in ((module, stepping), (other, again)):
        step(one, optimising)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), other.parameters(), strict=True))


def step(module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    generator = torch.Generator().manual_seed(0)
    optimiser.zero_grad()
    module(torch.rand(4, 3, 8, 8, generator=generator))["main"].square().sum().backward()
    optimiser.step()
