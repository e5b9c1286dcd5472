"""A table of which evaluator, which paired comparison and which default objective go with which question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from joryu.errors import InputError
from joryu.evaluation.classes import ClassLikeness, ClassTally, GradedTally
from joryu.evaluation.comparison import compare_correct
from joryu.evaluation.evaluator import Evaluated, Evaluator, LikenessTally, Scores, Tally
from joryu.evaluation.numbers import NumberLikeness, NumberTally
from joryu.evaluation.paired_scores import check_paired, compare_scores
from joryu.evaluation.pixels import PixelLikeness, PixelTally
from joryu.evaluation.tag_likeness import TagLikeness
from joryu.evaluation.tag_validation import BriefTagLikeness, BriefTagTally
from joryu.evaluation.tags import TagTally
from joryu.objectives import default_divergence
from joryu.objectives.parts import Units, checked_units
from joryu.questions import PICTURE, LabelKind, Link, Question

Gathers = TypeVar("Gathers", Tally, LikenessTally)


class Paired(Protocol):
    """A comparison of student and twin, example by example: of right and wrong answers, or of scores."""

    @property
    def n(self) -> int:
        """How many examples were compared."""
        ...

    @property
    def difference(self) -> float:
        """The mean improvement of the student over the twin, per example; negative if it is worse."""
        ...

    @property
    def difference_low(self) -> float:
        """The lower end of the confidence interval of `difference`."""
        ...

    @property
    def difference_high(self) -> float:
        """The upper end of the confidence interval of `difference`."""
        ...

    @property
    def confidence(self) -> float:
        """The level of the interval, such as 0.95."""
        ...

    @property
    def p_value(self) -> float:
        """The two-sided p-value of no difference."""
        ...

    @property
    def verdict(self) -> str:
        """Whether a difference is shown, and which of the two is better, in words."""
        ...


class QuestionDefaults(NamedTuple):
    """One row of the table: how students of a question are evaluated, compared and, unless told otherwise, taught."""

    tally: Callable[[Question, Units], Tally]  #: makes the evaluator's tally of labels
    likeness: Callable[[Question, Units], LikenessTally]  #: makes the tally of a teacher's answers
    compare: Callable[[Scores, Scores], Paired]  #: compares student and twin by their scores
    divergence: str  #: the name of the soft part's divergence in the default objective
    temperature: float  #: that of the default objective
    brief_tally: Callable[[Question, Units], Tally] | None = None  #: for validation, where ``tally`` is slow
    brief_likeness: Callable[[Question, Units], LikenessTally] | None = None  #: likewise


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
    _unitless(TagTally), _unitless(TagLikeness), compare_scores, default_divergence(Link.SIGMOID), 1.0,
    _unitless(BriefTagTally), _unitless(BriefTagLikeness),
)  # fmt: skip
_PIXELS = (_unitless(PixelTally), _unitless(PixelLikeness))
_NUMBERS = QuestionDefaults(NumberTally, NumberLikeness, compare_scores, default_divergence(Link.IDENTITY), 1.0)

DEFAULTS: dict[tuple[Link, tuple[str, ...], LabelKind], QuestionDefaults] = {
    (Link.SOFTMAX, (), LabelKind.CLASS): _CLASSES,
    (Link.SOFTMAX, (), LabelKind.DISTRIBUTION): _CLASSES._replace(tally=_unitless(GradedTally)),
    (Link.SOFTMAX, PICTURE, LabelKind.CLASS): _CLASSES._replace(
        tally=_PIXELS[0], likeness=_PIXELS[1], compare=compare_scores
    ),
    (Link.SIGMOID, (), LabelKind.TAGS): _TAGS,
    (Link.SIGMOID, PICTURE, LabelKind.TAGS): _TAGS._replace(
        tally=_PIXELS[0], likeness=_PIXELS[1], brief_tally=None, brief_likeness=None
    ),
    (Link.IDENTITY, (), LabelKind.NUMBERS): _NUMBERS,
    (Link.IDENTITY, PICTURE, LabelKind.NUMBERS): _NUMBERS,
}
"""The table, by link, grid and kind of label. A combination that is not in it is refused."""


def defaults_of(question: Question) -> QuestionDefaults:
    """The row of the table for a question.

    >>> defaults_of(Question.tags(["red", "round"])).divergence
    'cross-entropy'

    Raises:
        InputError: the table has no row for its link, grid and kind of label.
    """
    found = DEFAULTS.get((question.link, question.grid, question.labels or LabelKind.CLASS))
    if found is None:
        raise InputError(
            "students of this question cannot be evaluated yet", received=f"{question.labels} labels, {question}",
            hint="try the number of the likeliest class of each pixel as its label",
        )  # fmt: skip
    return found


def evaluator_for(question: Question, *, units: Sequence[float] = ()) -> Evaluator:
    """Make a new evaluator for models that answer this question: students, twins and teachers alike.

    For questions of numbers, ``units`` holds one divisor per number: errors are divided by it before those of several
    numbers are averaged. Take the standard deviations that the student learned by (`joryu.students.units_of`), the same
    for all models that are compared. Without units, the numbers with the largest values dominate the averages.

    >>> from torch import tensor
    >>> evaluator = evaluator_for(Question.numbers(["price"]))
    >>> evaluator.add({"main": tensor([[3.0], [5.0]])}, tensor([[3.0], [7.0]]))
    >>> [(measure.name, round(measure.value, 3)) for measure in evaluator.result().measures]
    [('RMSE', 1.414), ('MAE', 1.0), ('R²', 0.5)]

    Raises:
        InputError: as `defaults_of`; units are given for a question that does not ask for numbers, or not one for each.
    """
    row, found = defaults_of(question), _units_for(question, units)
    return Evaluator(question, row.tally(question, found), row.likeness(question, found))


def validator_for(question: Question, *, units: Sequence[float] = ()) -> Evaluator:
    """Make an evaluator for use after every epoch: its loss and its first measure are those of `evaluator_for`.

    Of tags it computes nothing else, because the rankings of 5,000 tags take longer than an epoch.

    Raises:
        InputError: as `evaluator_for`.
    """
    row, found = defaults_of(question), _units_for(question, units)
    tally, likeness = row.brief_tally or row.tally, row.brief_likeness or row.likeness
    return Evaluator(question, tally(question, found), likeness(question, found))


def _units_for(question: Question, units: Sequence[float]) -> Units:
    found = checked_units(units, question.link)
    if found and len(found) != len(question):
        raise InputError("is not usable", setting="units", expected=f"one for each of {question.count}", received=found)
    return found


def compare_evaluations(question: Question, student: Evaluated, twin: Evaluated) -> Paired:
    """Compare student and twin, paired example by example.

    Right and wrong answers are compared by `compare_correct` (McNemar's test, Tango's interval), any other score by
    `compare_scores` (sign-flip test, BCa interval).

    Raises:
        InputError, MismatchError: as `compare_correct` or `compare_scores`.
    """
    return defaults_of(question).compare(student.scores, twin.scores)
