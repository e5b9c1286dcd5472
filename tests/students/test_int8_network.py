"""Which places of a network are quantised, what the network computes then, and how it is kept."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint, build_architecture, load_student, save_student
from joryu.students.blueprint import begin_as
from joryu.students.int8 import FakeQuantised, fake_quantised
from joryu.students.int8.saved import FILE, network_of

SHAPE = (1, 8, 8)


def operations(wrapped: FakeQuantised) -> list[str]:
    return [one["operation"] for one in wrapped.described_ranges()]


def learned(network: nn.Module, shape: tuple[int, ...] = SHAPE) -> FakeQuantised:
    """Under fake quantisation, its ranges measured."""
    torch.manual_seed(0)
    wrapped = fake_quantised(network, shape).train()
    wrapped(torch.randn(32, *shape))
    return wrapped.eval()


class Residual(nn.Module):
    """A sum, a ReLU6 behind a layer, a float operation, and a ReLU in place whose input is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.first(x))
        x = x + F.relu6(self.second(x))
        F.relu_(x)
        outputs: Tensor = self.head(x.mean((2, 3)))
        return outputs


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: build_architecture("mlp:8x2", SHAPE, 3), ["input_1", "relu", "relu_1"]),
        (lambda: build_architecture("cnn:4x2", SHAPE, 3), ["input_1", "relu", "relu_1", "adaptive_avg_pool2d"]),
        (Residual, ["x", "conv2d", "hardswish", "relu6", "relu_", "mean"]),
    ],
)  # fmt: skip
def test_places(make: Callable[[], nn.Module], wanted: list[str]) -> None:
    assert operations(learned(make())) == wanted


@pytest.mark.parametrize("height", [8, 9], ids=["nothing is cut off", "a row is cut off"])
def test_joined_channels_have_a_range_of_their_own_and_what_only_moves_or_answers_has_none(height: int) -> None:
    wrapped = learned(build_architecture("unet:4x1", (1, height, 8), 2), (1, height, 8))
    after = [one["after"] for one in wrapped.described_ranges()]
    assert after[1:] == [
        "down.0.2 (ReLU)", "down.0.5 (ReLU)", "down.1.2 (ReLU)", "down.1.5 (ReLU)",
        "the network itself (UNet)", "up.0.2 (ReLU)", "up.0.5 (ReLU)",
    ]  # fmt: skip


def test_before_anything_is_measured_only_weights_are_rounded() -> None:
    network = build_architecture("cnn:4x2", SHAPE, 3).eval()
    x = torch.randn(5, *SHAPE)
    assert torch.allclose(fake_quantised(network, SHAPE).eval()(x), network(x), atol=2e-2)


def test_numbers_between_layers_are_eight_bits() -> None:
    wrapped = learned(build_architecture("cnn:4x2", SHAPE, 3))
    seen: dict[str, Tensor] = {}
    for name, place in wrapped.network.get_submodule("ranges").named_children():
        place.register_forward_hook(lambda module, _, out, at=name: seen.__setitem__(at, out / module.scale()))
    wrapped(torch.randn(16, *SHAPE))
    assert len(seen) == 4
    for steps in seen.values():
        assert torch.allclose(steps, steps.round(), atol=1e-3)
        assert steps.max() - steps.min() <= 255.001


def test_parameters_are_shared_and_learn_and_averages_stay() -> None:
    network = build_architecture("cnn:4x2,dropout=0.5", SHAPE, 3)
    wrapped = fake_quantised(network, SHAPE).train()
    x = torch.randn(8, *SHAPE)
    before = copy.deepcopy(network.state_dict())
    optimiser = torch.optim.Adam(wrapped.parameters(), 0.01)
    for _ in range(2):
        assert torch.equal(wrapped(x), wrapped(x))  # nothing is dropped
        wrapped(x).square().sum().backward()
        optimiser.step()
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {name for name, _ in network.named_parameters()}
    assert all(bool(one.octaves.abs().max() > 0) for one in wrapped.ranges)


def test_a_copy_shares_nothing() -> None:
    wrapped = learned(build_architecture("mlp:4x1", SHAPE, 3))
    other = copy.deepcopy(wrapped)
    x = torch.randn(4, *SHAPE)
    wanted = wrapped(x)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            parameter.mul_(3)
    assert torch.equal(other(x), wanted)


def test_it_computes_in_float32_whatever_the_precision_around_it() -> None:
    wrapped, x = learned(build_architecture("cnn:4x2", SHAPE, 3)), torch.randn(4, *SHAPE)
    wanted = wrapped(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = wrapped(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)


# --- what cannot be -------------------------------------------------------------------------------------------------


class Decides(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return found if x.sum().item() > 0 else -found


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.ConvTranspose2d(2, 2, 3))),
            SHAPE,
            r"1\.0 \(ConvTranspose2d\) of net cannot be fake-quantised .*transposed convolution",
        ),
        (nn.Sequential(nn.Conv1d(1, 2, 3)), (1, 8), r"0 \(Conv1d\) of net cannot be fake-quantised"),
        (nn.Sequential(nn.ReLU()), (3,), "net cannot be fake-quantised .*expected Conv2d or Linear layers"),
        (Decides(), (3,), "net cannot be fake-quantised .*torch.export can follow"),
    ],
)
def test_what_cannot_be_quantised_is_named(network: nn.Module, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fake_quantised(network, shape, "net")


def test_inputs_of_another_size_are_refused() -> None:
    wrapped = fake_quantised(build_architecture("cnn:4x1", SHAPE, 3), SHAPE)
    with pytest.raises(InputError, match=r"of one shape .expected \[1, 8, 8\]; received \[1, 9, 9\]"):
        wrapped(torch.zeros(1, 1, 9, 9))


# --- on disk --------------------------------------------------------------------------------------------------------

PLANS = {
    "cnn": Blueprint(architecture="cnn:4x2", input_shape=SHAPE, question=Question.one_of(3), scale=1 / 255),
    "unet": Blueprint(architecture="unet:2x1", input_shape=SHAPE, question=Question.tags(["salt"], grid=PICTURE)),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_student_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    plain = PLANS[name]
    plan = plain.model_copy(update={"quantisation": "int8"})
    student = plan.build().train()
    x = torch.randn(16, *SHAPE)
    student(x)["main"].square().sum().backward()
    with torch.no_grad():
        for one in network_of(student).ranges:
            one.octaves.add_(0.1)
    save_student(tmp_path, student, plan)
    again, found = load_student(tmp_path)
    assert found == plan
    assert torch.equal(again(x), student.eval()(x))
    float_student = plain.build()
    begin_as(float_student, plain, tmp_path)  # the weights are those of a float student
    assert set(load_file(tmp_path / "student.safetensors")) == set(float_student.state_dict())


def test_a_float_plan_says_nothing_of_quantisation() -> None:
    assert "quantisation" not in PLANS["cnn"].model_dump_json()
    assert "quantisation" not in PLANS["cnn"].request()
    assert PLANS["cnn"].model_copy(update={"quantisation": "int8"}).request()["quantisation"] == "int8"


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("{", InputError, "is damaged"),
        ('{"ranges": []}', MismatchError, "another network's .expected 4; received 0"),
        ('{"ranges": [{"low": 1, "high": 2}, {}, {}, {}]}', InputError, "low <= 0 <= high; received 1, 2"),
        ('{"ranges": [{"low": null, "high": 2}, {}, {}, {}]}', InputError, "a range is damaged"),
        ('{"ranges": [1, 2, 3, 4]}', InputError, "is damaged"),
        (None, InputError, "cannot read"),
    ],
)
def test_damaged_ranges_are_named(content: str | None, error: type[Exception], message: str, tmp_path: Path) -> None:
    plan = PLANS["cnn"].model_copy(update={"quantisation": "int8"})
    save_student(tmp_path, plan.build(), plan)
    assert len(json.loads((tmp_path / FILE).read_text())["ranges"]) == 4
    (tmp_path / FILE).unlink()
    if content is not None:
        (tmp_path / FILE).write_text(content)
    with pytest.raises(error, match=message):
        load_student(tmp_path)
