"""The end of every student: raw outputs of a network to what answers the question, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from joryu.questions import LOG_VARIANCE, MAIN, Question


class NamedOutputs(nn.Module):
    """Takes a network's outputs ``[B, width, ...]`` apart: those that answer the question, then those of further heads.

    In evaluation mode only the answer comes out, as networks give it: ``[B, C]`` or ``[B, C, height, width]``. In
    training mode it is what objectives take: a dictionary by name, ``main`` first, the outputs on the *last* axis.
    `everything` gives that in either mode.

    Numbers are learned standardised: ``mean`` and ``std`` are those of each, and what comes out is in their own units.
    So is a ``log_variance`` head.

    >>> import torch
    >>> answers = NamedOutputs(Question.one_of(2), {"signals": 1})
    >>> {name: list(part.shape) for name, part in answers(torch.zeros(4, 3)).items()}
    {'main': [4, 2], 'signals': [4, 1]}
    >>> answers.eval()(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        question: Question,
        heads: Mapping[str, int] | None = None,
        *,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.scaled = bool(mean)
        # Not in the state: the plan says them, and a student without them has the state it always had.
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32), persistent=False)
        self.names = (MAIN, *(heads or {}))
        self.widths = [len(question), *(heads or {}).values()]
        self.on_grid = bool(question.grid)

    @property
    def is_idle(self) -> bool:
        """Whether, in evaluation mode, what comes in comes out."""
        return len(self.widths) == 1 and not self.scaled

    def extra_repr(self) -> str:
        """The scale, which is not in the state, is a part of what tells one network from another."""
        return f"{self.names}, mean={self.mean.tolist()}, std={self.std.tolist()}"

    def forward(self, raw: Tensor) -> Tensor | dict[str, Tensor]:
        if self.training:
            return self.everything(raw)
        outputs = raw[:, : self.widths[0]] if len(self.widths) > 1 else raw
        if not self.scaled:
            return outputs
        shape = (-1, *[1] * (outputs.ndim - 2))
        return outputs.float() * self.std.reshape(shape) + self.mean.reshape(shape)

    def everything(self, raw: Tensor) -> dict[str, Tensor]:
        """All outputs by name, each ``[B, (height, width,) C]``, whatever the mode."""
        last = raw.movedim(1, -1) if self.on_grid else raw
        # Nearly every student has no further head, and a split costs its step twice, there and back.
        parts = torch.split(last, self.widths, dim=-1) if len(self.widths) > 1 else (last,)
        found = dict(zip(self.names, parts, strict=True))
        if self.scaled:
            found[MAIN] = found[MAIN].float() * self.std + self.mean
            if LOG_VARIANCE in found:
                found[LOG_VARIANCE] = found[LOG_VARIANCE].float() + 2 * self.std.log()
        return found


def units_of(student: nn.Sequential) -> tuple[float, ...]:
    """The standard deviations by which a student learned its numbers, one for each; none where it learned none so.

    >>> units_of(nn.Sequential(nn.Linear(3, 1), NamedOutputs(Question.numbers(["price"]), mean=[10.0], std=[2.0])))
    (2.0,)
    """
    std: Tensor = student[-1].std  # type: ignore[assignment]
    return tuple(std.tolist())


def without_idle_answers(module: nn.Module) -> nn.Module:
    """A student without its `NamedOutputs` where they have nothing to do in evaluation mode; else the module as it is.

    >>> student = nn.Sequential(nn.Linear(3, 2), NamedOutputs(Question.one_of(2)))
    >>> len(without_idle_answers(student))
    1
    """
    ends = isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[-1], NamedOutputs)
    return module[:-1] if ends and module[-1].is_idle else module  # type: ignore[index]


def outputs_of(student: nn.Sequential, inputs: Tensor) -> dict[str, Tensor]:
    """Everything a student says of raw inputs, by name, in the mode it is in; what a loss or an evaluation asks for.

    >>> import torch
    >>> student = nn.Sequential(nn.Linear(3, 3), NamedOutputs(Question.numbers(["price"]), {"log_variance": 2}))
    >>> list(outputs_of(student.eval(), torch.zeros(1, 3)))
    ['main', 'log_variance']
    """
    answers = student[-1]
    raw: Tensor = student[:-1](inputs)
    found: dict[str, Tensor] = answers.everything(raw)  # type: ignore[operator]
    return found
