"""What an exporter refuses, in one line: which operation, and what to change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from joryu.errors import InputError

_OPERATION: Final = re.compile(r"\b(?:aten|prims|torchvision|quantized|higher_order)[.:]{1,2}\w+(?:\.\w+)?")
_CONTROL_FLOW: Final = ("data-dependent", "GuardOnDataDependent", "dynamic control flow", "UserError")
_MOST: Final = 200


def cannot_export(error: Exception, name: str, to: str) -> InputError:
    """The error to raise where ``name``, an architecture, could not be turned into ``to``.

    >>> str(cannot_export(RuntimeError("No ONNX function found for <OpOverload(op='aten.fft_fft2')>"), "mine", "ONNX"))
    'mine cannot be exported to ONNX (expected operations that ONNX has; received aten.fft_fft2); put other operations \
in its place, or end the network before it'
    """
    said = [f"{type(one).__name__}: {str(one).strip()}" for one in _causes(error)]
    found = _OPERATION.search(next((text for text in said if "No ONNX function" in text), "")) or next(
        (match for text in reversed(said) if (match := _OPERATION.search(text))), None
    )
    if any(word in text for text in said for word in _CONTROL_FLOW):
        return InputError(
            f"{name} cannot be exported to {to}", expected="a network whose way does not depend on the numbers in it",
            received=_first_line(said[-1]),
            hint="write that branch or loop with torch.where or torch.cond",
        )  # fmt: skip
    return InputError(
        f"{name} cannot be exported to {to}", expected=f"operations that {to} has",
        received=found[0] if found else _first_line(said[-1]),
        hint="put other operations in its place, or end the network before it",
    )  # fmt: skip


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _first_line(text: str) -> str:
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _MOST else f"{line[:_MOST]}…"
