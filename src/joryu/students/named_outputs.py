"""`NamedOutputs`: the last layer of every student, which splits a network's raw outputs into named parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from joryu.questions import LOG_VARIANCE, MAIN, Question


class NamedOutputs(nn.Module):
    """Splits a network's outputs ``[B, width, ...]`` into the answer to the question and the outputs of further heads.

    In evaluation mode it gives the answer alone, in the order of networks: ``[B, C]`` or ``[B, C, height, width]``. In
    training mode it gives a dictionary by name, as objectives take it: ``main`` first, outputs on the *last* axis,
    ``[B, C]`` or ``[B, height, width, C]``. `everything` gives the dictionary in both modes.

    The network learns numbers standardised. With the ``mean`` and ``std`` of each number, the answer is
    ``raw · std + mean``, in its own units, and a ``log_variance`` head is ``raw + 2 log std``.

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
        """Whether it changes nothing in evaluation mode: there is no further head and no scale."""
        return len(self.widths) == 1 and not self.scaled

    def extra_repr(self) -> str:
        """Names and scale for the printed form, which the fingerprint covers; they are not in the state."""
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
        """All outputs by name, each ``[B, (height, width,) C]``, in training and evaluation mode alike."""
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
    """The standard deviation of each number that a student learned; empty if it did not learn standardised numbers.

    >>> units_of(nn.Sequential(nn.Linear(3, 1), NamedOutputs(Question.numbers(["price"]), mean=[10.0], std=[2.0])))
    (2.0,)
    """
    std: Tensor = student[-1].std  # type: ignore[assignment]
    return tuple(std.tolist())


def without_idle_answers(module: nn.Module) -> nn.Module:
    """A student without its `NamedOutputs` if they change nothing in evaluation mode; any other module as it is.

    >>> student = nn.Sequential(nn.Linear(3, 2), NamedOutputs(Question.one_of(2)))
    >>> len(without_idle_answers(student))
    1
    """
    ends = isinstance(module, nn.Sequential) and len(module) > 1 and isinstance(module[-1], NamedOutputs)
    return module[:-1] if ends and module[-1].is_idle else module  # type: ignore[index]


def outputs_of(student: nn.Sequential, inputs: Tensor) -> dict[str, Tensor]:
    """All outputs of a student for raw inputs, by name, in its present mode: what losses and evaluations take.

    >>> import torch
    >>> student = nn.Sequential(nn.Linear(3, 3), NamedOutputs(Question.numbers(["price"]), {"log_variance": 2}))
    >>> list(outputs_of(student.eval(), torch.zeros(1, 3)))
    ['main', 'log_variance']
    """
    answers = student[-1]
    raw: Tensor = student[:-1](inputs)
    found: dict[str, Tensor] = answers.everything(raw)  # type: ignore[operator]
    return found


class Moments(nn.Module):
    """A student with a ``log_variance`` head as a module whose outputs hold its numbers, then their variances.

    ``[B, 2 C]``, or ``[B, 2 C, height, width]``.

    >>> import torch
    >>> student = nn.Sequential(nn.Linear(3, 2), NamedOutputs(Question.numbers(["price"]), {"log_variance": 1}))
    >>> Moments(student)(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    def __init__(self, student: nn.Sequential) -> None:
        super().__init__()
        self.student = student

    def forward(self, inputs: Tensor) -> Tensor:
        found = outputs_of(self.student, inputs)
        both = torch.cat([found[MAIN].float(), found[LOG_VARIANCE].float().exp()], dim=-1)
        return both.movedim(-1, 1)
