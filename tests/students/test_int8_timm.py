"""Depthwise networks of timm under fake quantisation: what phones run."""

from __future__ import annotations

import pytest
import torch

from joryu.students import build_architecture
from joryu.students.int8 import fake_quantised

pytest.importorskip("timm", reason="timm is in the extra vision")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "mobilenetv2_035"])
def test_a_depthwise_network_computes_nearly_the_same(name: str) -> None:
    torch.manual_seed(0)
    shape = (3, 32, 32)
    network = build_architecture(f"timm:{name}", shape, 5)
    x = torch.randn(64, *shape)
    network.train()
    for _ in range(30):  # averages as batch norms have them after a training
        network(x)
    network.eval()
    wrapped = fake_quantised(network, shape, name).train()
    wrapped(x)
    with torch.no_grad():
        wanted, found = network(x), wrapped.eval()(x)
    assert torch.corrcoef(torch.stack([wanted.flatten(), found.flatten()]))[0, 1] > 0.8
    assert len(wrapped.ranges) > 30
