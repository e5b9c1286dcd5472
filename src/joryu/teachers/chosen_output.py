"""`choose_output`: which of several outputs of a module is the answer: the one that is named, never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from joryu.errors import InputError
from joryu.teachers.foreign.description import OutputSaid
from joryu.teachers.outputs import OUTPUTS


def choose_output(module: nn.Module, said: OutputSaid, named: str) -> nn.Module:
    """The module, that from now on gives one tensor: of a dictionary, a ``ModelOutput`` or a tuple the output ``said``.

    It is chosen by its key, or by its number, as those of `joryu.teachers.foreign` are. The only tensor among several
    entries need not be named. ``named`` is what errors call the module.

    >>> class Two(nn.Module):
    ...     def forward(self, x):
    ...         return {"logits": x + 1, "features": x}
    >>> choose_output(Two(), OutputSaid(name="logits"), "module:two")(torch.zeros(1)).item()
    1.0

    Raises:
        InputError: (when asked) there are several outputs and none was said, or there is none of that name.
    """

    def chosen(_: nn.Module, __: object, outputs: object) -> object:
        if torch.is_tensor(outputs):
            if said.name is not None and said.name != said.values:
                said.place_among(("0",), named)
            return None  # as it is
        found = _tensors(outputs)
        if not found:
            raise InputError(
                f"{named} gives no tensor", expected="one, or several by name", received=type(outputs).__name__
            )
        return found[list(found)[said.place_among(tuple(found), named)]]

    # A hook, and not a layer behind the module: that would make another fingerprint of a teacher that was asked before.
    module.register_forward_hook(chosen)
    if said.name is not None and said.name not in OUTPUTS:
        module.chosen_output = said.name  # type: ignore[assignment] # a plain setting, which the fingerprint covers
    return module


def _tensors(outputs: object) -> dict[str, Any]:
    """The tensors among several outputs, by their keys or their numbers."""
    if isinstance(outputs, Mapping):
        return {str(name): one for name, one in outputs.items() if torch.is_tensor(one)}
    if isinstance(outputs, tuple | list):
        names = getattr(outputs, "_fields", None) or range(len(outputs))  # of a named tuple
        return {str(name): one for name, one in zip(names, outputs, strict=True) if torch.is_tensor(one)}
    return {}
