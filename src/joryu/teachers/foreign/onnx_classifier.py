"""Classifiers as converters of scikit-learn write them into ONNX (skl2onnx): which output answers, and its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, ValueInfoProto

_MAP: Final = "ZipMap"
_PASSED: Final = {"Identity", "Cast", "Normalizer", _MAP}  #: what stands between a classifier and its probabilities
_CLASSIFIERS: Final = {"TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier"}
_LABEL_TYPES: Final = (7, 8)  #: ONNX's int64 and string
_LABELS: Final = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


class Classifier(NamedTuple):
    """What an output of a classifier is.

    Args:
        tensor: what to read for it: the scores ``[B, C]``, from which a list of maps is made for each row.
        names: of the classes, where they are said.
    """

    tensor: str
    names: tuple[str, ...] | None


def classifier_behind(graph: GraphProto, name: str) -> Classifier | None:
    """The classifier that makes an output; ``None`` if none does."""
    made = {out: node for node in graph.node for out in node.output}
    node, tensor, names = made.get(name), name, None
    while node is not None:
        if node.op_type == _MAP:
            tensor = node.input[0]
        names = names or _labels(node)
        if node.op_type in _CLASSIFIERS:
            return Classifier(tensor, names)
        node = made.get(node.input[0]) if node.op_type in _PASSED else None
    return None if tensor == name else Classifier(tensor, names)


def that_answer(graph: GraphProto) -> list[str]:
    """The outputs of a graph that can answer: not the number or name of the likeliest class alone, ``[B]``."""
    return [one.name for one in graph.output if not _is_label(one)] or [one.name for one in graph.output]


def columns_of_classes(graph: GraphProto) -> list[str]:
    """The outputs of a graph that hold one class each, ``[B]``, beside what is likeliest; none where one holds all."""
    answers = [one for one in graph.output if not _is_label(one)]
    apart = len(answers) > 1 and all(len(one.type.tensor_type.shape.dim) == 1 for one in answers)
    return [one.name for one in answers] if apart and len(answers) < len(graph.output) else []


def _is_label(output: ValueInfoProto) -> bool:
    declared = output.type.tensor_type
    named = declared.elem_type in _LABEL_TYPES
    return output.type.HasField("tensor_type") and named and len(declared.shape.dim) == 1


def _labels(node: NodeProto) -> tuple[str, ...] | None:
    for one in node.attribute:
        if one.name in _LABELS and (one.strings or one.ints):
            return tuple(text.decode() for text in one.strings) or tuple(map(str, one.ints))
    return None
