"""The end of every student: raw outputs of a network to what answers the question, by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from joryu.questions import MAIN, Question


class Answers(nn.Module):
    """``[B, width, ...]`` to the question's outputs ``[B, (height, width,) C]``; further heads while training alone.

    A network gives the outputs of the question first and those of its further heads behind them, on axis 1. They come
    out on the last axis. In training mode the result is a dictionary by name, ``main`` first; in evaluation mode it is
    the tensor that answers the question, so that whoever uses a student meets no dictionary. `everything` gives all.

    >>> import torch
    >>> answers = Answers(Question.one_of(2), {"signals": 1})
    >>> {name: list(part.shape) for name, part in answers(torch.zeros(4, 3)).items()}
    {'main': [4, 2], 'signals': [4, 1]}
    >>> answers.eval()(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(self, question: Question, heads: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.names = (MAIN, *(heads or {}))
        self.widths = [len(question), *(heads or {}).values()]
        self.on_grid = bool(question.grid)

    def forward(self, raw: Tensor) -> Tensor | dict[str, Tensor]:
        if self.training:
            return self.everything(raw)
        return self._outputs_last(raw)[..., : self.widths[0]]

    def everything(self, raw: Tensor) -> dict[str, Tensor]:
        """All outputs by name, whatever the mode."""
        return dict(zip(self.names, torch.split(self._outputs_last(raw), self.widths, dim=-1), strict=True))

    def _outputs_last(self, raw: Tensor) -> Tensor:
        return raw.movedim(1, -1) if self.on_grid else raw


def outputs_of(student: nn.Sequential, inputs: Tensor) -> dict[str, Tensor]:
    """Everything a student says of raw inputs, by name, in the mode it is in; what a loss or an evaluation asks for.

    >>> import torch
    >>> student = nn.Sequential(nn.Linear(3, 3), Answers(Question.numbers(["price"]), {"log_variance": 2}))
    >>> list(outputs_of(student.eval(), torch.zeros(1, 3)))
    ['main', 'log_variance']
    """
    answers = student[-1]
    raw: Tensor = student[:-1](inputs)
    found: dict[str, Tensor] = answers.everything(raw)  # type: ignore[operator]
    return found
