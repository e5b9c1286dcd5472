"""An ONNX model of few bytes: pictures of 8×8, or rows, to three outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES = 8, 3


def weights_of(seed: int, columns: int = SIDE * SIDE) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=0.3, size=(columns, CLASSES)).astype(np.float32)


def write_onnx(
    path: Path, *, end: str = "Softmax", shape: Sequence[int | str] = ("n", 1, SIDE, SIDE), seed: int = 0,
    both: bool = False, beside: str | None = None,
) -> Path:  # fmt: skip
    """Write a linear model; ``both`` gives its logits too, ``beside`` names another file for its weights."""
    columns = int(np.prod([one for one in shape[1:] if isinstance(one, int)]))
    weights = numpy_helper.from_array(weights_of(seed, columns), "weights")
    if beside is not None:
        (path.parent / Path(beside).name).write_bytes(weights.raw_data)
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=beside)
    nodes = [
        helper.make_node("Flatten", ["pictures"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    outputs = ["logits"] if both or not end else []
    if end:
        nodes.append(helper.make_node(end, ["logits"], ["probs"]))
        outputs.append("probs")
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], CLASSES]) for name in outputs],
        initializer=[weights],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_classifier(path: Path, kind: str, *, zipmap: bool) -> Path:
    """A logistic regression of two columns and three classes as skl2onnx writes it; ``zipmap`` gives a list of maps."""
    classes = ["ant", "bee", "cat"] if kind == "strings" else [0, 1, 2]
    own = {f"classlabels_{kind.replace('64', '')}": classes}  # a map calls them otherwise than a classifier
    mapped = {f"classlabels_{kind}": classes}
    label = TensorProto.STRING if kind == "strings" else TensorProto.INT64
    given = "scores" if zipmap else "probabilities"
    nodes = [
        helper.make_node(
            "LinearClassifier", ["X"], ["label", given], domain="ai.onnx.ml", coefficients=[1.0, -1, 0, 1, 0, 0],
            intercepts=[0.0, 0, 0], post_transform="SOFTMAX", **own,
        ),
        *([helper.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml", **mapped)] if zipmap else []),
    ]  # fmt: skip
    scores = helper.make_tensor_type_proto(TensorProto.FLOAT, None if zipmap else ["n", CLASSES])
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(label, scores))
    graph = helper.make_graph(
        nodes, "classifier",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])],
        [
            helper.make_tensor_value_info("label", label, ["n"]),
            helper.make_value_info("probabilities", maps if zipmap else scores),
        ],
    )  # fmt: skip
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString())
    return path


def write_columns(path: Path) -> Path:
    """A classifier as skl2onnx writes it with ``zipmap='columns'``: the likeliest, and an output for each class."""
    node = helper.make_node(
        "LinearClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml", coefficients=[1.0, -1, 0, 1, 0, 0],
        intercepts=[0.0, 0, 0], post_transform="SOFTMAX", classlabels_strings=["ant", "bee", "cat"],
    )  # fmt: skip
    columns = ["sant", "sbee", "scat"]
    graph = helper.make_graph(
        [
            node,
            helper.make_node("Split", ["scores"], [f"{name}1" for name in columns], axis=1, num_outputs=3),
            *(helper.make_node("Reshape", [f"{name}1", "flat"], [name]) for name in columns),
        ],
        "classifier",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["n", 2])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in columns),
        ],
        initializer=[numpy_helper.from_array(np.array([-1]), "flat")],
    )
    domains = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString())
    return path
