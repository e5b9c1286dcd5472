"""Exported models that answer here, to be compared with the student that they were made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import MissingExtraError
from joryu.export.by_ranges import INPUTS
from joryu.export.graph import LOGITS, VALUES
from joryu.questions import LOG_VARIANCE, MAIN
from joryu.teachers.foreign.exact_sums import exact_sums

if TYPE_CHECKING:
    from onnx import ModelProto

Arrays = Mapping[str, npt.NDArray[np.float32]]
Answers = Callable[[Tensor], Mapping[str, Tensor]]
"""From raw inputs ``[B, …]`` to outputs by name, as a loss or an evaluation takes them: ``[B, (height, width,) C]``."""


def onnx_answers(model: ModelProto) -> Answers:
    """What a finished ONNX model answers in onnxruntime.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "onnx", "checking an export") from error
    options = onnxruntime.SessionOptions()
    for name, value in exact_sums().items():
        options.add_session_config_entry(name, value)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]

    def answer(inputs: Tensor) -> Mapping[str, Tensor]:
        return as_outputs(dict(zip(names, session.run(names, {INPUTS: inputs.numpy()}), strict=True)))

    return answer


def as_outputs(found: Arrays | Mapping[str, Any]) -> dict[str, Tensor]:
    """The outputs of an exported model, by the names and with the axes that they have in training."""
    main = torch.from_numpy(found[LOGITS] if LOGITS in found else found[VALUES])
    outputs = {MAIN: main.movedim(1, -1) if main.ndim > 2 else main}
    if LOG_VARIANCE in found:
        outputs[LOG_VARIANCE] = torch.from_numpy(found[LOG_VARIANCE])
    return outputs
