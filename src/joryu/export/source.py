"""What an export begins with, and the models that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from joryu.examples import Examples
from joryu.export.running import Answers
from joryu.students import Blueprint, fingerprint


@dataclass(frozen=True, kw_only=True)
class Source:
    """A student to be exported, with two inputs or more as it is shown them (``shown``, ``[2, …]``).

    ``teaching`` are the examples that ranges are measured on, those that judge left out.
    """

    student: nn.Sequential
    plan: Blueprint
    shown: Tensor
    teaching: Examples | None

    @property
    def learned_ranges(self) -> bool:
        """Whether the student learned under fake quantisation."""
        return self.plan.quantisation is not None

    @property
    def fingerprint(self) -> str:
        """That of `joryu.serving.Predictor`: answers of both name the same model."""
        prepared = "" if self.plan.preparation is None else self.plan.preparation.model_dump_json()
        return fingerprint(self.student, self.plan.model_dump_json(), prepared)


class Model(NamedTuple):
    """One model file: its name, ``float`` or ``int8``, its bytes, what it answers and what should have been answered.

    ``said`` is how it was made, in words.
    """

    name: str
    kind: str
    content: bytes
    answers: Answers
    wanted: Answers
    said: str
