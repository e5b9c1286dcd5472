"""The end of an exported graph: named outputs, probabilities as SciPy has them, and nothing told of who exported it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from joryu.errors import MismatchError
from joryu.export.calibrated import depthwise_layers
from joryu.export.graph import finish
from joryu.export.learned_ranges import take_marks, tensors_with_ranges
from joryu.export.running import as_outputs, onnx_answers
from joryu.questions import LOG_VARIANCE, MAIN, PICTURE, Question
from joryu.students import Blueprint

onnx = pytest.importorskip("onnx", reason="onnx is in the extra onnx")
ort = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")

helper = onnx.helper
FLOAT = 1
ELSEWHERE = "/home/somebody/secret.py"  #: a place on the machine of whoever exported it


def graph_of(nodes: list[Any], shape: list[Any], constants: dict[str, np.ndarray] | None = None) -> Any:
    """A model as an exporter leaves it, from ``inputs`` to ``outputs``, full of notes."""
    held = [onnx.numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    ends = [helper.make_tensor_value_info(name, FLOAT, ["batch", *shape]) for name in ("inputs", "outputs")]
    graph = helper.make_graph(nodes, "main_graph", ends[:1], ends[1:], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    for part in (
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.initializer,
        model.graph,
        model,
    ):
        part.doc_string = ELSEWHERE
        part.metadata_props.add(key="stack", value=ELSEWHERE)
    return model


def plan_of(question: Question, **more: Any) -> Blueprint:
    return Blueprint(architecture="mlp:4x1", input_shape=(3,), question=question, **more)


def doubled(shape: list[Any]) -> Any:
    """Twice the inputs, so that outputs are not inputs."""
    return graph_of([helper.make_node("Add", ["inputs", "inputs"], ["outputs"])], shape)


def asked(model: Any, inputs: np.ndarray) -> dict[str, np.ndarray]:
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"inputs": inputs}), strict=True))


@pytest.mark.parametrize("sites", [[], ["height", "width"]], ids=["examples", "pixels"])
@pytest.mark.parametrize(("ask", "probs"), [(Question.one_of, lambda z: softmax(z, 1)), (Question.tags, expit)])
def test_probabilities_stand_beside_logits(ask: Any, probs: Any, sites: list[str]) -> None:
    question = ask(3, grid=PICTURE if sites else ())
    inputs = np.random.default_rng(0).normal(size=(5, 3, *[4] * len(sites))).astype(np.float32) * 20
    model = finish(doubled([3, *sites]), plan_of(question), {})
    found = asked(model, inputs)
    assert list(found) == ["logits", "probs"]
    assert np.array_equal(found["logits"], 2 * inputs)
    np.testing.assert_allclose(found["probs"], probs(2 * inputs.astype(np.float64)), atol=1e-6)
    read = onnx_answers(model)(torch.from_numpy(inputs))
    assert list(read) == [MAIN]
    assert np.array_equal(read[MAIN].numpy(), np.moveaxis(2 * inputs, 1, -1))


def test_numbers_are_given_alone_or_beside_their_variances() -> None:
    inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
    alone = asked(finish(doubled([4]), plan_of(Question.numbers(4)), {}), inputs)
    assert list(alone) == ["values"]
    plan = plan_of(Question.numbers(2), heads={LOG_VARIANCE: ("0", "1")})
    model = finish(doubled([4]), plan, {})
    found = asked(model, inputs)
    assert list(found) == ["values", LOG_VARIANCE]
    assert np.array_equal(found["values"], 2 * inputs[:, :2])
    assert np.array_equal(found[LOG_VARIANCE], 2 * inputs[:, 2:])
    assert [list(part.shape) for part in as_outputs(found).values()] == [[3, 2], [3, 2]]
    read = [[one.dim_param or one.dim_value for one in out.type.tensor_type.shape.dim] for out in model.graph.output]
    assert read == [["batch", 2], ["batch", 2]]


def test_nothing_is_told_of_where_it_was_made_and_all_of_what_it_is() -> None:
    nodes = [helper.make_node("MatMul", ["inputs", "w"], ["x"]), helper.make_node("Add", ["x", "x"], ["outputs"])]
    model = graph_of(nodes, [3], {"w": np.eye(3, dtype=np.float32)})
    model.opset_import.add(domain="com.other", version=1)
    said = {"joryu.kind": "float", "joryu.question": '{"names": ["ü"]}'}
    model = finish(model, plan_of(Question.one_of(3)), said)
    assert ELSEWHERE.encode() not in model.SerializeToString()
    assert {one.key: one.value for one in model.metadata_props} == said
    assert [one.domain for one in model.opset_import] == [""]


# --- marks of learned ranges, and layers that dynamic int8 destroys -------------------------------------


def mark(source: str, made: str, index: int) -> Any:
    return helper.make_node("RangeMark", [source], [made], domain="joryu", index=index)


def test_marks_are_taken_out_and_numbers_go_the_same_way() -> None:
    nodes = [
        mark("inputs", "in_marked", 1), helper.make_node("Relu", ["in_marked"], ["x"]), mark("x", "x_marked", 0),
        helper.make_node("Flatten", ["x_marked"], ["flat"]),
        helper.make_node("Add", ["flat", "in_marked"], ["outputs"]),
    ]  # fmt: skip
    model = graph_of(nodes, [4])
    model.opset_import.add(domain="joryu", version=1)
    marks = take_marks(model)
    assert marks == {1: "inputs", 0: "x"}
    assert tensors_with_ranges(model, marks) == {"inputs": 1, "x": 0, "flat": 0}
    assert "joryu" not in [one.domain for one in model.opset_import]
    inputs = np.array([[-1.0, 0.0, 2.0, -3.0]], np.float32)
    assert np.array_equal(asked(model, inputs)["outputs"], np.maximum(inputs, 0) + inputs)


@pytest.mark.parametrize(
    "nodes",
    [
        [mark("inputs", "a", 0), mark("a", "b", 1), helper.make_node("Relu", ["b"], ["outputs"])],
        [mark("inputs", "a", 0), mark("inputs", "b", 1), helper.make_node("Add", ["a", "b"], ["outputs"])],
        [helper.make_node("Relu", ["inputs"], ["x"]), mark("x", "outputs", 0)],
    ],
    ids=["one behind the other", "one beside the other", "of the answer"],
)
def test_two_ranges_of_one_tensor_or_one_of_the_answer_are_refused(nodes: list[Any]) -> None:
    with pytest.raises(MismatchError, match="two ranges for one tensor"):
        take_marks(graph_of(nodes, [4]))


def test_a_convolution_is_depthwise_where_each_channel_has_filters_of_its_own() -> None:
    shapes = {"plain": (4, 4, 3, 3), "grouped": (4, 2, 3, 3), "depthwise": (4, 1, 3, 3), "doubled": (8, 1, 3, 3)}
    groups = {"plain": 1, "grouped": 2, "depthwise": 4, "doubled": 4}
    nodes = [
        helper.make_node("Conv", ["inputs", name], [f"{name}_out"], name=name, group=groups[name]) for name in shapes
    ]
    nodes.append(helper.make_node("Conv", ["grey", "of one channel"], ["outputs"], name="of one channel"))
    shapes["of one channel"] = (4, 1, 3, 3)
    model = graph_of(nodes, [4, 8, 8], {name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    assert depthwise_layers(model) == ["depthwise", "doubled"]
