"""What a report is made from: the evaluated examples and one card per model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.evaluation import Latency
from joryu.examples import UNLABELLED, Examples, Rejected


class Role(StrEnum):
    """Whom a card describes; the order is the order of every table's columns."""

    TEACHER = "teacher"
    STUDENT = "student"
    TWIN = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of a run.

    ``logits``: float ``[n, C]`` on the report's examples, at T = 1; a teacher known only by its soft targets gives
    ``SoftTargets.logits()``, and a teacher that never saw these examples gives ``None``. ``history``: the lines of
    ``metrics.jsonl`` (``epoch``, ``validation_accuracy``, ``validation_loss``, …) or ``None``. ``parameters``,
    ``bytes`` and ``latency`` are ``None`` where they mean nothing, as for a paid API. ``best_epoch``: the one of the
    history whose weights these are; ``None`` for the last.
    """

    role: Role
    description: str
    logits: Tensor | None
    history: Sequence[Mapping[str, object]] | None = None
    parameters: int | None = None
    bytes: int | None = None
    latency: Latency | None = None
    best_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything on the page; `joryu.report.write_report` makes the page.

    ``examples`` are the evaluated ones, all labelled, in the row order of every card's logits; or none is labelled, and
    the teacher's logits are all there is to judge by. ``temperature`` is the
    run's. ``audit`` is the store's audit as JSON: its ``findings`` (a list of sentences) come first, the rest as a
    table. ``provenance`` is shown as it is, nested mappings flattened. ``rejected`` names the files that were left out.
    ``lesson`` says what was taught and what judges, ``warnings`` what to beware of: sentences above all numbers.

    >>> card = ModelCard(role=Role.STUDENT, description="mlp:2x1", logits=torch.eye(2))
    >>> examples = Examples.of(torch.zeros(2, 3), torch.tensor([0, 1]), classes=["a", "b"])
    >>> ReportData(name="demo", command="joryu distill", examples=examples, models=[card]).twin is None
    True

    Raises:
        InputError: no student, two models of one role, a student or twin without logits, an example without a label
            (where no example has one: no teacher's logits).
        MismatchError: logits that do not fit the examples and their classes.
    """

    name: str
    command: str
    examples: Examples
    models: Sequence[ModelCard]
    temperature: float = 1.0
    audit: Mapping[str, object] | None = None
    provenance: Mapping[str, object] | None = None
    rejected: Sequence[Rejected] = field(default=())
    warnings: Sequence[str] = field(default=())
    lesson: str = ""

    def __post_init__(self) -> None:
        roles = [card.role for card in self.models]
        if Role.STUDENT not in roles or len(set(roles)) < len(roles):
            raise InputError(
                "a report needs one student, and at most one model of each role", received=[str(role) for role in roles]
            )
        self._check_labels()
        expected = (len(self.examples), len(self.examples.classes))
        for card in self.models:
            if card.logits is None and card.role is not Role.TEACHER:
                raise InputError(f"the {card.role} has no logits", expected=f"logits {list(expected)}")
            if card.logits is not None and card.logits.shape != expected:
                raise MismatchError(
                    f"the {card.role}'s logits do not fit the examples",
                    expected=list(expected),
                    received=list(card.logits.shape),
                )

    def _check_labels(self) -> None:
        if not self.labelled and (self.teacher is None or self.teacher.logits is None):
            raise InputError(
                f"a report needs labelled examples, or a teacher to compare with: {self.examples.name} has no label",
                received="no answer of a teacher", hint="name labelled --examples, or put the teacher back",
            )  # fmt: skip
        if self.labelled and bool((self.labels == UNLABELLED).any()):
            raise InputError(
                "a report needs labelled examples", received="some without a label", hint="try examples.labelled()"
            )

    @property
    def labelled(self) -> bool:
        """Whether the examples have labels to judge by."""
        return bool(self.examples.known.any())

    @property
    def labels(self) -> Tensor:
        """int64 ``[n]``; every example has one if the report is `labelled`."""
        return torch.as_tensor(self.examples.labels)

    @property
    def cards(self) -> dict[Role, ModelCard]:
        """The cards by role, in the order teacher, student, twin."""
        found = {card.role: card for card in self.models}
        return {role: found[role] for role in Role if role in found}

    @property
    def student(self) -> ModelCard:
        """The student."""
        return self.cards[Role.STUDENT]

    @property
    def teacher(self) -> ModelCard | None:
        """The teacher, if the run knows it."""
        return self.cards.get(Role.TEACHER)

    @property
    def twin(self) -> ModelCard | None:
        """The same student trained on hard labels alone, if there is one."""
        return self.cards.get(Role.TWIN)
