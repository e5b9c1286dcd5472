"""int8 after training: onnxruntime's static quantisation, its ranges measured on examples; or dynamic, without any."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from joryu.errors import InputError, MissingExtraError
from joryu.examples import Examples
from joryu.export.by_ranges import INPUTS, OUTPUTS, quiet

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

LEAST: Final = 64  #: examples to measure ranges on; with fewer, one unusual picture sets them
_BATCH: Final = 32
_LAYERS: Final = frozenset({"Conv", "Gemm", "MatMul", "ConvTranspose"})
#: what int8 can be computed in; normalisation, activations with a curve and what ends in probabilities stay float
_QUANTISED: Final = (
    "Conv", "Gemm", "MatMul", "Add", "Concat", "Relu", "Clip", "MaxPool", "AveragePool", "GlobalAveragePool", "Resize",
    "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Pad",
)  # fmt: skip


def calibration_part(examples: Examples, most: int, seed: int) -> Tensor:
    """Some inputs to measure ranges on, drawn by the seed alone: ``[n, …]``, n at most ``most``.

    Raises:
        InputError: fewer than `LEAST` are asked for, or there.
    """
    if most < LEAST:
        raise InputError("is not usable", setting="calibration", expected=f"an integer >= {LEAST}", received=most)
    if len(examples) < LEAST:
        raise InputError(
            "too few examples to measure the ranges of int8 on", expected=f"at least {LEAST}", received=len(examples),
            hint="export without --int8",
        )  # fmt: skip
    order = torch.randperm(len(examples), generator=torch.Generator().manual_seed(seed))
    return examples.inputs[order[:most].sort().values]


def static_int8(model: ModelProto, inputs: Tensor) -> ModelProto:
    """A float model as int8 (QDQ): activations uint8 with ranges measured on ``inputs``, weights int8 by channel.

    Signed activations were seen at 0.55 × the speed of the float model, so they are not offered. Batch norms are folded
    before. The last layer stays float, for its rounding would be that of the answer; so does the normalisation before
    the first one.

    Ranges are the smallest and largest number that any batch brought (onnxruntime's ``MinMax``; Jacob et al. 2018,
    section 3.1, for activations after training).

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        from onnxruntime.quantization import (  # noqa: PLC0415
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx", "an int8 export") from error
    import onnx  # noqa: PLC0415

    class Batches(CalibrationDataReader):
        """The inputs, some at a time."""

        def __init__(self) -> None:
            self.left: Iterator[Tensor] = iter(torch.split(inputs, _BATCH))

        def get_next(self) -> dict[str, Any] | None:
            """The next inputs by name; ``None`` after the last."""
            batch = next(self.left, None)
            return None if batch is None else {INPUTS: batch.numpy()}

    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared, out = _prepared(model, Path(folder)), Path(folder) / "int8.onnx"
        quantize_static(
            prepared,
            out,
            Batches(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=sorted(_kept_float(prepared)),
        )
        found: ModelProto = onnx.load(out)
    return found


def dynamic_int8(model: ModelProto, name: str) -> ModelProto:
    """A float model whose weights are int8, and whose activations get a range anew at each answer; no examples needed.

    Raises:
        InputError: depthwise convolutions, which it destroys.
        MissingExtraError: onnxruntime is not installed.
    """
    if depthwise := depthwise_layers(model):
        raise InputError(
            f"dynamic int8 destroys depthwise convolutions, of which {name} has {len(depthwise)}: each of their"
            " channels has a range of its own, and dynamic int8 has one for all",
            expected="a network without any", hint="leave --dynamic out: static int8 is by channel",
        )  # fmt: skip
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx", "an int8 export") from error
    import onnx  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared, out = _prepared(model, Path(folder)), Path(folder) / "int8.onnx"
        quantize_dynamic(prepared, out, per_channel=True, weight_type=QuantType.QInt8)
        found: ModelProto = onnx.load(out)
    return found


def depthwise_layers(model: ModelProto) -> list[str]:
    """The names of the convolutions in which every channel has filters of its own."""
    shapes = {one.name: list(one.dims) for one in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and shapes.get(node.input[1], [0, 0])[1] == 1 and _groups(node) > 1
    ]


def _groups(node: NodeProto) -> int:
    return next((int(one.i) for one in node.attribute if one.name == "group"), 1)


def _prepared(model: ModelProto, folder: Path) -> ModelProto:
    """With the shapes of all tensors and batch norms folded into the layers before them."""
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    before, after = folder / "before.onnx", folder / "prepared.onnx"
    onnx.save(model, before)
    # Symbolic shapes are for models with axes that depend on one another; here the batch alone is open.
    quant_pre_process(str(before), str(after), skip_symbolic_shape=True)
    found: ModelProto = onnx.load(after)
    return found


def _kept_float(model: ModelProto) -> set[str]:
    """The nodes before the first layer and those from the last one on."""
    nodes = list(model.graph.node)
    layers = [at for at, node in enumerate(nodes) if node.op_type in _LAYERS]
    if not layers:
        return {node.name for node in nodes}
    kept = {node.name for node in nodes[: layers[0]]}
    behind = {OUTPUTS}
    for node in reversed(nodes):
        if behind.isdisjoint(node.output):
            continue
        kept.add(node.name)
        if node.op_type not in _LAYERS:
            behind.update(node.input)
    return kept
