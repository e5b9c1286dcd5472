"""Dropout's masks: the rate that was asked for, unit by unit on their own, and the same again from the same state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from joryu.students.architecture import build_architecture
from joryu.students.blueprint import fingerprint
from joryu.students.dropout import LEVELS, Dropout

N = 200_000


def masks(p: float, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(p)(torch.ones(shape, dtype=dtype))


@pytest.mark.parametrize("p", [0.0, 0.1, 0.2, 0.5, 0.9])
def test_as_many_are_dropped_as_was_asked_for(p: float) -> None:
    found = masks(p, N)
    dropped = float((found == 0).float().mean())
    assert abs(dropped - p) <= 5 * (p * (1 - p) / N) ** 0.5  # five standard deviations
    assert float(found.mean()) == pytest.approx(1, abs=0.03)
    assert float(found.max()) == pytest.approx(1 / (1 - p), rel=1e-4)
    assert len(found.unique()) == (2 if p else 1)


def test_what_is_kept_is_scaled_by_the_share_that_is_kept() -> None:
    third = masks(1 / 3, 1000)
    share = 1 - round(LEVELS / 3) / LEVELS
    assert float(third.max()) == pytest.approx(1 / share, abs=1e-7)
    assert bool(torch.isfinite(masks(1 - 1e-9, 1000)).all())  # one unit in 65,536 is kept even so
    assert torch.equal(masks(1e-9, 1000), torch.ones(1000))


@pytest.mark.parametrize("shift", [1, 2, 3, 4, 5])
def test_units_of_one_draw_are_dropped_on_their_own(shift: int) -> None:
    kept = (masks(0.5, N) > 0).float() - 0.5
    agreement = float((kept[shift:] * kept[:-shift]).mean()) * 4
    assert abs(agreement) <= 5 / N**0.5


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5), (0, 4)])
def test_any_shape_and_type_gets_the_same_mask(shape: tuple[int, ...]) -> None:
    wide = masks(0.5, *shape)
    assert wide.shape == shape
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        assert torch.equal(masks(0.5, *shape, dtype=dtype), wide.to(dtype))
    turned = torch.ones(6, 4, 4).permute(1, 2, 0)
    torch.manual_seed(0)
    assert Dropout(0.5)(turned).shape == (4, 4, 6)


def test_the_gradient_goes_the_way_of_the_answer() -> None:
    inputs = torch.randn(64, 33, requires_grad=True)
    torch.manual_seed(3)
    outputs = Dropout(0.2)(inputs)
    (gradient,) = torch.autograd.grad(outputs.sum(), inputs)
    assert torch.equal(outputs, inputs * gradient)
    assert torch.equal(gradient, masks(0.2, 64, 33, seed=3))


def test_the_generator_s_state_brings_the_same_masks_again() -> None:
    torch.manual_seed(7)
    layer, ones, threads = Dropout(0.2), torch.ones(31, 17), torch.get_num_threads()
    layer(ones)
    state = torch.get_rng_state()
    first = [layer(ones) for _ in range(3)]
    torch.set_rng_state(state)
    try:
        torch.set_num_threads(2)
        again = [layer(ones) for _ in range(3)]
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


def test_evaluation_other_devices_and_compilation_are_pytorch_s(monkeypatch: pytest.MonkeyPatch) -> None:
    ones = torch.ones(9, 9)
    assert Dropout(0.5).eval()(ones) is ones
    assert Dropout(0.5)(torch.ones(2, 2, device="meta")).device.type == "meta"
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    torch.manual_seed(0)
    found = Dropout(0.5)(ones)
    torch.manual_seed(0)
    assert torch.equal(found, nn.Dropout(0.5)(ones))


def test_a_network_is_known_by_the_same_fingerprint_as_before() -> None:
    network = build_architecture("mlp:4x1,dropout=0.2/0.5", (3,), 2)
    before = nn.Sequential(*(nn.Dropout(part.p) if isinstance(part, nn.Dropout) else part for part in network))  # type: ignore[arg-type]
    assert repr(before) == repr(network)
    assert fingerprint(before, repr(before)) == fingerprint(network, repr(network))
