"""A TFLite model of few bytes: pictures of 8×8 to three softmax or sigmoid probabilities, in any kind of number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

KINDS = {
    "float32": (tfl.TensorType.FLOAT32, np.float32),
    "uint8": (tfl.TensorType.UINT8, np.uint8),
    "int8": (tfl.TensorType.INT8, np.int8),
}
SIDE, CLASSES = 8, 3


def write_tflite(path: Path, kind: str = "uint8", *, end: str = "SOFTMAX", seed: int = 0) -> Path:
    """Write a model whose input and output are of this kind of number, and whose inside is float32."""
    dice = np.random.default_rng(seed)
    weights = dice.normal(scale=0.3, size=(CLASSES, SIDE * SIDE)).astype(np.float32)
    model = tfl.ModelT()
    model.version, model.description = 3, "tiny"
    graph = tfl.SubGraphT()
    graph.tensors, graph.operators, model.buffers, model.operatorCodes = [], [], [_buffer(None)], []

    def tensor(name: str, shape: list[int], kind: str = "float32", data: Any = None, scale: Any = None) -> int:
        one = tfl.TensorT()
        one.name, one.shape, one.type = name, shape, KINDS[kind][0] if kind in KINDS else tfl.TensorType.INT32
        if data is not None:
            model.buffers.append(_buffer(data))
        one.buffer = len(model.buffers) - 1 if data is not None else 0
        if scale is not None:
            one.quantization = tfl.QuantizationParametersT()
            one.quantization.scale, one.quantization.zeroPoint = [scale[0]], [scale[1]]
        graph.tensors.append(one)
        return len(graph.tensors) - 1

    def operator(name: str, inputs: list[int], output: int, options: Any = None) -> int:
        code, one = tfl.OperatorCodeT(), tfl.OperatorT()
        code.builtinCode = getattr(tfl.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 2 if "QUANT" in name else 1
        model.operatorCodes.append(code)
        one.opcodeIndex, one.inputs, one.outputs = len(model.operatorCodes) - 1, inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            one.builtinOptionsType, one.builtinOptions = getattr(tfl.BuiltinOptions, kind), options
        graph.operators.append(one)
        return output

    given = shown = tensor("pictures", [1, SIDE, SIDE, 1], kind, scale=_scale_in(kind))
    if kind != "float32":
        shown = operator("DEQUANTIZE", [given], tensor("floats", [1, SIDE, SIDE, 1]))
    shape = tensor("shape", [2], "int32", np.array([1, SIDE * SIDE], dtype=np.int32))
    flat = operator("RESHAPE", [shown, shape], tensor("flat", [1, SIDE * SIDE]))
    matrix = tensor("weights", [CLASSES, SIDE * SIDE], data=weights)
    bias = tensor("bias", [CLASSES], data=np.array([0.1, 0.0, -0.1], dtype=np.float32))
    logits = operator(
        "FULLY_CONNECTED", [flat, matrix, bias], tensor("logits", [1, CLASSES]), tfl.FullyConnectedOptionsT()
    )
    softmax = tfl.SoftmaxOptionsT()
    softmax.beta = 1.0
    said = logits
    if end:
        said = operator(end, [logits], tensor("probs", [1, CLASSES]), softmax if end == "SOFTMAX" else None)
    if kind != "float32":
        out = tensor("answers", [1, CLASSES], kind, scale=(1 / 256, -128 if kind == "int8" else 0))
        said = operator("QUANTIZE", [said], out)
    graph.inputs, graph.outputs = [given], [said]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _scale_in(kind: str) -> tuple[float, int] | None:
    return {"float32": None, "uint8": (1 / 128, 128), "int8": (1 / 128, 0)}[kind]


def _buffer(data: Any) -> Any:
    buffer = tfl.BufferT()
    buffer.data = None if data is None else np.frombuffer(data.tobytes(), dtype=np.uint8)
    return buffer
