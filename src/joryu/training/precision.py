"""Which precision a training computes at, where ``auto`` leaves the choice to the machine."""

from __future__ import annotations

import os
from typing import Literal, get_args

import torch

from joryu.errors import InputError
from joryu.training.recipe import Recipe

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]

AUTO = "JORYU_AUTO_PRECISION"  #: what ``auto`` means on this machine, whatever its hardware multiplies
ASKED = "LT_PRECISION"  #: what ``fabric run --precision`` was given
_SHORT = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}  # the same, as Fabric abbreviates it


def device_type() -> str:
    """The kind of device that Fabric is going to take: what ``fabric run`` was given, else the best there is."""
    asked = os.environ.get("LT_ACCELERATOR", "auto")
    if asked not in ("auto", "gpu"):
        return asked
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def best_precision(device_type: str) -> Literal["32-true", "bf16-mixed"]:
    """bf16 where the hardware multiplies it natively, else float32."""
    if device_type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device_type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    else:
        native = False
    return "bf16-mixed" if native else "32-true"


def chosen_precision(recipe: Recipe, device_type: str) -> Precision:
    """The precision a recipe is trained at.

    ``auto`` is what ``fabric run --precision`` says, else what the variable ``JORYU_AUTO_PRECISION`` says, else
    `best_precision`.

    >>> chosen_precision(Recipe(precision="bf16-mixed"), "cpu")
    'bf16-mixed'

    Raises:
        InputError: the recipe names one precision and ``fabric run`` another; a variable holds what is no precision;
            ``16-mixed`` on a CPU, where nothing computes in float16 (Fabric would take bf16 and call it so).
    """
    asked = _named_by(ASKED)
    chosen: Precision
    if recipe.precision == "auto":
        chosen = asked or _named_by(AUTO) or best_precision(device_type)
    elif asked is not None and asked != recipe.precision:
        raise InputError(
            "two precisions are asked for", expected=f"{recipe.precision}, as the recipe says",
            received=f"{asked} from fabric run", hint="leave --precision out of one of them",
        )  # fmt: skip
    else:
        chosen = recipe.precision
    if chosen == "16-mixed" and device_type == "cpu":
        raise InputError(
            "a CPU does not train in 16-mixed", expected="32-true or bf16-mixed", received=chosen,
            hint="try --precision bf16-mixed",
        )  # fmt: skip
    return chosen


def _named_by(variable: str) -> Precision | None:
    """The precision in an environment variable; none where it is not set."""
    if not (value := os.environ.get(variable)):
        return None
    named = _SHORT.get(value, value)
    for precision in get_args(Precision):
        if named == precision:
            return precision  # type: ignore[no-any-return]
    raise InputError(f"{variable} is no precision to train at", expected=", ".join(get_args(Precision)), received=value)
