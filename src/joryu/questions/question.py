"""`Question`: what is asked about each example, of a teacher and of its student alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from joryu.errors import InputError, MismatchError
from joryu.questions.labels import NATURAL, LabelKind
from joryu.questions.link import Link

MAIN = "main"  #: the name of the outputs that answer the question
LOG_VARIANCE = "log_variance"  #: the name of the head that gives ``log σ²``, how far off each number may be

PICTURE = ("height", "width")
GRIDS: tuple[tuple[str, ...], ...] = ((), PICTURE)  #: the axes on which a question may repeat inside one example

_SHOWN = 6  #: names in a message

_WORDS = {Link.SOFTMAX: ("class", "classes"), Link.SIGMOID: ("tag", "tags"), Link.IDENTITY: ("number", "numbers")}

Name = TypeVar("Name", Link, LabelKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about each example: names of the outputs, their link, their grid and the kind of hard label.

    ``grid`` names the axes on which the question repeats inside one example: none, or ``("height", "width")`` where
    every pixel is asked about. Answers are ``[B, C]`` or ``[B, height, width, C]``: outputs are always the last axis.

    ``labels`` is the kind of hard label; ``None`` means the usual one of the link: `LabelKind.CLASS` for softmax,
    ``TAGS`` for sigmoid, ``NUMBERS`` for identity.

    >>> Question.one_of(["cat", "dog"])
    Question(names=('cat', 'dog'), link=<Link.SOFTMAX: 'softmax'>, grid=(), labels=<LabelKind.CLASS: 'class'>)
    >>> str(Question.tags(["red", "round"], grid=("height", "width")))
    '2 tags for each pixel: red, round'

    Raises:
        InputError: there is no output, a name comes twice, the link or grid is unknown, or the link does not take this
            kind of label.
    """

    names: tuple[str, ...]
    link: Link = Link.SOFTMAX
    grid: tuple[str, ...] = ()
    labels: LabelKind | None = None

    def __post_init__(self) -> None:
        # Plain strings and lists are welcome, as JSON has them.
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "grid", tuple(self.grid))
        object.__setattr__(self, "link", _member(Link, self.link, "link"))
        natural = NATURAL[self.link]
        kind = natural[0] if self.labels is None else _member(LabelKind, self.labels, "kind of label")
        object.__setattr__(self, "labels", kind)
        if not self.names:
            raise InputError("a question needs at least one output", received=0)
        if len(set(self.names)) < len(self.names):
            twice = next(name for at, name in enumerate(self.names) if name in self.names[:at])
            raise InputError("an output's name comes twice", received=repr(twice))
        if self.grid not in GRIDS:
            raise InputError("unknown grid", expected="none, or height and width", received=", ".join(self.grid))
        if kind not in natural:
            raise InputError(
                f"{self.link} outputs do not take labels of this kind", expected=" or ".join(natural), received=kind
            )

    @classmethod
    def one_of(cls, names: Sequence[str] | int, *, grid: tuple[str, ...] = ()) -> Self:
        """One of many classes: softmax. A number of classes names them ``"0"``, ``"1"`` and so on."""
        return cls(names=_names(names), link=Link.SOFTMAX, grid=grid)

    @classmethod
    def tags(cls, names: Sequence[str] | int, *, grid: tuple[str, ...] = ()) -> Self:
        """Any number of tags, each true or not: sigmoid. On a grid of pixels these are masks."""
        return cls(names=_names(names), link=Link.SIGMOID, grid=grid)

    @classmethod
    def numbers(cls, names: Sequence[str] | int, *, grid: tuple[str, ...] = ()) -> Self:
        """Numbers to estimate: the outputs as they are, by the identity link."""
        return cls(names=_names(names), link=Link.IDENTITY, grid=grid)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Make a question from what `to_json` gave.

        Raises:
            InputError: a field is missing, unknown or not usable.
        """
        try:
            names = content["names"]
            if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
                raise TypeError("names are a list of texts")
            "".join(names).encode()  # no half of a character, which JSON can hold and no file
            return cls(**content)
        except (TypeError, KeyError, UnicodeError) as error:
            raise InputError(
                "this describes no question", expected="names, link, grid, labels", received=error
            ) from error

    def to_json(self) -> dict[str, Any]:
        """The question as plain lists and strings, for JSON.

        >>> Question.numbers(["price"]).to_json()
        {'names': ['price'], 'link': 'identity', 'grid': [], 'labels': 'numbers'}
        """
        return {
            "names": list(self.names), "link": self.link.value, "grid": list(self.grid),
            "labels": None if self.labels is None else self.labels.value,
        }  # fmt: skip

    def __len__(self) -> int:
        return len(self.names)

    @property
    def nouns(self) -> tuple[str, str]:
        """What one output is called, and what several are called.

        >>> Question.tags(["red", "round"]).nouns
        ('tag', 'tags')
        """
        return _WORDS[self.link]

    @property
    def count(self) -> str:
        """How many outputs there are, in words.

        >>> Question.one_of(10).count, Question.numbers(["price"]).count
        ('10 classes', '1 number')
        """
        single, many = _WORDS[self.link]
        return f"{len(self)} {many if len(self) > 1 else single}"

    def __str__(self) -> str:
        count = self.count
        what = f"one of {count}" if self.link is Link.SOFTMAX else count
        names = ", ".join(self.names[:_SHOWN]) + (", …" if len(self) > _SHOWN else "")
        return f"{what}{' for each pixel' if self.grid else ''}: {names}"

    @property
    def answer(self) -> Question:
        """The same question with the usual kind of label: what teacher and student must agree on."""
        return replace(self, labels=None)

    def require(self, other: Question, *, mine: str, others: str) -> None:
        """Check that another question has the same outputs, in the same order, with the same link and grid.

        ``mine`` and ``others`` say in the message whose questions these are, such as "the teacher". Kinds of label may
        differ.

        Raises:
            MismatchError: the questions differ; the message names the first difference.
        """
        if (found := difference(self, other)) is not None:
            raise MismatchError(
                f"{mine} and {others} do not ask the same question", expected=found[0], received=found[1]
            )


def difference(one: Question, other: Question) -> tuple[str, str] | None:
    """The first difference between two questions, in words for each; ``None`` if at most kinds of label differ.

    >>> difference(Question.one_of(["cat", "dog"]), Question.one_of(["cat", "cow"]))
    ("class 1 to be 'dog'", "'cow'")
    """
    if one.link is not other.link:
        return f"{one.link} outputs", f"{other.link}"
    if one.grid != other.grid:
        return " × ".join(one.grid) or "one answer an example", " × ".join(other.grid) or "one answer an example"
    single, many = _WORDS[one.link]
    if len(one) != len(other):
        return f"{len(one)} {many}", f"{len(other)}"
    if one.names == other.names:  # asked of every batch of answers, of thousands of names perhaps
        return None
    at = next(i for i, pair in enumerate(zip(one.names, other.names, strict=True)) if pair[0] != pair[1])
    return f"{single} {at} to be {one.names[at]!r}", repr(other.names[at])


def _names(names: Sequence[str] | int) -> tuple[str, ...]:
    return tuple(map(str, range(names))) if isinstance(names, int) else tuple(names)


def _member(names: type[Name], name: str, what: str) -> Name:
    try:
        return names(name)
    except ValueError as error:
        raise InputError(f"unknown {what}", expected=", ".join(names), received=repr(name)) from error
