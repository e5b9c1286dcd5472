"""`Network`: any ``nn.Module`` that maps raw inputs to logits, as a teacher."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from joryu.errors import MismatchError
from joryu.questions import Link, Question
from joryu.students.blueprint import fingerprint
from joryu.targets.soft_targets import SoftTargets, Space


@final
class Network:
    """A frozen network in evaluation mode: the module is taken over, and must not be trained any further.

    Args:
        module: maps raw inputs ``[B, ...]`` to outputs ``[B, C]``, or ``[B, C, height, width]`` for each pixel.
        classes: the names of the ``C`` classes, where the question is which of them it is.
        normalise: the teacher's *own* input normalisation, applied first (see `joryu.students.Normalise`); leave it out
            when the module already holds it.
        question: what it answers, where that is another: tags, numbers, masks.
        device: where to run; by default a GPU if there is one.

    ``fingerprint`` covers weights, buffers, the printed form and the plain settings of every module, and
    the question: not the code of ``forward``.

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
        classes: Sequence[str] = (),
        *,
        normalise: nn.Module | None = None,
        question: Question | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        first = nn.Identity() if normalise is None else normalise
        self.module = nn.Sequential(first, module).to(self.device).eval().requires_grad_(False)
        self.question = Question.one_of(classes) if question is None else question.answer
        # Settings such as Normalise.scale are neither in the state nor in the printed form: hash them by hand.
        settings = [repr(sorted(_settings(part).items())) for part in self.module.modules()]
        described = [_ADDRESS.sub("", text) for text in (repr(self.module), *settings)]
        self.fingerprint = fingerprint(self.module, *described, *_named(self.question))

    def label(self, batch: Tensor) -> SoftTargets:
        """Logits of the batch, float32, on the CPU."""
        with torch.inference_mode():
            logits = self.module(batch.to(self.device, non_blocking=True))
        if not torch.is_tensor(logits) or logits.shape[:2] != (len(batch), len(self.question)):
            raise MismatchError(
                "the teacher's answers do not fit its question",
                expected=f"outputs [{len(batch)}, {len(self.question)}]",
                received=list(logits.shape) if torch.is_tensor(logits) else type(logits).__name__,
            )
        # Copied outside inference mode, so that an objective may keep them for its backward pass.
        values = logits.to("cpu", torch.float32, copy=True)
        space = Space.LOGITS if self.question.link.has_probs else Space.NUMBERS
        return SoftTargets(values=values.movedim(1, -1), space=space, question=self.question)


def _named(question: Question) -> list[str]:
    """What of the question tells one teacher from another; of one of many the names alone, as ever."""
    plain = question.link is Link.SOFTMAX and not question.grid
    return list(question.names) if plain else [*question.names, question.link, *question.grid]


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of a function among the settings: another in every process


def _settings(module: nn.Module) -> dict[str, object]:
    """Plain public attributes of a module: numbers, strings and tuples of them."""
    simple = (bool, int, float, str, tuple)
    return {
        k: v for k, v in vars(module).items() if not k.startswith("_") and k != "training" and isinstance(v, simple)
    }
