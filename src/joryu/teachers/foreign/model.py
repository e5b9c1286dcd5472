"""`Foreign`: an opened model of another framework as a module, raw inputs in and its answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.questions import Link, Question
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.outputs import Meant

Ask = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
"""From a batch as the model takes it to its answers, ``[B, …]``."""


class Opened(NamedTuple):
    """A model that a runtime has opened.

    Args:
        ask: what answers.
        intake: how examples become what it takes.
        digest: of all that would change its answers: the file, and what else it is made of.
        n_outputs: how many numbers it answers with, where it says so.
        values: whether these are logits, probabilities, or numbers followed by their variances, where that is known.
        link: by which they are probabilities, where that is known.
        batch: how many examples it takes at a time, no more and no fewer; ``None`` takes any.
        names: what its outputs are called, where it says so.
        question: what it answers, where it says that too.
        rounded: its probabilities are rounded, so that those of classes sum to a little more or less than one.
        columns: the names of a table's columns that it learned from, where it says so.
        by_torch: PyTorch computes it, so at the precision that is asked.
        encoded: of a model that takes these columns as a data frame, the categories that it knows, by column.
    """

    ask: Ask
    intake: Intake
    digest: str
    n_outputs: int | None = None
    values: Meant | None = None
    link: Link | None = None
    batch: int | None = None
    names: tuple[str, ...] | None = None
    question: Question | None = None
    rounded: bool = False
    columns: tuple[str, ...] | None = None
    encoded: Mapping[str, tuple[Any, ...]] | None = None
    by_torch: bool = False


class TableColumns(Protocol):
    """How a table's prepared inputs become what a model takes."""

    def given(self, rows: Tensor, intake: Intake) -> Any:
        """Prepared inputs ``[B, inputs]`` as the model takes them."""
        ...

    def shown(self, rows: Tensor) -> tuple[tuple[str, ...], Tensor]:
        """The columns that these become, by name and as numbers ``[B, columns]``, for people to look at."""
        ...


class Foreign(nn.Module):
    """An opened model as a module: raw inputs ``[B, …]`` to float32 ``[B, C]``, or ``[B, C, height, width]``.

    Its public settings are what the fingerprint of a `Network` covers: the digest of the file, and how inputs are
    turned into what it takes.

    Raises:
        InputError: (when asked) a model that takes data frames, of inputs that are no table.
        MismatchError: (when asked) inputs that the model does not take, or answers that are not one an example.
    """

    def __init__(self, opened: Opened, which: str = "", columns: TableColumns | None = None) -> None:
        super().__init__()
        self._opened, self._columns = opened, columns
        self.columns = "" if columns is None else repr(columns)
        self.digest, self.which, self.taken = opened.digest, which, f"{opened.intake} {opened.intake.said!r}"

    @property
    def intake(self) -> Intake:
        """How examples become what the model takes."""
        return self._opened.intake

    @property
    def at_own_precision(self) -> bool:
        """Whether its runtime computes at a precision of its own, whatever is asked."""
        return not self._opened.by_torch

    @property
    def turned(self) -> TableColumns | None:
        """How a table's inputs become the model's columns, first of all."""
        return self._columns

    def given(self, inputs: Tensor) -> Any:
        """Inputs ``[B, …]`` as the model takes them.

        Raises:
            InputError, MismatchError: it does not take them.
        """
        intake, columns = self._opened.intake, self._columns
        given = intake.given(inputs) if columns is None else columns.given(inputs, intake)
        if columns is None and self._opened.encoded is not None:
            raise InputError("this estimator learned from a data frame", expected="the examples of a table",
                             received=f"inputs {list(inputs.shape)}")  # fmt: skip
        return given

    def forward(self, inputs: Tensor) -> Tensor:
        given = self.given(inputs)
        found = torch.from_numpy(self._asked(given).astype(np.float32))  # a copy: a runtime writes its memory over
        if len(found) != len(inputs) or found.ndim == 0:
            raise MismatchError(
                "the model does not answer once an example", expected=f"[{len(inputs)}, …]",
                received=list(found.shape), hint="of several outputs choose the one that answers: ,output=NAME",
            )  # fmt: skip
        found = self._rows(found)
        if self._opened.rounded and self._opened.link is Link.SOFTMAX:
            found = found / found.sum(1, keepdim=True).clamp_min(1e-9)
        return found

    def _asked(self, given: npt.NDArray[Any]) -> npt.NDArray[Any]:
        n = self._opened.batch
        if n is None:
            return self._opened.ask(given)
        parts = []
        for start in range(0, len(given), n):
            part = given[start : start + n]
            short = n - len(part)
            whole = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
            parts.append(np.array(self._opened.ask(whole))[: len(part)])
        return np.concatenate(parts)

    def _rows(self, found: Tensor) -> Tensor:
        """``[B, C]``; answers about a map of places keep it, with the classes on axis 1."""
        if found.ndim == 4 and found.shape[1:].numel() not in (found.shape[1], found.shape[3]):
            return found if self._opened.intake.layout == "NCHW" else found.movedim(-1, 1)
        return found.reshape(len(found), -1) if found.ndim != 3 else found
