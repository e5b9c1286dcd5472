"""The student's answer about one example, with a type for each kind of question: class, tags, numbers or masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import LOG_VARIANCE, MAIN, Link, Question
from joryu.serving.framing import Framing, laid_on

Mask = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
_MOST_EXPONENT: Final = 700.0


class Answer(Protocol):
    """What every answer has, whatever the question."""

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        """The answer as JSON-able values; of probabilities only the ``top`` highest, if given."""
        ...

    def cells(self, top: int | None = None) -> dict[str, str]:
        """The answer as a row of a table for people: column names to texts."""
        ...

    def masks(self) -> Mapping[str, Mask]:
        """Masks ``[height, width]`` of the picture's size, by what they show; empty unless pixels were asked about."""
        ...


class Ranked(Protocol):
    """What the answers to questions of classes and tags have besides."""

    def top(self, k: int | None = None) -> dict[str, float]:
        """The ``k`` most probable names (all if ``None``) with their probabilities, the highest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassAnswer:
    """The answer to a question of classes: ``probs [C]`` over ``names``.

    >>> answer = ClassAnswer(names=("cat", "dog"), probs=torch.tensor([0.25, 0.75]))
    >>> answer.best, answer.probability, answer.top(1)
    ('dog', 0.75, {'dog': 0.75})
    """

    names: tuple[str, ...]
    probs: Tensor

    @property
    def best(self) -> str:
        """The most probable class."""
        return next(iter(self.top(1)))

    @property
    def probability(self) -> float:
        """The probability of the most probable class."""
        return next(iter(self.top(1).values()))

    def top(self, k: int | None = None) -> dict[str, float]:
        """The ``k`` most probable classes (all if ``None``) with their probabilities, the highest first."""
        return _highest(self.names, self.probs, k)

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        return {"class": self.best, "probability": self.probability, "probabilities": self.top(top)}

    def cells(self, top: int | None = None) -> dict[str, str]:
        if top is None:
            return {"class": self.best, "probability": f"{self.probability:.4f}"}
        return {"classes": _listed(self.top(top))}

    def masks(self) -> Mapping[str, Mask]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagAnswer:
    """The answer to a question of tags: ``probs [C]``, one independent probability per tag.

    A tag holds if its probability is above ``threshold``.

    >>> answer = TagAnswer(names=("red", "round"), probs=torch.tensor([0.25, 0.75]), threshold=0.5)
    >>> answer.tags
    ('round',)
    """

    names: tuple[str, ...]
    probs: Tensor
    threshold: float

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags above the threshold, the most probable first."""
        return tuple(name for name, probability in self.top().items() if probability > self.threshold)

    def top(self, k: int | None = None) -> dict[str, float]:
        """The ``k`` most probable tags (all if ``None``) with their probabilities, the highest first."""
        return _highest(self.names, self.probs, k)

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        return {"tags": list(self.tags), "threshold": self.threshold, "probabilities": self.top(top)}

    def cells(self, top: int | None = None) -> dict[str, str]:
        shown = self.top(top)
        held = shown if top is not None else {name: shown[name] for name in self.tags}
        return {"tags": _listed(held) or f"none above {self.threshold:g}"}

    def masks(self) -> Mapping[str, Mask]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberAnswer:
    """The answer to a question of numbers: ``values [C]``, in the labels' units.

    ``std [C]`` are standard deviations, from a student that predicts a variance too; else ``None``.

    >>> NumberAnswer(names=("price",), values=torch.tensor([2.5])).numbers
    {'price': 2.5}
    """

    names: tuple[str, ...]
    values: Tensor
    std: Tensor | None = None

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers by name."""
        return dict(zip(self.names, self.values.tolist(), strict=True))

    @property
    def deviations(self) -> dict[str, float] | None:
        """The standard deviations by name; ``None`` if the student predicts no variance."""
        return None if self.std is None else dict(zip(self.names, self.std.tolist(), strict=True))

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        del top
        return {"numbers": self.numbers} | ({} if self.std is None else {"std": self.deviations})

    def cells(self, top: int | None = None) -> dict[str, str]:
        del top
        spread = self.deviations or {}
        return {
            name: f"{value:.6g}" + (f" ± {spread[name]:.3g}" if name in spread else "")
            for name, value in self.numbers.items()
        }

    def masks(self) -> Mapping[str, Mask]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagMasks:
    """Tags for each pixel: ``probs [height, width, C]`` at the student's own size.

    A tag's mask is 255 where its probability is above ``threshold``, else 0. It is 0 too where the student was not
    shown the picture (`joryu.serving.framing.laid_on`).
    """

    names: tuple[str, ...]
    probs: Tensor
    threshold: float
    seen: Framing | None = None

    @property
    def shares(self) -> dict[str, float]:
        """For each tag, the share of the pixels shown to the student that have it."""
        return dict(zip(self.names, (self.probs > self.threshold).float().mean((0, 1)).tolist(), strict=True))

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        del top
        return {**_extent(self.probs, self.seen), "threshold": self.threshold, "shares": self.shares}

    def cells(self, top: int | None = None) -> dict[str, str]:
        del top
        return {name: f"{share:.1%}" for name, share in self.shares.items()}

    def masks(self) -> Mapping[str, Mask]:
        def held(probs: Tensor) -> Tensor:
            return (probs[..., 0] > self.threshold).to(torch.uint8) * 255

        return {
            name: laid_on(self.probs[..., at : at + 1], self.seen, held, outside=0).numpy()
            for at, name in enumerate(self.names)
        }


CLASSES: Final = "classes"  #: the name of the one mask of a question of classes
UNSEEN, UNSEEN_OF_MANY = 255, 65535  #: pixels not shown to the student: "unknown", as `pairs:` reads masks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassMask:
    """A class for each pixel: ``probs [height, width, C]`` at the student's own size.

    The mask holds the number of the most probable class. Where the student was not shown the picture it holds 255, or
    65535 with more than 255 classes (`joryu.serving.framing.laid_on`).
    """

    names: tuple[str, ...]
    probs: Tensor
    seen: Framing | None = None

    @property
    def numbers(self) -> Tensor:
        """The number of the most probable class, int64 ``[height, width]``."""
        return self.probs.argmax(-1)

    @property
    def shares(self) -> dict[str, float]:
        """Each class's share of the pixels shown to the student, the largest first; absent classes are left out."""
        counts = torch.bincount(self.numbers.flatten(), minlength=len(self.names))
        found = _highest(self.names, counts / counts.sum())
        return {name: share for name, share in found.items() if share > 0}

    def to_json(self, top: int | None = None) -> dict[str, Any]:
        del top
        return {**_extent(self.probs, self.seen), "shares": self.shares}

    def cells(self, top: int | None = None) -> dict[str, str]:
        del top
        return {"classes": ", ".join(f"{name} {share:.1%}" for name, share in self.shares.items())}

    def masks(self) -> Mapping[str, Mask]:
        few = len(self.names) <= UNSEEN
        outside = UNSEEN if few else UNSEEN_OF_MANY
        numbers = laid_on(self.probs, self.seen, lambda probs: probs.argmax(-1).int(), outside=outside).numpy()
        return {CLASSES: numbers.astype(np.uint8) if few else numbers.astype(np.uint16)}


Saw = Sequence[Framing | None]  #: the part of each picture that was shown to the student; ``None`` for raw inputs
Make = Callable[[Question, Mapping[str, Tensor], float, Saw], list[Answer]]


def _classes(question: Question, outputs: Mapping[str, Tensor], threshold: float, seen: Saw) -> list[Answer]:
    del threshold, seen
    return [ClassAnswer(names=question.names, probs=row) for row in question.link.probs(outputs[MAIN])]


def _tags(question: Question, outputs: Mapping[str, Tensor], threshold: float, seen: Saw) -> list[Answer]:
    del seen
    probs = question.link.probs(outputs[MAIN])
    return [TagAnswer(names=question.names, probs=row, threshold=threshold) for row in probs]


def _numbers(question: Question, outputs: Mapping[str, Tensor], threshold: float, seen: Saw) -> list[Answer]:
    del threshold, seen
    values, spread = outputs[MAIN], outputs.get(LOG_VARIANCE)
    # As float64, and at most e^700: no number has room for what a student may say about a strange input.
    deviations = [None] * len(values) if spread is None else [*(spread.double() / 2).clamp_max(_MOST_EXPONENT).exp()]
    return [
        NumberAnswer(names=question.names, values=row, std=std) for row, std in zip(values, deviations, strict=True)
    ]


def _tag_masks(question: Question, outputs: Mapping[str, Tensor], threshold: float, seen: Saw) -> list[Answer]:
    probs = question.link.probs(outputs[MAIN])
    return [
        TagMasks(names=question.names, probs=row, threshold=threshold, seen=saw)
        for row, saw in zip(probs, seen, strict=True)
    ]


def _class_masks(question: Question, outputs: Mapping[str, Tensor], threshold: float, seen: Saw) -> list[Answer]:
    del threshold
    probs = question.link.probs(outputs[MAIN])
    return [ClassMask(names=question.names, probs=row, seen=saw) for row, saw in zip(probs, seen, strict=True)]


_MAKES: Final[Mapping[tuple[Link, bool], Make]] = {
    (Link.SOFTMAX, False): _classes,
    (Link.SIGMOID, False): _tags,
    (Link.IDENTITY, False): _numbers,
    (Link.SIGMOID, True): _tag_masks,
    (Link.SOFTMAX, True): _class_masks,
}
_RANKED: Final = {_classes, _tags}
_DECIDED: Final = {_tags, _tag_masks}


def answers_by(question: Question) -> Make:
    """The function that turns a batch of named outputs ``[B, (height, width,) C]`` into an answer for each example.

    Raises:
        InputError: predictions for this question are not implemented: numbers for each pixel.
    """
    make = _MAKES.get((question.link, bool(question.grid)))
    if make is None:
        raise InputError(
            "predictions of this question are not supported", expected="classes, tags, numbers or masks",
            received=str(question),
        )  # fmt: skip
    return make


def is_ranked(question: Question) -> bool:
    """Whether its answers have a probability for each name, so that there are most probable ones: classes and tags."""
    return _MAKES.get((question.link, bool(question.grid))) in _RANKED


def require_settings(question: Question, *, threshold: float | None = None, top: int | None = None) -> None:
    """Check that ``threshold`` and ``top`` are in range, and that they mean something for this question.

    >>> require_settings(Question.one_of(["cat", "dog"]), threshold=0.5)
    Traceback (most recent call last):
    joryu.errors.InputError: threshold means nothing here (expected a student of tags or masks; received one of 2 \
classes: cat, dog)

    Raises:
        InputError: one is out of range or has no meaning here.
    """
    make = answers_by(question)
    if top is not None and top < 1:
        raise InputError("is not usable", setting="top", expected="an integer >= 1", received=top)
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError("is not usable", setting="threshold", expected="0..1", received=threshold)
    if top is not None and make not in _RANKED:
        raise InputError(
            "means nothing here", setting="top", expected="a student of classes or tags", received=question
        )
    if threshold is not None and make not in _DECIDED:
        raise InputError(
            "means nothing here", setting="threshold", expected="a student of tags or masks", received=question
        )


def _highest(names: tuple[str, ...], probs: Tensor, k: int | None = None) -> dict[str, float]:
    order = probs.argsort(descending=True, stable=True)[:k]
    return {names[at]: probability for at, probability in zip(order.tolist(), probs[order].tolist(), strict=True)}


def _listed(probabilities: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {probability:.4f}" for name, probability in probabilities.items())


def _extent(probs: Tensor, seen: Framing | None) -> dict[str, Any]:
    """The size of the masks; for a picture also the box that was shown, as left, top, right and bottom."""
    if seen is None:
        return {"width": probs.shape[1], "height": probs.shape[0]}
    return {"width": seen.width, "height": seen.height, "seen": [round(edge, 2) for edge in seen.box]}
