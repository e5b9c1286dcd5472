"""The precision of a training, where ``auto`` leaves the choice to the machine."""

from __future__ import annotations

import os

import torch

from joryu.errors import InputError
from joryu.precision import AUTO, Precision, best_precision, named_by
from joryu.training.recipe import Recipe

ASKED = "LT_PRECISION"  #: the variable in which ``fabric run --precision`` passes on its argument


def fabric_device_type() -> str:
    """The type of device that Fabric will take, such as ``cuda``: the one of ``fabric run``, else the best there is."""
    asked = os.environ.get("LT_ACCELERATOR", "auto")
    if asked not in ("auto", "gpu"):
        return asked
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def chosen_precision(recipe: Recipe, device_type: str) -> Precision:
    """The precision at which a recipe is trained on this machine.

    If the recipe says ``auto``, it is that of ``fabric run --precision``, else of the variable
    ``JORYU_AUTO_PRECISION``, else `best_precision`.

    >>> chosen_precision(Recipe(precision="bf16-mixed"), "cpu")
    'bf16-mixed'

    Raises:
        InputError: the recipe names one precision and ``fabric run`` another; a variable does not hold a precision; or
            ``16-mixed`` was asked for on a CPU, where Fabric would compute in bf16 and not say so.
    """
    asked = named_by(ASKED)
    chosen: Precision
    if recipe.precision == "auto":
        chosen = asked or named_by(AUTO) or best_precision(device_type)
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
