"""The small files of an exported folder: what the student is, the names of its outputs, what it needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch

from joryu.errors import InputError
from joryu.export.by_ranges import INPUTS, OPSET
from joryu.export.graph import output_names
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.targets.provenance import joryu_version

FORM: Final = "joryu-export-1"  #: the version of the folder's layout
STUDENT, LABELS, SCRIPT, NEEDS, CARD = "student.json", "labels.txt", "predict.py", "requirements.txt", "README.md"
FLOAT, INT8 = "float", "int8"

_RUNTIMES: Final[Mapping[str, str]] = {"onnx": "onnxruntime>=1.22", "litert": "ai-edge-litert>=2.1"}
_DTYPES: Final[Mapping[torch.dtype, str]] = {torch.uint8: "uint8", torch.float32: "float32"}


def described(
    plan: Blueprint, dtype: torch.dtype, *, runtime: str, fingerprint: str, models: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """``student.json``: all that ``predict.py`` and a bench must know, as plain JSON.

    ``models`` says by file what each is: its ``kind``, ``float`` or ``int8``, its bytes and its parity.
    """
    return {
        "form": FORM,
        "runtime": runtime,
        "question": plan.question.answer.to_json(),
        "preparation": None if plan.preparation is None else plan.preparation.model_dump(mode="json"),
        "input": {"name": INPUTS, "dtype": named(dtype), "shape": list(plan.input_shape)},
        "outputs": list(output_names(plan)),
        "models": {name: dict(said) for name, said in models.items()},
        "architecture": plan.architecture,
        "fingerprint": fingerprint,
        "joryu": joryu_version(),
    } | ({"opset": OPSET} if runtime == "onnx" else {})


def properties(plan: Blueprint, fingerprint: str, kind: str) -> dict[str, str]:
    """What the model itself says of the student: ONNX's ``metadata_props``."""
    prepared = None if plan.preparation is None else plan.preparation.model_dump(mode="json")
    return {
        "joryu.version": joryu_version(),
        "joryu.kind": kind,
        "joryu.question": json.dumps(plan.question.answer.to_json(), ensure_ascii=False),
        "joryu.preparation": json.dumps(prepared, ensure_ascii=False),
        "joryu.architecture": plan.architecture,
        "joryu.fingerprint": fingerprint,
    }


def labels_text(question: Question) -> str:
    """``labels.txt``: a name a line, in the order of the outputs.

    >>> labels_text(Question.one_of(["cat", "dog"]))
    'cat\\ndog\\n'

    Raises:
        InputError: a name with a line break, also at its end, or an empty one.
    """
    broken = next((name for name in question.names if name.splitlines() != [name]), None)
    if broken is not None:
        raise InputError(
            "a name cannot be a line of labels.txt", expected="text without a line break", received=repr(broken)
        )
    return "".join(f"{name}\n" for name in question.names)


def requirements_text(runtime: str, imports: Sequence[str]) -> str:
    """``requirements.txt``: the oldest versions that were found to do; ``imports`` are the script's own.

    >>> print(requirements_text("onnx", ["from PIL import Image"]), end="")
    numpy>=1.26
    onnxruntime>=1.22
    pillow>=11
    """
    pillow = ["pillow>=11"] if any("PIL" in line for line in imports) else []
    return "".join(f"{line}\n" for line in sorted(["numpy>=1.26", _RUNTIMES[runtime], *pillow]))


def named(dtype: torch.dtype) -> str:
    """The name of a type of inputs, as NumPy has it.

    Raises:
        InputError: a type that examples do not have.
    """
    if dtype not in _DTYPES:
        raise InputError("inputs of this type cannot be exported", expected="uint8 or float32", received=dtype)
    return _DTYPES[dtype]
