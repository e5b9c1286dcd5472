"""`Network`: any ``nn.Module`` that maps raw inputs to logits, as a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from joryu.errors import MismatchError
from joryu.students.blueprint import fingerprint
from joryu.targets.soft_targets import Kind, SoftTargets, Space


@final
class Network:
    """A frozen network in evaluation mode.

    Args:
        module: maps raw inputs ``[B, ...]`` to logits ``[B, C]``.
        classes: the names of the ``C`` classes.
        normalise: the teacher's *own* input normalisation, applied first (see `joryu.students.Normalise`); leave it out
            when the module already holds it.
        kind: ``ONE_OF_MANY`` (softmax) or ``MANY_OF_MANY`` (sigmoid per tag).
        device: where to run; by default a GPU if there is one.

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
        self.module = nn.Sequential(normalise or nn.Identity(), module).to(self.device).eval().requires_grad_(False)
        self.classes = tuple(classes)
        self.kind = kind
        # Non-persistent settings such as Normalise.scale are in the printed form of nothing: hash them by hand.
        settings = [repr(sorted(_settings(part).items())) for part in self.module.modules()]
        self.fingerprint = fingerprint(self.module, repr(self.module), *settings, *self.classes, kind)

    @torch.inference_mode()
    def label(self, batch: Tensor) -> SoftTargets:
        """Logits of the batch, float32, on the CPU."""
        logits: Tensor = self.module(batch.to(self.device, non_blocking=True)).float()
        if logits.shape[-1] != len(self.classes):
            raise MismatchError(
                "the teacher's answers do not fit its classes",
                expected=f"{len(self.classes)} logits",
                received=f"shape {tuple(logits.shape)}",
            )
        return SoftTargets(values=logits.cpu(), space=Space.LOGITS, n_classes=len(self.classes), kind=self.kind)


def _settings(module: nn.Module) -> dict[str, object]:
    """Plain public attributes of a module: numbers, strings and tuples of them."""
    simple = (bool, int, float, str, tuple)
    return {
        k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, simple)
    }
