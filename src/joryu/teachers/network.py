"""`Network`: any ``nn.Module`` that maps raw inputs to logits, as a teacher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from joryu.errors import MismatchError
from joryu.students.blueprint import fingerprint
from joryu.targets.soft_targets import Kind, SoftTargets, Space


@final
class Network:
    """A frozen network in evaluation mode: the module is taken over, and must not be trained any further.

    Args:
        module: maps raw inputs ``[B, ...]`` to logits ``[B, C]``.
        classes: the names of the ``C`` classes.
        normalise: the teacher's *own* input normalisation, applied first (see `joryu.students.Normalise`); leave it out
            when the module already holds it.
        kind: ``ONE_OF_MANY`` (softmax) or ``MANY_OF_MANY`` (sigmoid per tag).
        device: where to run; by default a GPU if there is one.

    ``fingerprint`` covers weights, buffers, the printed form and the plain settings of every module, the classes and
    the kind: not the code of ``forward``.

    >>> import torch
    >>> teacher = Network(torch.nn.Flatten(), ["a", "b"])
    >>> teacher.label(torch.tensor([[1.0, 0.0]])).probs().round(decimals=3)
    tensor([[0.7310, 0.2690]])

    Raises:
        MismatchError: (when asked) the logits do not have one column per class.
    """

    def __init__(
        self,
        module: nn.Module,
        classes: Sequence[str],
        *,
        normalise: nn.Module | None = None,
        kind: Kind = Kind.ONE_OF_MANY,
        device: torch.device | str | None = None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        first = nn.Identity() if normalise is None else normalise
        self.module = nn.Sequential(first, module).to(self.device).eval().requires_grad_(False)
        self.classes = tuple(classes)
        self.kind = kind
        # Settings such as Normalise.scale are neither in the state nor in the printed form: hash them by hand.
        settings = [repr(sorted(_settings(part).items())) for part in self.module.modules()]
        described = [_ADDRESS.sub("", text) for text in (repr(self.module), *settings)]
        self.fingerprint = fingerprint(self.module, *described, *self.classes, kind)

    def label(self, batch: Tensor) -> SoftTargets:
        """Logits of the batch, float32, on the CPU."""
        with torch.inference_mode():
            logits = self.module(batch.to(self.device, non_blocking=True))
        if not torch.is_tensor(logits) or logits.shape[:1] != batch.shape[:1] or logits.shape[-1] != len(self.classes):
            raise MismatchError(
                "the teacher's answers do not fit its classes",
                expected=f"logits [{len(batch)}, {len(self.classes)}]",
                received=list(logits.shape) if torch.is_tensor(logits) else type(logits).__name__,
            )
        # Copied outside inference mode, so that an objective may keep them for its backward pass.
        values = logits.to("cpu", torch.float32, copy=True)
        return SoftTargets(values=values, space=Space.LOGITS, n_classes=len(self.classes), kind=self.kind)


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function among the settings: another in every process


def _settings(module: nn.Module) -> dict[str, object]:
    """Plain public attributes of a module: numbers, strings and tuples of them."""
    simple = (bool, int, float, str, tuple)
    return {
        k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, simple)
    }
