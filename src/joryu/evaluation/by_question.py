"""The plain table: which evaluator, which paired comparison and which default objective go with which question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from joryu.errors import InputError
from joryu.evaluation.classes import ClassLikeness, ClassTally, GradedTally
from joryu.evaluation.comparison import compare_correct
from joryu.evaluation.evaluator import Evaluated, Evaluator, LikenessTally, Scores, Tally
from joryu.evaluation.measured import NumberLikeness, NumberTally
from joryu.evaluation.paired_scores import check_paired, compare_scores
from joryu.evaluation.pixels import PixelLikeness, PixelTally
from joryu.evaluation.tags import TagLikeness, TagTally
from joryu.objectives import default_divergence
from joryu.objectives.parts import Units, checked_units
from joryu.questions import PICTURE, LabelKind, Link, Question

Gathers = TypeVar("Gathers", Tally, LikenessTally)


class Paired(Protocol):
    """What every paired comparison has: of right and wrong answers, or of scores."""

    @property
    def n(self) -> int:
        """How many examples were compared."""
        ...

    @property
    def difference(self) -> float:
        """How much better the student is, per example; negative where it is worse."""
        ...

    @property
    def difference_low(self) -> float:
        """Lower end of the interval."""
        ...

    @property
    def difference_high(self) -> float:
        """Upper end of the interval."""
        ...

    @property
    def confidence(self) -> float:
        """The level of the interval."""
        ...

    @property
    def p_value(self) -> float:
        """Two-sided."""
        ...

    @property
    def verdict(self) -> str:
        """What the examples allow one to say."""
        ...


class QuestionDefaults(NamedTuple):
    """One row of the table."""

    tally: Callable[[Question, Units], Tally]  #: judges by labels
    likeness: Callable[[Question, Units], LikenessTally]  #: judges by the teacher's answers
    compare: Callable[[Scores, Scores], Paired]
    divergence: str  #: of the default objective's soft part
    temperature: float  #: of the default objective


def _compare_right(student: Scores, twin: Scores) -> Paired:
    check_paired(student, twin)
    return compare_correct(student.values.bool(), twin.values.bool())


def _unitless(tally: Callable[[Question], Gathers]) -> Callable[[Question, Units], Gathers]:
    """Probabilities have no unit: `evaluator_for` refuses any before it comes here."""
    return lambda question, _: tally(question)


_CLASSES = QuestionDefaults(
    _unitless(ClassTally), _unitless(ClassLikeness), _compare_right, default_divergence(Link.SOFTMAX), 4.0
)
_TAGS = QuestionDefaults(
    _unitless(TagTally), _unitless(TagLikeness), compare_scores, default_divergence(Link.SIGMOID), 1.0
)
_PIXELS = (_unitless(PixelTally), _unitless(PixelLikeness))
_NUMBERS = QuestionDefaults(NumberTally, NumberLikeness, compare_scores, default_divergence(Link.IDENTITY), 1.0)

JUDGING: dict[tuple[Link, tuple[str, ...], LabelKind], QuestionDefaults] = {
    (Link.SOFTMAX, (), LabelKind.CLASS): _CLASSES,
    (Link.SOFTMAX, (), LabelKind.DISTRIBUTION): _CLASSES._replace(tally=_unitless(GradedTally)),
    (Link.SOFTMAX, PICTURE, LabelKind.CLASS): _CLASSES._replace(
        tally=_PIXELS[0], likeness=_PIXELS[1], compare=compare_scores
    ),
    (Link.SIGMOID, (), LabelKind.TAGS): _TAGS,
    (Link.SIGMOID, PICTURE, LabelKind.TAGS): _TAGS._replace(tally=_PIXELS[0], likeness=_PIXELS[1]),
    (Link.IDENTITY, (), LabelKind.NUMBERS): _NUMBERS,
    (Link.IDENTITY, PICTURE, LabelKind.NUMBERS): _NUMBERS,
}
"""By link, grid and kind of label. What is not in it nobody carries."""


def defaults_of(question: Question) -> QuestionDefaults:
    """The row of the table that is this question's.

    >>> defaults_of(Question.tags(["red", "round"])).divergence
    'cross-entropy'

    Raises:
        InputError: a combination that nobody carries.
    """
    found = JUDGING.get((question.link, question.grid, question.labels or LabelKind.CLASS))
    if found is None:
        raise InputError(
            "students of this question cannot be evaluated yet", received=f"{question.labels} labels, {question}",
            hint="try the number of the likeliest class of each pixel as its label",
        )  # fmt: skip
    return found


def evaluator_for(question: Question, *, units: Sequence[float] = ()) -> Evaluator:
    """A fresh evaluator of students (and twins, and teachers) that answer this question.

    ``units``, one for each number asked, is what its errors are measured in before those of several are put together:
    the standard deviations that a student learned by (`joryu.students.units_of`). Without any, the numbers that are
    largest decide. All that are compared must be given the same.

    >>> from torch import tensor
    >>> evaluator = evaluator_for(Question.numbers(["price"]))
    >>> evaluator.add({"main": tensor([[3.0], [5.0]])}, tensor([[3.0], [7.0]]))
    >>> [(measure.name, round(measure.value, 3)) for measure in evaluator.result().measures]
    [('RMSE', 1.414), ('MAE', 1.0), ('R²', 0.5)]

    Raises:
        InputError: as `defaults_of`; units of what is no number, or not one for each.
    """
    row, found = defaults_of(question), checked_units(units, question.link)
    if found and len(found) != len(question):
        raise InputError("is not usable", setting="units", expected=f"one for each of {question.count}", received=found)
    return Evaluator(question, row.tally(question, found), row.likeness(question, found))


def compare_evaluations(question: Question, student: Evaluated, twin: Evaluated) -> Paired:
    """Student against twin, paired example by example: right and wrong answers by McNemar's test and Tango's interval,
    other scores by `joryu.evaluation.compare_scores`.

    Raises:
        InputError, MismatchError: as `compare_correct` or `compare_scores`.
    """
    return defaults_of(question).compare(student.scores, twin.scores)
