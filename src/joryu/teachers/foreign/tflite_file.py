"""``tflite:FILE``: a TensorFlow Lite model, through LiteRT; quantised inputs and outputs are turned."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from joryu.errors import InputError, MissingExtraError
from joryu.questions import Link
from joryu.students.model_content import model_content, reason_of
from joryu.teachers.foreign.description import Options, OutputSaid
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.labels import distinct_names
from joryu.teachers.foreign.model import Ask, Opened

_ENDS: Final = {"SOFTMAX": Link.SOFTMAX, "LOGISTIC": Link.SIGMOID}
_PASSED: Final = {"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST"}  #: operations that change no meaning


def open_tflite(options: Options) -> Opened:
    """Open a TensorFlow Lite model.

    Quantised outputs become ``(q - zero point) · scale``. ``link`` is that of the probabilities it ends in, as its
    last operation says. ``tensor=NAME`` reads another tensor than its output, such as the logits before a softmax.

    Raises:
        InputError: no such file, no TFLite model, no model of pictures or rows; a tensor that it does not have; floats
            without a range.
        MissingExtraError: ai-edge-litert is not installed.
    """
    path, said = options.path, options.said
    content = model_content(path, "a TensorFlow Lite model")
    asked = _interpreter(path, content, keep_all=said.output.tensor is not None)
    (taken, *more), outputs = asked.get_input_details(), asked.get_output_details()
    if more:
        raise InputError(f"{path} cannot be asked", expected="one input", received=len(more) + 1)
    batch, *shape = map(int, taken["shape"])
    read = _tensor(asked, outputs, said.output, path)
    link = _link_of(asked, int(read["index"]))
    kind = np.dtype(taken["dtype"]).name
    return Opened(
        _asking(asked, taken["index"], read),
        Intake.of(tuple(shape), kind, said.input, model=str(path), quantised=taken["quantization"]),
        hashlib.sha256(content).hexdigest(),
        n_outputs=int(read["shape"][-1]) if len(read["shape"]) == 2 else None,
        values="probs" if link is not None else None,
        link=link, batch=batch, names=_names_inside(path), rounded=read["dtype"] != np.float32,
    )  # fmt: skip


TFLITE: Final = Runtime("tflite", open_tflite)


def _asking(asked: Any, taken: int, read: dict[str, Any]) -> Ask:
    scale, zero = read["quantization"]

    def ask(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        asked.set_tensor(taken, values)
        asked.invoke()
        found: npt.NDArray[Any] = asked.get_tensor(read["index"])
        if found.dtype == np.float32:
            return found
        return (found.astype(np.float32) - np.float32(zero)) * np.float32(scale)

    return ask


def _interpreter(path: Path, content: bytes, *, keep_all: bool) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("ai-edge-litert", "tflite", f"tflite:{path}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that tensors are kept is for debugging: here one of them is read
            asked = Interpreter(
                model_content=content, num_threads=torch.get_num_threads(), experimental_preserve_all_tensors=keep_all
            )
        asked.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be used", expected="a TensorFlow Lite model", received=reason_of(error)
        ) from error
    return asked


def _tensor(asked: Any, outputs: Sequence[dict[str, Any]], said: OutputSaid, path: Path) -> dict[str, Any]:
    """The output that is read, or the tensor that is named in its place."""
    name = said.tensor or (said.name if said.name != said.values else None)
    among = asked.get_tensor_details() if said.tensor else outputs
    known = outputs if name is None else [one for one in among if one["name"] == name]
    if name is not None and not said.tensor and name.isdecimal() and int(name) < len(outputs):
        known = [outputs[int(name)]]
    if len(known) == 1:
        return known[0]
    what = "outputs" if name is None else f"tensors called {name}" if said.tensor else f"outputs called {name}"
    raise InputError(
        f"{path} has {len(known) or 'no'} {what}",
        expected=f"one; its outputs are {', '.join(one['name'] for one in outputs)}",
        hint="choose one: ,output=NAME, or any tensor: ,tensor=NAME",
    )  # fmt: skip


def _link_of(asked: Any, index: int) -> Link | None:
    """What the operation is that a tensor comes from; LiteRT tells of operations by a private name alone."""
    listed = getattr(asked, "_get_ops_details", None)
    made = {} if listed is None else {
        int(out): one for one in listed() if one["op_name"] != "DELEGATE" for out in one["outputs"]
    }  # fmt: skip
    while index in made and made[index]["op_name"] in _PASSED:
        index = int(made[index]["inputs"][0])
    return _ENDS.get(made[index]["op_name"]) if index in made else None


def _names_inside(path: Path) -> tuple[str, ...] | None:
    """The names in the archive that a model with metadata also is, if it holds one text."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as inside:
        texts = [name for name in inside.namelist() if name.endswith(".txt")]
        return distinct_names(inside.read(texts[0]).decode("utf-8-sig", errors="replace")) if len(texts) == 1 else None
