"""The ranges that a student learned under fake quantisation, for onnxruntime's static quantisation of its float ONNX.

``torch.onnx.export`` is given `joryu.students.int8.marked.marked` of the student; in its graph each range is a node
``joryu.RangeMark`` then. These are taken out here, and what they say becomes ``TensorQuantOverrides``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from joryu.errors import MismatchError, MissingExtraError
from joryu.students.int8.arithmetic import scale_and_zero_point
from joryu.students.int8.marked import DOMAIN, OPERATION

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_LAYERS = {"Conv", "Gemm", "MatMul"}
_JOINING = {"Add", "Concat"}
_CUTTING = {"Relu", "Clip"}
_MOVING = {"MaxPool", "Resize", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice"}


def take_marks(model: ModelProto) -> dict[int, str]:
    """Take the marks out of a float model; the name of the tensor that each range is of, by the range's index.

    Raises:
        MismatchError: two ranges are of one tensor.
    """
    graph, found, renamed = model.graph, dict[int, str](), dict[str, str]()
    outputs = {one.name for one in graph.output}
    for node in [node for node in graph.node if node.op_type == OPERATION and node.domain == DOMAIN]:
        (index,) = (attribute.i for attribute in node.attribute if attribute.name == "index")
        found[index] = renamed.get(node.input[0], node.input[0])
        renamed[node.output[0]] = found[index]
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    if len(set(found.values())) < len(found) or outputs & set(renamed):
        raise MismatchError(
            "the exported graph has two ranges for one tensor", expected="a range for each", received=str(found)
        )
    for description in [one for one in graph.value_info if one.name in renamed]:
        graph.value_info.remove(description)
    for opset in [one for one in model.opset_import if one.domain == DOMAIN]:
        model.opset_import.remove(opset)
    return found


def tensors_with_ranges(model: ModelProto, marks: Mapping[int, str]) -> dict[str, int]:
    """The index of the range of every tensor that has one: marked ones, and what only moves the numbers of those."""
    found = {name: index for index, name in marks.items()}
    for node in model.graph.node:
        if node.op_type in _MOVING and node.input[0] in found:
            found.setdefault(node.output[0], found[node.input[0]])
    return found


def overrides_of(tensors: Mapping[str, int], ranges: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """``TensorQuantOverrides`` for `tensors_with_ranges`, from `FakeQuantised.described_ranges`.

    Raises:
        MismatchError: the export lost a range, or the model is another student's.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        from onnxruntime.quantization import QuantType  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx", "an int8 export") from error
    if set(tensors.values()) != set(range(len(ranges))):
        raise MismatchError(
            "the exported graph has other ranges than the student", expected=len(ranges),
            received=len(set(tensors.values())),
        )  # fmt: skip
    found = {}
    for name, index in tensors.items():
        scale, zero_point = scale_and_zero_point(
            torch.tensor(ranges[index]["low"]), torch.tensor(ranges[index]["high"])
        )
        said = {"scale": np.array(scale.item(), np.float32), "zero_point": np.array(zero_point.item(), np.uint8)}
        found[name] = [{"quant_type": QuantType.QUInt8, **said}]
    return found


def quantised_nodes(model: ModelProto, tensors: Collection[str]) -> list[str]:
    """The names of the nodes that fake quantisation stood for, given `tensors_with_ranges`: all that is to be int8.

    Layers whose inputs have a range, the sums, joins and ReLUs before one, and what only moves such numbers.
    """
    constants = {one.name for one in model.graph.initializer}
    users = _users(model)

    def is_quantised(node: NodeProto) -> bool:
        data = [name for name in node.input if name and name not in constants]
        known = bool(data) and all(name in tensors for name in data)
        if node.op_type in _LAYERS:
            return known and len(data) == 1 and node.input[1] in constants
        if node.op_type in _JOINING:
            after = users.get(node.output[0], [])
            cut = len(after) == 1 and after[0].op_type in _CUTTING and after[0].output[0] in tensors
            return known and len(data) == len(node.input) and (node.output[0] in tensors or cut)
        return node.op_type in _MOVING | _CUTTING and node.output[0] in tensors

    return [node.name for node in model.graph.node if is_quantised(node)]


def without_other_ranges(model: ModelProto, tensors: Collection[str]) -> None:
    """Take out the conversions of a QDQ model at tensors that nobody gave a range: the outputs of the network.

    onnxruntime quantises what a layer gives even where that is the answer. The constants of those conversions go too,
    or whoever loads the model would be warned of them.
    """
    graph, constants = model.graph, {one.name for one in model.graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    users = _users(model)
    kept = {f"{name}_scale" for name in tensors}
    for quantise in [node for node in graph.node if node.op_type == "QuantizeLinear"]:
        if quantise.input[0] in constants or quantise.input[1] in kept:
            continue
        (back,) = users[quantise.output[0]]
        source, given = quantise.input[0], back.output[0]
        graph.node.remove(quantise)
        graph.node.remove(back)
        if given in {one.name for one in graph.output}:
            maker = makers[source]
            maker.output[:] = [given if name == source else name for name in maker.output]
            source = given
        for node in graph.node:
            node.input[:] = [source if name in (given, quantise.input[0]) else name for name in node.input]
    used = _users(model).keys()
    for constant in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(constant)


def _users(model: ModelProto) -> dict[str, list[NodeProto]]:
    found: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found
