"""A student as ONNX models: float, and int8 by measured or learned ranges, or dynamic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from joryu.errors import InputError, MissingExtraError
from joryu.export.by_ranges import float_onnx, int8_onnx
from joryu.export.calibrated import calibration_part, dynamic_int8, static_int8
from joryu.export.contents import FLOAT, INT8, properties
from joryu.export.graph import deployed, finish
from joryu.export.learned_ranges import take_marks
from joryu.export.parity import student_answers
from joryu.export.running import onnx_answers
from joryu.export.settings import ExportSettings
from joryu.export.source import Model, Source
from joryu.students.int8.marked import marked

if TYPE_CHECKING:
    from onnx import ModelProto

LIBRARIES: Final = ("onnx", "onnxscript", "onnxruntime")


def require_onnx() -> None:
    """Check that what an export to ONNX needs is installed.

    Raises:
        MissingExtraError: something is not.
    """
    absent = [name for name in LIBRARIES if find_spec(name) is None]
    if absent:
        raise MissingExtraError(" and ".join(absent), "onnx", "an ONNX export")


def onnx_models(source: Source, settings: ExportSettings) -> list[Model]:
    """``model.onnx``, and ``model.int8.onnx`` where it was asked for; checked by ``onnx.checker``.

    Of a student that learned under fake quantisation the float model is the network without it.

    Raises:
        InputError: an operation that cannot be exported, too few examples, or int8 that would destroy the network.
    """
    whole = deployed(source.student, source.plan)
    form = without_marks(float_onnx(marked(whole), source.shown)) if source.learned_ranges else float_onnx(
        whole, source.shown, source.plan.architecture
    )  # fmt: skip
    wanted = marked(source.student) if source.learned_ranges else source.student
    quantised = None if settings.int8 is None else _WAYS[settings.int8, source.learned_ranges](form, source, settings)
    finished = _finished(form, FLOAT, source)
    found = [
        Model(
            "model.onnx", FLOAT, finished.SerializeToString(), onnx_answers(finished), student_answers(wanted),
            "as it was trained, in float32",
        )
    ]  # fmt: skip
    if quantised is not None:
        model, said = quantised
        finished, student = _finished(model, INT8, source), student_answers(source.student)
        found.append(
            Model("model.int8.onnx", INT8, finished.SerializeToString(), onnx_answers(finished), student, said)
        )
    return found


def without_marks(model: ModelProto) -> ModelProto:
    """The float form of a student under fake quantisation, its marks taken out."""
    take_marks(model)
    return model


def _finished(model: ModelProto, kind: str, source: Source) -> ModelProto:
    import onnx  # noqa: PLC0415

    done = finish(model, source.plan, properties(source.plan, source.fingerprint, kind))
    onnx.checker.check_model(done, full_check=True)
    return done


def _measured(form: ModelProto, source: Source, settings: ExportSettings) -> tuple[ModelProto, str]:
    if source.teaching is None:
        raise InputError(
            "the ranges of int8 are measured on examples that teach, which are not found",
            hint="put the set back, or learn the ranges instead: joryu quantise",
        )
    inputs = calibration_part(source.teaching, settings.calibration, settings.seed)
    drawn = f"{len(inputs)} examples of {source.teaching.name}, drawn with seed {settings.seed}"
    return static_int8(form, inputs), f"ranges of activations measured on {drawn}; weights by channel; last layer float"


def _learned(form: ModelProto, source: Source, settings: ExportSettings) -> tuple[ModelProto, str]:
    del form, settings
    model = int8_onnx(deployed(source.student, source.plan), source.shown)
    return model, "ranges of activations learned under fake quantisation (joryu quantise); weights by channel"


def _dynamic(form: ModelProto, source: Source, settings: ExportSettings) -> tuple[ModelProto, str]:
    del settings
    model = dynamic_int8(form, source.plan.architecture)
    return model, "dynamic: weights by channel, a range of activations anew at each answer"


def _not_dynamic(form: ModelProto, source: Source, settings: ExportSettings) -> tuple[ModelProto, str]:
    del form, settings
    raise InputError(
        f"{source.plan.architecture} learned the ranges of static int8, which dynamic int8 would throw away",
        hint="leave --dynamic out",
    )


_Way = Callable[["ModelProto", Source, ExportSettings], tuple["ModelProto", str]]
_WAYS: Final[Mapping[tuple[str, bool], _Way]] = {
    ("static", False): _measured,
    ("static", True): _learned,
    ("dynamic", False): _dynamic,
    ("dynamic", True): _not_dynamic,
}
