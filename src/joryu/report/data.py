"""The data of a report: the evaluated examples and one card per model."""

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
    """Which model a card describes. Tables have their columns in this order."""

    TEACHER = "teacher"
    STUDENT = "student"
    TWIN = "twin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One model of a run.

    ``replies``: its answers about the report's examples; ``None`` for a teacher that cannot be asked about them.
    ``history``: the lines of ``metrics.jsonl`` (``epoch``, ``validation_loss``, …), if there are any.
    ``parameters``, ``bytes`` and ``latency``: the cost of the model; ``None`` where it means nothing, as for a paid
    API, or is not counted, as the weights that another runtime holds (``onnx:``, ``sklearn:``, …). ``best_epoch``: the
    epoch of the history whose weights were kept; ``None`` means the last.
    ``steps_per_epoch``: optimiser steps per epoch, if known. ``learning``: how many parameters learned, where some were
    frozen.
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
    learning: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """All data of a report page; `joryu.report.write_report` makes the page.

    ``examples``: those evaluated, in the row order of every card's replies. Either all of them have a label, or none
    has; then student and teacher are compared with each other. ``temperature``: the run's. ``audit``: the audit of
    the store as JSON; the page shows its ``findings`` (a list of sentences) first and the rest as a table.
    ``provenance``: shown as a table, nested mappings flattened. ``rejected``: files that were left out. ``lesson``:
    a sentence about what was trained and evaluated. ``warnings``: sentences shown above all numbers. ``units``: for
    questions about numbers, the unit of each output's error, as `joryu.evaluation.evaluator_for` takes them.

    >>> import torch
    >>> from joryu.evaluation import KeptReplies
    >>> replies = KeptReplies.of(Question.one_of(["a", "b"]), {"main": torch.eye(2)})
    >>> card = ModelCard(role=Role.STUDENT, description="mlp:2x1", replies=replies)
    >>> examples = Examples.of(torch.zeros(2, 3), torch.tensor([0, 1]), classes=["a", "b"])
    >>> ReportData(name="demo", command="joryu distill", examples=examples, models=[card]).twin is None
    True

    Raises:
        InputError: there is no student, two models have one role, student or twin has no replies, or some examples
            have no label. Or none has a label and there is no teacher's answer.
        MismatchError: the replies do not fit the examples or their question.
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
        """The question that the examples ask."""
        return self.examples.asked_question

    @property
    def labelled(self) -> bool:
        """Whether the examples have labels to evaluate by."""
        return bool(self.examples.known.any())

    @property
    def labels(self) -> Tensor:
        """The labels as the question's codec keeps them; if the report is `labelled`, each is at least partly known."""
        return self.examples.labels_or_empty

    @property
    def cards(self) -> dict[Role, ModelCard]:
        """The cards by role, in the order teacher, student, twin."""
        found = {card.role: card for card in self.models}
        return {role: found[role] for role in Role if role in found}

    @property
    def student(self) -> ModelCard:
        """The student's card."""
        return self.cards[Role.STUDENT]

    @property
    def teacher(self) -> ModelCard | None:
        """The teacher's card, or ``None``."""
        return self.cards.get(Role.TEACHER)

    @property
    def twin(self) -> ModelCard | None:
        """The card of the twin (the same student trained on hard labels alone), or ``None``."""
        return self.cards.get(Role.TWIN)
