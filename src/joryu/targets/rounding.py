"""How much an encoding changes answers, measured; and the encoding of answers about pixels that follows from it."""

from __future__ import annotations

from typing import Final

import torch
from pydantic import BaseModel, ConfigDict, Field

from joryu.questions import Link
from joryu.targets.encoding import Encoding, decode, encode
from joryu.targets.soft_targets import SoftTargets, Space

TEMPERATURES: Final = (1.0, 2.0, 4.0, 8.0)  #: at which probabilities are compared, as students see them softened
MOST_MOVED: Final = 1 / 255
"""What no probability may move by: the step of a picture's grey levels, to which the input itself is only known. The
gradient of a soft loss is ``q - p``, so none is off by more, with either sign; a student's own answers differ from its
teacher's by far more. Even steps of the probability would move it by half of this at T = 1, and lose what shows only at
a higher temperature."""
MOST_LOST: Final = 1e-3
"""Nats by which the mean soft cross-entropy of an answer's pixels may be worse, for a student that says what is kept:
a hundredth of the losses that students of masks reach."""


class Rounding(BaseModel):
    """What keeping changed in a sample of ``n`` answers.

    ``probability``: the most that one moved, at any of `TEMPERATURES`. ``divergence``: the largest mean over an
    answer's pixels of ``KL(answer ‖ what is kept)``, in nats: the soft loss that a student which copies what is kept
    has beyond the least possible.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(ge=0)
    divergence: float
    n: int = Field(ge=1)

    @property
    def small(self) -> bool:
        """Whether both are within their bounds, `MOST_MOVED` and `MOST_LOST`."""
        return self.probability <= MOST_MOVED and self.divergence <= MOST_LOST

    def __str__(self) -> str:
        return f"no probability of the first {self.n} answers moved by more than {self.probability:.4f}"


def measure(answers: SoftTargets, encoding: Encoding) -> Rounding:
    """Measure what an encoding changes in dense logits.

    >>> from joryu.questions import PICTURE, Question
    >>> masks = torch.linspace(-12, 12, 64).reshape(1, 8, 8, 1)
    >>> answers = SoftTargets(values=masks, space=Space.LOGITS, question=Question.tags(["salt"], grid=PICTURE))
    >>> measure(answers, Encoding.parse("dense:uint8")).small
    True

    Raises:
        InputError: as `encode`.
    """
    encoded = encode(answers, encoding)
    kept = decode({name: column.copy() for name, column in encoded.columns.items()}, encoded.form, answers.question,
                  encoding).values.float()  # fmt: skip
    exact, link = answers.values.detach().float().cpu(), answers.question.link
    usable = torch.tensor([row not in encoded.unusable for row in range(len(answers))])
    exact, kept = exact[usable], kept[usable]
    if not len(exact):
        return Rounding(probability=0, divergence=0, n=len(answers))
    moved = max(float((link.probs(exact, at) - link.probs(kept, at)).abs().amax()) for at in TEMPERATURES)
    divergence = max(float(_divergence(exact, kept, link, at).flatten(1).mean(1).amax()) for at in TEMPERATURES)
    return Rounding(probability=moved, divergence=max(0.0, divergence), n=len(exact))


def usual_encoding(answers: SoftTargets) -> tuple[Encoding, Rounding | None]:
    """The encoding used when none is asked for, and what it was chosen by.

    Dense logits about pixels are kept in one byte each where that changes a sample of them, the first batch, so little
    (`Rounding.small`). Answers that are top-k stay so, and everything else is as `Encoding.natural` says.
    """
    dense = answers.indices is None and answers.coverage is None
    if answers.question.grid and answers.space is Space.LOGITS and dense and answers.question.link.has_probs:
        encoding = Encoding(dtype="uint8")
        if (found := measure(answers, encoding)).small:
            return encoding, found
    natural = Encoding.natural(answers.space)
    if answers.indices is not None:
        natural = Encoding(layout="top-k", k=answers.indices.shape[-1], dtype=natural.dtype)
    return natural, None


def _divergence(exact: torch.Tensor, kept: torch.Tensor, link: Link, temperature: float) -> torch.Tensor:
    """``KL(exact ‖ kept)`` of each site (softmax) or output (sigmoid)."""
    if link is Link.SOFTMAX:
        said, known = link.log_probs(exact, temperature), link.log_probs(kept, temperature)
        return (said.exp() * (said - known)).sum(-1)
    said, known = link.log_probs(exact, temperature), link.log_probs(kept, temperature)
    unsaid, unknown = link.log_probs(-exact, temperature), link.log_probs(-kept, temperature)
    return said.exp() * (said - known) + unsaid.exp() * (unsaid - unknown)
