"""An ONNX graph made ready to be shipped: outputs by name, probabilities beside logits, and what the student is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from joryu.export.by_ranges import OUTPUTS
from joryu.questions import LOG_VARIANCE, MAIN, Link
from joryu.students import Blueprint
from joryu.students.named_outputs import NamedOutputs

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

LOGITS, PROBS, VALUES = "logits", "probs", "values"


class WithSpread(nn.Module):
    """The end of a student of numbers that says how far off they may be: numbers, then log variances ``[B, 2 C]``."""

    def __init__(self, answers: NamedOutputs) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, raw: Tensor) -> Tensor:
        found = self.answers.everything(raw)
        return torch.cat([found[MAIN], found[LOG_VARIANCE]], dim=1)


def deployed(student: nn.Sequential, plan: Blueprint) -> nn.Sequential:
    """The student as it is exported: one tensor ``[B, C, …]``, with log variances behind where it gives any."""
    if not says_spread(plan):
        return student
    before, network, answers = student
    return nn.Sequential(before, network, WithSpread(answers)).eval()  # type: ignore[arg-type]


def says_spread(plan: Blueprint) -> bool:
    """Whether the student says how far off its numbers may be."""
    return LOG_VARIANCE in plan.heads and plan.question.link is Link.IDENTITY


def output_names(plan: Blueprint) -> tuple[str, ...]:
    """The outputs of the exported model, in their order.

    >>> from joryu.questions import Question
    >>> output_names(Blueprint(architecture="mlp:4x1", input_shape=(2,), question=Question.numbers(["price"])))
    ('values',)
    """
    if plan.question.link.has_probs:
        return LOGITS, PROBS
    return (VALUES, LOG_VARIANCE) if says_spread(plan) else (VALUES,)


def finish(model: ModelProto, plan: Blueprint, properties: Mapping[str, str]) -> ModelProto:
    """Name the outputs, put probabilities beside logits, add the properties and drop notes of the exporter.

    The exporter notes in which files and lines the network was written: that is nobody's business who gets the model.
    """
    _rename(model.graph, OUTPUTS, LOGITS if plan.question.link.has_probs else VALUES)
    _ENDS[plan.question.link](model.graph, plan)
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for weights in model.graph.initializer:
        weights.ClearField("metadata_props")
        weights.ClearField("doc_string")
    for whole in (model.graph, model):
        whole.ClearField("metadata_props")
        whole.ClearField("doc_string")
    model.graph.name = "student"
    used = {node.domain for node in model.graph.node}  # the quantiser names every domain that onnxruntime knows
    for opset in [one for one in model.opset_import if one.domain not in used]:
        model.opset_import.remove(opset)
    for name, value in properties.items():
        model.metadata_props.add(key=name, value=value)
    return model


def _rename(graph: GraphProto, before: str, after: str) -> None:
    for node in graph.node:
        node.input[:] = [after if name == before else name for name in node.input]
        node.output[:] = [after if name == before else name for name in node.output]
    for one in graph.output:
        if one.name == before:
            one.name = after


def _with_probs(operation: str) -> Callable[[GraphProto, Blueprint], None]:
    def add(graph: GraphProto, plan: Blueprint) -> None:
        from onnx import helper  # noqa: PLC0415

        node = helper.make_node(operation, [LOGITS], [PROBS], name=PROBS)
        if plan.question.link is Link.SOFTMAX:
            node.attribute.append(helper.make_attribute("axis", 1))
        graph.node.append(node)
        probs = graph.output.add()
        probs.CopyFrom(graph.output[0])
        probs.name = PROBS

    return add


def _numbers(graph: GraphProto, plan: Blueprint) -> None:
    if not says_spread(plan):
        return
    from onnx import TensorProto, helper  # noqa: PLC0415

    n, both = len(plan.question), "values_and_log_variance"
    _rename(graph, VALUES, both)
    (whole,) = graph.output
    batch = whole.type.tensor_type.shape.dim[0].dim_param
    graph.output.remove(whole)
    graph.node.append(helper.make_node("Split", [both], [VALUES, LOG_VARIANCE], name="split", axis=1, num_outputs=2))
    for name in (VALUES, LOG_VARIANCE):
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, n]))


_ENDS: Final[Mapping[Link, Callable[[GraphProto, Blueprint], None]]] = {
    Link.SOFTMAX: _with_probs("Softmax"),
    Link.SIGMOID: _with_probs("Sigmoid"),
    Link.IDENTITY: _numbers,
}
