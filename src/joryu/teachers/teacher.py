"""The protocol every teacher fulfils: a network, an API, a person."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from joryu.questions import Question
from joryu.targets.soft_targets import SoftTargets


@runtime_checkable
class Teacher(Protocol):
    """Anything that can answer.

    ``fingerprint`` is a hash of everything that would change the answers (weights, prompt, API version, combination
    rule, input normalisation); ``question`` names what is answered about, in the order of the last axis. Teachers
    compose by wrapping and are never subclassed.
    """

    @property
    def question(self) -> Question: ...

    @property
    def fingerprint(self) -> str: ...

    def label(self, batch: Tensor) -> SoftTargets:
        """Answers for raw inputs ``[B, ...]``, one row each, in the same order."""
        ...
