"""Which precision this machine computes at best, and how a network is asked at one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, get_args

import torch

from joryu.errors import InputError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""As Fabric calls them: float32 throughout; products in bf16, or float16, and the rest in float32."""

Answering = Literal["32-true", "bf16-mixed"]
"""The two that a network which only answers is asked at."""

AUTO = "JORYU_AUTO_PRECISION"  #: what ``auto`` means on this machine, whatever its hardware multiplies
_SHORT = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}  # the same, as Fabric abbreviates it


def best_precision(device_type: str) -> Answering:
    """bf16 where the hardware multiplies it natively, else float32."""
    if device_type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device_type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        native = False
    return "bf16-mixed" if native else "32-true"


def device_type() -> str:
    """The kind of device that a network is asked on where nobody names one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def named_by(variable: str) -> Precision | None:
    """The precision in an environment variable; ``None`` where it is not set.

    Raises:
        InputError: it holds what is no precision.
    """
    if not (value := os.environ.get(variable)):
        return None
    named = _SHORT.get(value, value)
    for precision in get_args(Precision):
        if named == precision:
            return precision  # type: ignore[no-any-return]
    raise InputError(f"{variable} is no precision to train at", expected=", ".join(get_args(Precision)), received=value)


def worth_a_try() -> bool:
    """Whether a network may answer sooner in bf16 here: the variable ``JORYU_AUTO_PRECISION`` says, else the hardware.

    Raises:
        InputError: the variable holds what is no precision.
    """
    return (named_by(AUTO) or best_precision(device_type())) == "bf16-mixed"


def require_answering(asked: str) -> Answering:
    """The precision that somebody typed for a network that only answers.

    >>> require_answering("bf16-mixed")
    'bf16-mixed'

    Raises:
        InputError: another word.
    """
    known: tuple[Answering, ...] = get_args(Answering)
    for precision in known:
        if asked == precision:
            return precision
    raise _unknown(asked, known)


def require_wish(asked: str) -> Answering | Literal["auto"]:
    """The same, where ``auto`` may choose.

    Raises:
        InputError: another word.
    """
    known: tuple[Answering | Literal["auto"], ...] = ("auto", *get_args(Answering))
    if asked not in known:
        raise _unknown(asked, known)
    return "auto" if asked == "auto" else require_answering(asked)


def _unknown(asked: str, known: Sequence[str]) -> InputError:
    near = _SHORT.get(asked, asked)
    hint = f"try {near}" if near in known else None
    return InputError("is not usable", setting="precision", expected=", ".join(known), received=repr(asked), hint=hint)


def computing_at(precision: Answering, device_type: str) -> AbstractContextManager[object]:
    """Within it products are taken at this precision; at ``32-true`` nothing changes.

    A CPU without bf16 of its own takes them too, only slowly.

    >>> with computing_at("bf16-mixed", "cpu"):
    ...     torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype
    torch.bfloat16
    """
    if precision == "32-true":
        return nullcontext()
    return torch.autocast(device_type, dtype=torch.bfloat16)
