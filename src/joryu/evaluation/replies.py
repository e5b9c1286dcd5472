"""The answers of a model to examples, a few rows at a time: asked for anew, or held in memory if they are small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Protocol, Self, final

import torch
from torch import Tensor, nn

from joryu.evaluation.answers import outputs_like
from joryu.evaluation.predictions import device_of, evaluating
from joryu.examples import Examples
from joryu.examples.inputs import rows_ahead
from joryu.objectives import LOG_VARIANCE, MAIN, Outputs
from joryu.questions import Question
from joryu.students.micro_batches import answers_of
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.teachers.teacher import Teacher, TeacherBatch

BATCH = 512  #: the most examples asked about at a time
BATCH_PIXELS = 1_000_000  #: the most pixels, if each of them is asked about


class ModelAnswers(NamedTuple):
    """The same answers in two forms, on the CPU: as a student's outputs by name, and as a teacher's soft targets."""

    outputs: Outputs
    soft_targets: SoftTargets

    @classmethod
    def of_outputs(cls, question: Question, outputs: Outputs) -> Self:
        """Make both forms from named outputs ``[B, (height, width,) C]`` at T = 1.

        Raises:
            InputError: the outputs do not have the axes of the question.
        """
        space = Space.LOGITS if question.link.has_probs else Space.NUMBERS
        variance = outputs[LOG_VARIANCE].exp() if LOG_VARIANCE in outputs else None
        return cls(outputs, SoftTargets(values=outputs[MAIN], space=space, question=question, variance=variance))

    def select(self, rows: Tensor) -> ModelAnswers:
        """The answers in these rows: numbers or bool ``[B]``."""
        return ModelAnswers({name: part[rows] for name, part in self.outputs.items()}, self.soft_targets.select(rows))


class Replies(Protocol):
    """The answers of one model to one set of examples."""

    @property
    def question(self) -> Question:
        """The question that the model answers."""
        ...

    @property
    def n(self) -> int:
        """How many examples there are."""
        ...

    def about(self, rows: Tensor) -> ModelAnswers:
        """The answers about the examples in these rows, int64 ``[B]``."""
        ...


@final
@dataclass(frozen=True)
class StudentReplies:
    """The answers of a student or its twin, which is shown the examples at every call."""

    student: nn.Sequential
    examples: Examples
    question: Question

    @property
    def n(self) -> int:
        """How many examples there are."""
        return len(self.examples)

    def about(self, rows: Tensor) -> ModelAnswers:
        """The student's outputs about these rows, float32."""
        with evaluating(self.student):
            found = answers_of(self.student, self.examples.inputs[rows].to(device_of(self.student)))
            outputs = {name: part.float().cpu() for name, part in found.items()}
        return ModelAnswers.of_outputs(self.question, {name: part.clone() for name, part in outputs.items()})


@final
@dataclass(frozen=True)
class TeacherReplies:
    """The answers of a teacher, which is asked at every call."""

    teacher: Teacher
    examples: Examples

    @property
    def question(self) -> Question:
        """The teacher's question."""
        return self.teacher.question

    @property
    def n(self) -> int:
        """How many examples there are."""
        return len(self.examples)

    def about(self, rows: Tensor) -> ModelAnswers:
        """The teacher's soft targets about these rows, and the outputs of a student that gives the same answers."""
        answers = self.teacher.answer(TeacherBatch.of(self.examples, rows)).whole(len(rows))
        return ModelAnswers(outputs_like(answers), answers)


@final
@dataclass(frozen=True)
class KeptReplies:
    """Answers that are held in memory.

    >>> question = Question.one_of(["cat", "dog"])
    >>> replies = KeptReplies.of(question, {"main": torch.tensor([[2.0, 0.0], [0.0, 1.0]])})
    >>> replies.about(torch.tensor([1])).outputs["main"]
    tensor([[0., 1.]])
    """

    question: Question
    reply: ModelAnswers

    @classmethod
    def of(cls, question: Question, outputs: Outputs) -> Self:
        """Keep named outputs ``[n, (height, width,) C]`` about all examples.

        Raises:
            InputError: the outputs do not have the axes of the question.
        """
        return cls(question, ModelAnswers.of_outputs(question, outputs))

    @classmethod
    def from_targets(cls, answers: SoftTargets) -> Self:
        """Keep soft targets about all examples."""
        return cls(answers.question, ModelAnswers(outputs_like(answers), answers))

    @property
    def n(self) -> int:
        """How many examples there are."""
        return len(self.reply.soft_targets)

    def about(self, rows: Tensor) -> ModelAnswers:
        """The answers about the examples in these rows, int64 ``[B]``."""
        return self.reply.select(rows)


def kept_where_small(replies: Replies, examples: Examples) -> Replies:
    """The same answers, held in memory; those about every pixel are too large, and are asked for whenever needed."""
    if replies.question.grid:
        return replies
    whole: ModelAnswers | None = None
    for rows in rows_ahead(examples.inputs, batches_of(examples, replies.question)):
        part = replies.about(rows)
        whole = _room_for(part, len(examples)) if whole is None else whole
        _put(part, rows, whole)
    return replies if whole is None else KeptReplies(replies.question, whole)


def _room_for(part: ModelAnswers, n: int) -> ModelAnswers:
    """Room for the answers about ``n`` examples, to be filled in later; ``part`` holds those about a first batch.

    The memory is taken at once. Answers that are kept batch by batch lie between the large blocks that a network takes
    and frees, so that no freed block can be reused: evaluating 20,000 pictures took 900 MB more.
    """
    room: dict[str, Any] = {name: _repeated(one, n) for name, one in _tensors(part.soft_targets).items()}
    outputs = {name: _repeated(one, n) for name, one in part.outputs.items()}
    return ModelAnswers(outputs, replace(part.soft_targets, **room))


def _repeated(part: Tensor, n: int) -> Tensor:
    """The first row ``n`` times: soft targets check their values, so these must be answers."""
    return part[:1].expand(n, *part.shape[1:]).clone()


def _put(part: ModelAnswers, rows: Tensor, whole: ModelAnswers) -> None:
    for name, one in part.outputs.items():
        whole.outputs[name][rows] = one
    kept = _tensors(whole.soft_targets)
    for name, one in _tensors(part.soft_targets).items():
        kept[name][rows] = one


def _tensors(targets: SoftTargets) -> dict[str, Tensor]:
    """The fields of soft targets that have a row for each example."""
    found = {field.name: getattr(targets, field.name) for field in fields(targets)}
    return {name: one for name, one in found.items() if isinstance(one, Tensor)}


def batches_of(examples: Examples, question: Question) -> Iterator[Tensor]:
    """The rows of all examples in batches, int64 ``[B]``, of at most `BATCH` examples and `BATCH_PIXELS` pixels."""
    pixels = examples.inputs.shape[-2:].numel() if question.grid else 1
    size = max(1, min(BATCH, BATCH_PIXELS // pixels))
    for start in range(0, len(examples), size):
        yield torch.arange(start, min(start + size, len(examples)))
