"""``onnx:FILE``: a model as an ONNX graph, through onnxruntime; the logits before a softmax or sigmoid are read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import torch

from joryu.errors import InputError, MissingExtraError
from joryu.examples.preparation import PicturePreparation
from joryu.questions import Link, Question
from joryu.students.model_content import model_content, reason_of
from joryu.teachers.foreign.description import Description, InputSaid, Options, OutputSaid
from joryu.teachers.foreign.exact_sums import exact_sums
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Ask, Opened
from joryu.teachers.foreign.onnx_classifier import classifier_behind, columns_of_classes, that_answer
from joryu.teachers.outputs import Output, short

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_ENDS: Final = {"Softmax": Link.SOFTMAX, "Sigmoid": Link.SIGMOID}
_PASSED: Final = {"Identity", "Cast", "Dropout"}  #: operations that change no meaning
_LOGITS: Final = "logits"
_TYPES: Final = {
    "tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64", "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
}  # fmt: skip


def open_onnx(options: Options) -> Opened:
    """Open an ONNX model.

    Of a chosen output that a softmax or sigmoid made, what went into that is read instead, unless ``output=…probs``
    says otherwise: logits lose nothing to rounding. Of a classifier as skl2onnx writes it the probabilities are read
    and the names of the classes taken, also where it gives a list of maps. What Joryu exported says in its properties
    what it takes and what it answers.

    Raises:
        InputError: no such file, no ONNX model, weights beside it that are not there; several inputs; several outputs
            of which none is chosen.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    path = options.path
    onnx, runtime = _libraries(path)
    content = model_content(path, "an ONNX model")
    model = _parsed(onnx, path, content)
    digest = _digest(onnx, path, content, model)
    question, own = _own_metadata(model)
    said = _with_own(options.said, own, question)
    first = _session(runtime, path, model)
    name = said.output.tensor or _chosen(model.graph, said.output, path)
    link, values, read = _meaning(model.graph, name, said.output)
    classifier = classifier_behind(model.graph, name)
    if classifier is not None and link is None:
        link, values, read = Link.SOFTMAX, said.output.values or "probs", classifier.tensor
    known = {one.name for one in first.get_outputs()}
    if read not in known:
        model.graph.output.add().name = read  # onnxruntime finds its type and shape out by itself
    session = first if read in known else _session(runtime, path, model)
    taken, shape = _only_input(session, path)
    declared = next(one for one in session.get_outputs() if one.name == read)
    if declared.type not in _TYPES:
        raise InputError(
            f"the output {read} of {path} holds no numbers that answer", expected="a tensor of floats",
            received=declared.type, hint="choose another: ,output=NAME; skl2onnx writes one with"
            " options={'zipmap': False}",
        )  # fmt: skip
    n_outputs = declared.shape[1] if len(declared.shape) > 1 and isinstance(declared.shape[1], int) else None
    return Opened(
        _asking(session, taken.name, read),
        Intake.of(shape[1:], _TYPES.get(taken.type, taken.type), said.input, model=str(path)),
        digest,
        n_outputs=n_outputs if len(declared.shape) == 2 else None,
        values=values, link=link, batch=shape[0], question=question,
        names=None if classifier is None else classifier.names,
    )  # fmt: skip


ONNX: Final = Runtime("onnx", open_onnx)


def _libraries(path: Path) -> tuple[Any, Any]:
    try:
        import onnx  # noqa: PLC0415
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError(error.name or "onnxruntime", "onnx", f"onnx:{path}") from error
    return onnx, onnxruntime


def _parsed(onnx: Any, path: Path, content: bytes) -> ModelProto:
    from google.protobuf.message import DecodeError  # noqa: PLC0415

    try:
        model: ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as error:
        raise InputError(
            f"{path} cannot be used", expected="a whole ONNX model", received=reason_of(error),
            hint="it may be cut off: compare its size with the original's",
        ) from error  # fmt: skip
    if not model.graph.node:
        raise InputError(f"{path} cannot be used", expected="an ONNX model", received="no operation in it")
    return model


def _digest(onnx: Any, path: Path, content: bytes, model: ModelProto) -> str:
    """The hash of the file, and of the weights that lie beside it.

    Raises:
        InputError: those are not there, or are said to lie outside the model's folder.
    """
    found = hashlib.sha256(content)
    places = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == onnx.TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    for place in sorted(places):
        if PurePath(place).is_absolute() or ".." in PurePath(place).parts:
            raise InputError(f"{path} wants weights from outside its folder", expected="a file beside it",
                             received=place)  # fmt: skip
        found.update(model_content(path.parent / place, f"the weights of {path.name}"))
    return found.hexdigest()


def _session(runtime: Any, path: Path, model: ModelProto) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    folder = {"session.model_external_initializers_file_folder_path": str(path.parent.resolve())}
    for name, value in (exact_sums() | folder).items():
        options.add_session_config_entry(name, value)
    try:
        return runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise InputError(
            f"{path} cannot be used", expected="an ONNX model that onnxruntime knows", received=reason_of(error)
        ) from error


def _own_metadata(model: ModelProto) -> tuple[Question | None, PicturePreparation | None]:
    """The question and the preparation of a model that Joryu exported, by its properties."""
    said = {one.key: one.value for one in model.metadata_props}
    if "joryu.question" not in said:
        return None, None
    prepared = json.loads(said.get("joryu.preparation") or "null")
    is_picture = prepared is not None and prepared.get("kind") == "pictures"
    question = Question.from_json(json.loads(said["joryu.question"]))
    return question, PicturePreparation.model_validate(prepared) if is_picture else None


def _with_own(said: Description, own: PicturePreparation | None, question: Question | None) -> Description:
    """The description, with what an exported student is known to take and to answer where it says nothing."""
    if question is None:
        return said
    output, taken = said.output, said.input
    if output.name is None and output.tensor is None:
        name = _LOGITS if question.link.has_probs else "values"
        output = OutputSaid.model_validate({**output.model_dump(), "name": name})
    if own is not None and taken.layout is None:
        taken = InputSaid.model_validate({**taken.model_dump(), "layout": "NCHW"})
    return Description(input=taken, output=output)


def _chosen(graph: GraphProto, said: OutputSaid, path: Path) -> str:
    """The output that is meant. Beside what a classifier found likeliest, its scores are the only one that answers."""
    outputs: list[str] = [one.name for one in graph.output]
    if columns := columns_of_classes(graph):
        raise InputError(f"{path} gives each class as an output of its own", expected="all scores in one output",
                         received=short(columns), hint="convert it with options={'zipmap': False}")  # fmt: skip
    answers = that_answer(graph)
    if said.name is None or said.name == said.values:
        return answers[said.place_among(answers, path)]
    return outputs[said.place_among(outputs, path)]


def _meaning(graph: GraphProto, name: str, said: OutputSaid) -> tuple[Link | None, Output | None, str]:
    """The link that an output ends in, whether it holds logits or probabilities, and the tensor to read for it."""
    made = {out: node for node in graph.node for out in node.output}
    if said.tensor is not None and said.tensor not in made:
        raise InputError("no tensor of that name", setting="tensor", expected=f"such as {', '.join(list(made)[-3:])}",
                         received=said.tensor)  # fmt: skip
    at = name
    while at in made and made[at].op_type in _PASSED:
        at = made[at].input[0]
    node = made.get(at)
    if node is None or node.op_type not in _ENDS or not _over_outputs(node):
        return None, said.values, name
    link = _ENDS[node.op_type]
    if said.tensor is not None or said.values == "probs":
        return link, said.values or "probs", name
    return link, "logits", node.input[0]


def _over_outputs(node: NodeProto) -> bool:
    """Whether a softmax is over the outputs: the last axis, or axis 1."""
    return all(one.i in (-1, 1) for one in node.attribute if one.name == "axis")


def _only_input(session: Any, path: Path) -> tuple[Any, tuple[int | None, ...]]:
    first, *more = session.get_inputs()
    if more or not first.shape:
        raise InputError(
            f"{path} cannot be asked", expected="one input [B, …]",
            received=", ".join(f"{one.name} {one.shape}" for one in (first, *more)),
        )  # fmt: skip
    return first, tuple(one if isinstance(one, int) and one > 0 else None for one in first.shape)


def _asking(session: Any, taken: str, read: str) -> Ask:
    def ask(values: Any) -> Any:
        (found,) = session.run([read], {taken: values})
        return found

    return ask
