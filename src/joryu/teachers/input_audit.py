"""`audit_inputs`: what a teacher is really shown, in numbers and in pictures, and what it answers; nothing is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.examples import UNLABELLED
from joryu.examples.inputs import take
from joryu.questions import LabelKind, Link
from joryu.targets.soft_targets import SoftTargets
from joryu.teachers.ensemble import Ensemble
from joryu.teachers.estimator import Estimator
from joryu.teachers.input_doubts import Guesses, doubts_about, rightness
from joryu.teachers.network import Network
from joryu.teachers.network_inputs import NetworkInputs, network_inputs
from joryu.teachers.teacher import Teacher, TeacherBatch

PICTURES: Final = 8  #: examples that are shown
SAMPLE: Final = 256  #: examples that numbers are measured on
BATCH: Final = 32
TOP: Final = 3  #: answers named of each example
_KEPT: Final = 1024  #: values kept of each channel of one example, for shares and histograms


class Channel(NamedTuple):
    """The values of one channel (or column) over the sample, as the teacher takes them."""

    name: str
    least: float
    mean: float
    most: float
    std: float


class Said(NamedTuple):
    """What a teacher answers about one example: the first few names, each with its number."""

    answers: tuple[tuple[str, float], ...]
    label: str | None  #: what the example is labelled, where that is known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputAudit:
    """What one teacher is shown of a set.

    ``rows`` are the examples shown. ``taken`` holds them as the teacher takes them, ``values`` a few of all values of
    the sample, float32 ``[channels, n]``. ``accuracy`` is that of the sample, where labels are known by name;
    ``doubts`` says in words what looks wrong.
    """

    name: str
    taken: NetworkInputs
    channels: tuple[Channel, ...]
    values: Tensor
    rows: tuple[int, ...]
    said: tuple[Said, ...]
    sampled: int
    link: Link
    of_pixels: bool
    accuracy: float | None
    labelled: int
    doubts: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, as plain JSON."""
        said = self.taken.said
        return {
            "teacher": self.name, "shown": said.words, "shape": list(self.taken.shape), "kind": self.taken.kind,
            "layout": said.layout if self.taken.values.ndim == 4 else None, "sampled": self.sampled,
            "colours": said.colours if self.taken.values.ndim == 4 else None,
            "channels": [one._asdict() for one in self.channels],
            "examples": [
                {"row": row, "label": one.label, "answers": dict(one.answers)}
                for row, one in zip(self.rows, self.said, strict=True)
            ],
            "accuracy": self.accuracy, "labelled": self.labelled, "warnings": list(self.doubts),
        }  # fmt: skip


def audit_inputs(
    teacher: Teacher, examples: Examples, name: str, *, loaded: Examples | None = None, pictures: int = PICTURES
) -> list[InputAudit]:
    """What a teacher is shown of ``examples``, and what it answers; of an ensemble for each member.

    A sample of `SAMPLE` examples, evenly spread, is asked about at most twice: where labels of classes are known,
    colour pictures also with red and blue exchanged. ``loaded`` are the examples as they were before the teacher was
    found, whose labels its answers are compared with by name; ``pictures`` is how many are shown.

    >>> digits = Examples.of(torch.tensor([[0.0, 2.0], [4.0, 0.0]]), torch.tensor([1, 0]), classes=["a", "b"])
    >>> (seen,) = audit_inputs(Network(torch.nn.Flatten(), ["a", "b"]), digits, "flat")
    >>> seen.taken.said.words, seen.accuracy
    ("float32 [B, 2], values 0 to 4: to scale them is the module's own affair", 1.0)

    Raises:
        InputError: the teacher is no network, so nothing stands between it and the examples.
    """
    look = _SEEING.get(type(teacher))
    if look is None:
        raise InputError(
            f"{name} is given no numbers that could be looked at", expected="a network or an ensemble of networks",
            hint="people, programs and ledgers have the files themselves; joryu audit TARGETS looks at their answers",
        )  # fmt: skip
    return look(teacher, examples, name, loaded or examples, pictures)


def _audit_members(teacher: Any, examples: Examples, name: str, loaded: Examples, pictures: int) -> list[InputAudit]:
    del name
    return [
        one
        for own_name, member, shown in teacher.each(examples)
        for one in audit_inputs(member, shown, own_name, loaded=loaded, pictures=pictures)
    ]


def _audit_network(teacher: Any, examples: Examples, name: str, loaded: Examples, pictures: int) -> list[InputAudit]:
    rows = spread(len(examples), SAMPLE)
    shown = rows[spread(len(rows), pictures)]
    labels = _labels(loaded, examples)
    moments, kept = _Moments(), list[Tensor]()
    guesses = _Guesses(teacher, labels)
    for part in torch.split(rows, BATCH):
        inputs = take(examples.inputs, part)
        taken = network_inputs(teacher.module, inputs)
        moments.add(taken.values)
        kept.append(_some(taken.values))
        guesses.hear(examples, part, inputs)
    whole = network_inputs(teacher.module, take(examples.inputs, shown))
    values = torch.cat(kept, dim=1)
    said = _said(_answers(teacher, examples, shown, None), [labels[row] for row in shown.tolist()])
    found = guesses.found()
    accuracy, labelled = rightness(found)
    doubts = doubts_about(whole, values, _contrast(loaded, rows), found)
    if any(not math.isfinite(number) for one in said for _, number in one.answers):
        doubts = ("some answers are not finite: labelling would fail there, and nothing could be learned", *doubts)
    return [
        InputAudit(
            name=name, taken=whole, channels=moments.channels(_channel_names(whole, examples)), values=values,
            rows=tuple(shown.tolist()), said=said, sampled=len(rows), link=teacher.question.link,
            of_pixels=bool(teacher.question.grid), accuracy=accuracy, labelled=labelled,
            doubts=doubts,
        )
    ]  # fmt: skip


def _audit_estimator(teacher: Any, examples: Examples, name: str, loaded: Examples, pictures: int) -> list[InputAudit]:
    return _audit_network(teacher.network, examples, name, loaded, pictures)


_SEEING: Final[Mapping[type, Callable[[Any, Examples, str, Examples, int], list[InputAudit]]]] = {
    Network: _audit_network,
    Ensemble: _audit_members,
    Estimator: _audit_estimator,
}


def spread(n: int, most: int) -> Tensor:
    """At most ``most`` of ``n`` rows, evenly spread.

    >>> spread(10, 3), spread(2, 3)
    (tensor([1, 5, 8]), tensor([0, 1]))
    """
    if n <= most:
        return torch.arange(n)
    return ((torch.arange(most).double() + 0.5) * n / most).long()


def _labels(loaded: Examples, examples: Examples) -> list[str | None]:
    """The name of each example's class, where it is known."""
    question = loaded.question
    if loaded.labels is None or question is None or question.labels is not LabelKind.CLASS or question.grid:
        return [None] * len(examples)
    known = {
        words.tobytes(): question.names[at]
        for words, at in zip(loaded.ids, loaded.labels.tolist(), strict=True)
        if at != UNLABELLED
    }
    return [known.get(words.tobytes()) for words in examples.ids]


def _contrast(loaded: Examples, rows: Tensor) -> float | None:
    """The mean standard deviation of pixels within the pictures themselves; ``None`` of what is no picture."""
    if loaded.inputs.dtype != torch.uint8 or loaded.inputs.ndim != 4:
        return None
    some = take(loaded.inputs, rows[rows < len(loaded)][:BATCH]).float().flatten(1)
    return float(some.std(1).mean())


def _channel_names(taken: NetworkInputs, examples: Examples) -> tuple[str, ...]:
    if taken.values.ndim == 4:
        names = {"RGB": ("red", "green", "blue"), "BGR": ("blue", "green", "red")}
        return names.get(taken.said.colours, ("grey",)) if taken.values.shape[1] in (1, 3) else ()
    prepared = examples.preparation
    if taken.said.columns:
        return taken.said.columns
    return prepared.inputs if prepared is not None and prepared.kind == "table" else ()


def _some(values: Tensor) -> Tensor:
    """``[channels, n]`` of a batch: of each example and channel a few values, evenly spread."""
    flat = values.reshape(len(values), values.shape[1] if values.ndim > 1 else 1, -1)
    return flat[:, :, spread(flat.shape[2], _KEPT)].movedim(1, 0).flatten(1)


class _Moments:
    """Least, mean, most and standard deviation of each channel, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, ...]] = []

    def add(self, values: Tensor) -> None:
        flat = values.reshape(len(values), values.shape[1], -1).movedim(1, 0).flatten(1).double()
        known = ~flat.isnan()  # in a table NaN is what is missing
        there = flat.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf)
        least, most = flat.nan_to_num(nan=torch.inf).amin(1), flat.nan_to_num(nan=-torch.inf).amax(1)
        self._parts.append((known.sum(1).double(), there.sum(1), there.square().sum(1), least, most))

    def channels(self, names: Sequence[str]) -> tuple[Channel, ...]:
        n, total, squares, least, most = (torch.stack(one) for one in zip(*self._parts, strict=True))
        mean = total.sum(0) / n.sum(0)
        std = (squares.sum(0) / n.sum(0) - mean.square()).clamp_min(0).sqrt()
        columns = (least.amin(0), mean, most.amax(0), std)
        named = names or [str(at) for at in range(len(mean))]
        return tuple(
            Channel(name, *numbers) for name, *numbers in zip(named, *(one.tolist() for one in columns), strict=True)
        )


class _Guesses:
    """Which class the teacher names of each labelled example, as it is and with red and blue exchanged."""

    def __init__(self, teacher: Any, labels: Sequence[str | None]) -> None:
        question = teacher.question
        self._classes = question.link is Link.SOFTMAX and not question.grid
        self._at = {name: at for at, name in enumerate(question.names)}
        self._teacher, self._labels = teacher, labels
        self._right: list[int] = []
        self._named: list[Tensor] = []
        self._exchanged: list[Tensor] = []

    def hear(self, examples: Examples, rows: Tensor, inputs: Tensor) -> None:
        known = [(at, self._at.get(self._labels[row] or "", -1)) for at, row in enumerate(rows.tolist())]
        kept = [(at, label) for at, label in known if label >= 0]
        if not self._classes or not kept:
            return
        places, right = (torch.tensor(column) for column in zip(*kept, strict=True))
        said = _answers(self._teacher, examples, rows[places], inputs[places]).values
        content = said.isfinite().all(1)  # what is no number names no class
        self._right += right[content].tolist()
        self._named.append(said[content].argmax(1))
        places = places[content]
        chosen = inputs[places]
        if len(chosen) and chosen.ndim == 4 and chosen.shape[1] == 3:
            self._exchanged.append(_answers(self._teacher, examples, rows[places], chosen.flip(1)).values.argmax(1))

    def found(self) -> Guesses | None:
        if not self._right:
            return None
        exchanged = torch.cat(self._exchanged) if self._exchanged else None
        return Guesses(torch.tensor(self._right), torch.cat(self._named), exchanged)


def _answers(teacher: Any, examples: Examples, rows: Tensor, inputs: Tensor | None) -> SoftTargets:
    found: SoftTargets = teacher.answer(TeacherBatch.of(examples, rows, inputs=inputs)).whole(len(rows))
    return found


def _said(answers: SoftTargets, labels: Sequence[str | None]) -> tuple[Said, ...]:
    """The likeliest names of each example; of pixels the mean over them, of numbers the first few."""
    question = answers.question
    numbers = answers.probs() if question.link.has_probs else answers.numbers()
    numbers = numbers.flatten(1, -2).mean(1) if question.grid else numbers
    content = []
    for row, label in zip(np.asarray(numbers), labels, strict=True):
        first = np.argsort(-row, kind="stable")[:TOP] if question.link.has_probs else np.arange(len(row))[:TOP]
        content.append(Said(tuple((question.names[at], float(row[at])) for at in first.tolist()), label))
    return tuple(content)
