"""onnxruntime's int8, quantised by the learned ranges, against PyTorch under fake quantisation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import MismatchError
from joryu.export.by_ranges import float_onnx, int8_onnx
from joryu.export.learned_ranges import (
    overrides_of,
    quantised_nodes,
    take_marks,
    tensors_with_ranges,
)
from joryu.students import Normalise, build_architecture
from joryu.students.int8 import FakeQuantised, fake_quantised
from joryu.students.int8.marked import marked
from joryu.teachers.foreign.exact_sums import exact_sums

onnx = pytest.importorskip("onnx", reason="onnx is in the extra onnx")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")
pytest.importorskip("onnxscript", reason="onnxscript is in the extra onnx")
pytestmark = pytest.mark.slow


class Residual(nn.Module):
    """Depthwise, ReLU6, sums with and without a ReLU behind, float operations between."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.deep, self.deep_norm = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8)
        self.wide, self.wide_norm = nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.last, self.head = nn.Conv2d(8, 8, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.stem_norm(self.stem(x)), inplace=True)
        x = F.relu(x + self.wide_norm(self.wide(F.relu6(self.deep_norm(self.deep(x))))))
        outputs: Tensor = self.head((x + self.last(x)).mean((2, 3)))
        return outputs


NETWORKS: dict[str, tuple[Callable[[tuple[int, ...]], nn.Module], tuple[int, ...]]] = {
    "mlp": (lambda shape: build_architecture("mlp:24x2", shape, 4), (1, 8, 8)),
    "cnn": (lambda shape: build_architecture("cnn:8x4", shape, 4), (1, 12, 12)),
    "unet": (lambda shape: build_architecture("unet:4x2", shape, 2), (1, 21, 24)),
    "residual": (lambda _: Residual(), (3, 16, 16)),
}


class Learned:
    """A student that was trained a little under fake quantisation, and what came of its export."""

    def __init__(self, name: str) -> None:
        make, self.shape = NETWORKS[name]
        torch.manual_seed(0)
        network = make(self.shape)
        self.inputs = torch.randint(0, 256, (48, *self.shape), dtype=torch.uint8)
        prepare = Normalise(0.45, 0.27, scale=1 / 255, takes=self.shape)
        for _ in range(3):
            network.train()(prepare(self.inputs))
        self.network: FakeQuantised = fake_quantised(network, self.shape, name)
        self.student = nn.Sequential(prepare, self.network, nn.Identity()).train()
        optimiser = torch.optim.Adam(self.student.parameters(), 1e-3)
        for _ in range(10):
            optimiser.zero_grad()
            self.student(self.inputs).sub(1.0).square().mean().backward()
            optimiser.step()
        self.student.eval()
        with torch.no_grad():
            self.wanted = self.student(self.inputs).numpy()
        self.model = float_onnx(marked(self.student), self.inputs)
        self.marks = take_marks(self.model)
        self.tensors = tensors_with_ranges(self.model, self.marks)

    @cached_property
    def int8(self) -> Any:
        found = int8_onnx(self.student, self.inputs)
        onnx.checker.check_model(found)
        used = {name for node in found.graph.node for name in node.input}
        assert {one.name for one in found.graph.initializer} <= used
        return found

    def answers(self, model: Any, *, optimised: bool = True) -> np.ndarray:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        for name, value in exact_sums().items():
            options.add_session_config_entry(name, value)
        if not optimised:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        answers: np.ndarray = session.run(None, {model.graph.input[0].name: self.inputs.numpy()})[0]
        return answers


@pytest.fixture(scope="module", params=list(NETWORKS))
def learned(request: pytest.FixtureRequest) -> Learned:
    return Learned(request.param)


def test_int8_gives_what_fake_quantisation_said(learned: Learned) -> None:
    """Equal but for float sums, and rarely a number that lies on the edge between two steps."""
    model = learned.int8
    step = max(float(one.scale().detach()) for one in learned.network.ranges)
    for optimised in (False, True):
        off = np.abs(learned.answers(model, optimised=optimised) - learned.wanted)
        assert off.max() <= step
        assert (off > 1e-4).mean() < 1e-3


def test_the_float_model_is_the_student_before_rounding(learned: Learned) -> None:
    with torch.no_grad():
        wanted = marked(learned.student)(learned.inputs).numpy()
    assert np.abs(learned.answers(learned.model) - wanted).max() < 1e-4
    assert np.abs(learned.wanted - wanted).max() > 1e-4  # so that the test above compares two things


def test_every_layer_is_int8_and_answers_are_float(learned: Learned) -> None:
    nodes = quantised_nodes(learned.model, learned.tensors)
    layers = [node.name for node in learned.model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert set(layers) <= set(nodes)
    model = learned.int8
    weights = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1]
    assert len(weights) == len(layers)
    makers = {name: node.op_type for node in model.graph.node for name in node.output}
    assert makers[model.graph.output[0].name] in ("Conv", "Gemm", "Slice")


def test_no_mark_is_left(learned: Learned) -> None:
    assert len(learned.marks) == len(learned.network.ranges)
    assert not [node for node in learned.model.graph.node if node.domain == "joryu"]
    assert [one.domain for one in learned.model.opset_import] == [""]
    onnx.checker.check_model(learned.model)


def test_ranges_of_another_student_are_refused(learned: Learned) -> None:
    with pytest.raises(MismatchError, match="other ranges than the student"):
        overrides_of(learned.tensors, learned.network.described_ranges()[1:])
