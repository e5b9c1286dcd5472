"""What a report is made from: the evaluated examples and one card per model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.evaluation import Latency, Replies
from joryu.examples import Examples, Rejected
from joryu.questions import Question


class Role(StrEnum):
    """Whom a card describes; the order is the order of every table's columns."""

    TEACHER = "teacher"
    STUDENT = "student"
    TWIN = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of a run.

    ``replies``: its answers about the report's examples; ``None`` for a teacher that cannot be asked about them.
    ``history``: the lines of ``metrics.jsonl`` (``epoch``, ``validation_loss``, …) or ``None``. ``parameters``,
    ``bytes`` and ``latency`` are ``None`` where they mean nothing, as for a paid API. ``best_epoch``: the one of the
    history whose weights these are; ``None`` for the last. ``steps_per_epoch``: optimiser steps in a line of the
    history, where it is known.
    """

    role: Role
    description: str
    replies: Replies | None
    history: Sequence[Mapping[str, object]] | None = None
    parameters: int | None = None
    bytes: int | None = None
    latency: Latency | None = None
    best_epoch: int | None = None
    steps_per_epoch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything on the page; `joryu.report.write_report` makes the page.

    ``examples`` are the evaluated ones, all labelled, in the row order of every card's replies; or none is labelled,
    and the teacher's answers are all there is to judge by. ``temperature`` is the run's. ``audit`` is the store's audit
    as JSON: its ``findings`` (a list of sentences) come first, the rest as a table. ``provenance`` is shown as it is,
    nested mappings flattened. ``rejected`` names the files that were left out. ``lesson`` says what was taught and what
    judges, ``warnings`` what to beware of: sentences above all numbers. ``units``, of errors in numbers, are those
    of `joryu.evaluation.evaluator_for`.

    >>> import torch
    >>> from joryu.evaluation import KeptReplies
    >>> replies = KeptReplies.of(Question.one_of(["a", "b"]), {"main": torch.eye(2)})
    >>> card = ModelCard(role=Role.STUDENT, description="mlp:2x1", replies=replies)
    >>> examples = Examples.of(torch.zeros(2, 3), torch.tensor([0, 1]), classes=["a", "b"])
    >>> ReportData(name="demo", command="joryu distill", examples=examples, models=[card]).twin is None
    True

    Raises:
        InputError: no student, two models of one role, a student or twin without replies, an example without a label
            (where no example has one: no teacher's answers).
        MismatchError: replies that do not fit the examples and their question.
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
    units: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        roles = [card.role for card in self.models]
        if Role.STUDENT not in roles or len(set(roles)) < len(roles):
            raise InputError(
                "a report needs one student, and at most one model of each role", received=[str(role) for role in roles]
            )
        self._check_labels()
        for card in self.models:
            self._check_replies(card)

    def _check_replies(self, card: ModelCard) -> None:
        if card.replies is None:
            if card.role is not Role.TEACHER:
                raise InputError(f"the {card.role} has no answers", expected=f"{len(self.examples)} of them")
            return
        if card.replies.n != len(self.examples):
            raise MismatchError(
                f"the {card.role}'s answers do not fit the examples", expected=len(self.examples),
                received=card.replies.n,
            )  # fmt: skip
        self.question.require(card.replies.question, mine="the examples", others=f"the {card.role}")

    def _check_labels(self) -> None:
        if not self.labelled and (self.teacher is None or self.teacher.replies is None):
            raise InputError(
                f"a report needs labelled examples, or a teacher to compare with: {self.examples.name} has no label",
                received="no answer of a teacher", hint="name labelled --examples, or put the teacher back",
            )  # fmt: skip
        if self.labelled and not bool(self.examples.known.all()):
            raise InputError(
                "a report needs labelled examples", received="some without a label", hint="try examples.labelled()"
            )

    @property
    def question(self) -> Question:
        """What was asked."""
        return self.examples.asked_question

    @property
    def labelled(self) -> bool:
        """Whether the examples have labels to judge by."""
        return bool(self.examples.known.any())

    @property
    def labels(self) -> Tensor:
        """As the question's codec keeps them; every example has one, in part at least, if the report is `labelled`."""
        return self.examples.labels_or_empty

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
