"""A student under fake quantisation as ONNX: its float form, and int8 by the ranges that it learned."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from joryu.errors import JoryuError, MissingExtraError
from joryu.export.learned_ranges import (
    overrides_of,
    quantised_nodes,
    take_marks,
    tensors_with_ranges,
    without_other_ranges,
)
from joryu.export.refused import cannot_export
from joryu.students.int8.marked import marked
from joryu.students.int8.saved import network_of

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20  #: of the exported models; onnxruntime reads it since 1.17
INPUTS, OUTPUTS = "inputs", "outputs"


def float_onnx(student: nn.Module, inputs: Tensor, name: str = "the student") -> ModelProto:
    """A student as ONNX, for batches of any size; ``inputs`` ``[2, …]`` are raw ones, as it takes them.

    Raises:
        MissingExtraError: onnx or onnxscript is not installed.
        InputError: an operation that ONNX does not have; ``name`` is what the student is called there.
    """
    try:
        import onnxscript  # noqa: F401, PLC0415 - what torch.onnx exports with
    except ImportError as error:
        raise MissingExtraError("onnxscript", "onnx", "an ONNX export") from error
    try:
        with quiet():
            program: Any = torch.onnx.export(
                student.eval(),
                (inputs[:2],),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=[INPUTS],
                output_names=[OUTPUTS],
                verbose=False,
            )
    except JoryuError:
        raise
    except Exception as error:  # what an exporter raises at somebody else's network
        raise cannot_export(error, name, "ONNX") from error
    model: ModelProto = program.model_proto
    return model


def int8_onnx(student: nn.Sequential, inputs: Tensor) -> ModelProto:
    """A student under fake quantisation as int8 ONNX (QDQ), which answers what the student answers.

    The float form is quantised by onnxruntime's static quantisation, weights by channel, with the learned ranges as
    ``TensorQuantOverrides``; nothing is calibrated. Outputs stay float. ``inputs`` are as for `float_onnx`.

    Raises:
        MissingExtraError: onnx, onnxscript or onnxruntime is not installed.
    """
    model = float_onnx(marked(student), inputs)
    tensors = tensors_with_ranges(model, take_marks(model))
    overrides = overrides_of(tensors, network_of(student).described_ranges())
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static  # noqa: PLC0415

    class Once(CalibrationDataReader):
        """Some inputs, which the tool wants to see although every range is given."""

        def __init__(self) -> None:
            self.left: Iterator[dict[str, Any]] = iter([{INPUTS: inputs[:2].numpy()}])

        def get_next(self) -> dict[str, Any] | None:
            """The next inputs by name; ``None`` after the last."""
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder, quiet():
        out = Path(folder) / "int8.onnx"
        quantize_static(
            model,
            out,
            Once(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=quantised_nodes(model, tensors),
            extra_options={"TensorQuantOverrides": overrides},
        )
        found: ModelProto = onnx.load(out)
    without_other_ranges(found, tensors)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Without the remarks that exporter and quantiser make to their own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
