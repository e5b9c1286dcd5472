"""`Trials`: answers as columns of numbers, for statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from joryu.annotations.answer import FASTEST_MS, Answer
from joryu.annotations.settings import Settings
from joryu.annotations.spread import Floats, Ints, centred_within, group_medians, standard_scores, winsorised
from joryu.errors import InputError

__all__ = ["NONE", "Floats", "Ints", "Trials", "shuffle_within"]

NONE = -1  #: the class number of a missing second choice

STEADIEST = 0.15
"""The least standard deviation of a person's log response times: a time varies by 15 % or more.

That it grows in proportion to the time, as the logarithm takes it, is in Wagenmakers & Brown (2007). Of 248 people with
24 to 50 answers each (CIFAR-10S, practice removed) the steadiest has 0.14, one in twenty less than 0.20, half 0.36."""

RESOLUTION = {"attention": 5.0, "meditation": 5.0, "heart_rate": 1.0}
"""The least standard deviation of a signal within a session, in its own unit: a quarter of the bands of 20 points in
which the maker of the headset reads its two numbers; the one beat per minute that straps report."""

FINEST = 1e-3  #: the resolution assumed for any other signal, relative to its usual size


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Answers as columns, one row per answer with a choice (skips are left out). Unmeasured numbers are NaN, never 0.

    ``choice`` and ``second`` (-1: none) are indices into ``classes``; ``picture``, ``annotator`` and ``session`` are
    indices into the tuples of their plural names. ``severity`` and ``confidence`` are in (0, 1]
    (`Settings.severity_share`). ``log_rt`` is the natural logarithm of the visible response time in ms; times below
    `FASTEST_MS`, in which nobody can see a picture, count as not measured. ``position`` counts an annotator's answers
    from 0. ``given_hesitation``, if set, replaces the result of `hesitation`, for a shuffled control.
    """

    classes: tuple[str, ...]
    pictures: tuple[str, ...]
    annotators: tuple[str, ...]
    sessions: tuple[str, ...]
    picture: Ints
    annotator: Ints
    session: Ints
    choice: Ints
    second: Ints
    position: Ints
    severity: Floats
    confidence: Floats
    log_rt: Floats
    n_changes: Floats
    signals: dict[str, Floats]
    given_hesitation: Floats | None = None

    @classmethod
    def of(cls, answers: Sequence[Answer], settings: Settings) -> Trials:
        """The answers of a project as columns, in their order.

        >>> answer = Answer(picture="p", annotator="a", session="s", choice="healthy", signals={"attention": 50.0})
        >>> trials = Trials.of([answer], Settings(classes=("healthy", "black spot")))
        >>> trials.choice, trials.log_rt, trials.signals
        (array([0]), array([nan]), {'attention': array([50.])})

        Raises:
            InputError: no answer has a choice.
        """
        chosen = [answer for answer in answers if answer.choice is not None]
        if not chosen:
            raise InputError(
                "nobody has answered yet", expected="at least one answer", received=f"{len(answers)} skips"
            )
        number = {name: at for at, name in enumerate(settings.classes)}
        pictures, picture = _numbered([one.picture for one in chosen])
        annotators, annotator = _numbered([one.annotator for one in chosen])
        sessions, session = _numbered([one.session for one in chosen])
        names = sorted({name for one in chosen for name in one.signals})
        return cls(
            classes=settings.classes,
            pictures=pictures,
            annotators=annotators,
            sessions=sessions,
            picture=picture,
            annotator=annotator,
            session=session,
            choice=np.array([number[str(one.choice)] for one in chosen]),
            second=np.array([NONE if one.second is None else number[one.second] for one in chosen]),
            position=_positions(annotator),
            severity=_column([None if (s := one.severity) is None else settings.severity_share(s) for one in chosen]),
            confidence=_column(
                [None if (c := one.confidence) is None else settings.confidence_share(c) for one in chosen]
            ),
            log_rt=_column([_log_visible(one) for one in chosen]),
            n_changes=_column([one.timing.n_changes for one in chosen]),
            signals={name: _column([one.signals.get(name) for one in chosen]) for name in names},
        )

    def __len__(self) -> int:
        return len(self.choice)

    def select(self, rows: npt.NDArray[Any]) -> Trials:
        """Some of the rows; the indices keep their meaning."""
        kept = {
            field.name: getattr(self, field.name)[rows]
            for field in fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return replace(self, **kept, signals={name: column[rows] for name, column in self.signals.items()})

    def hesitation(self) -> Floats:
        """How slow each answer was for its annotator: standardised log response time without the effect of practice.

        Practice follows a power law (Newell & Rosenbloom 1981): ``log rt = a_annotator + b · log(1 + position)``, with
        one ``b`` for all, fitted by least squares to winsorised times (`joryu.annotations.spread`), so that an answer
        of three hours has little influence. The residuals are winsorised and divided by the annotator's own standard
        deviation, or by `STEADIEST` if that is larger. NaN where the time is not known.
        """
        if self.given_hesitation is not None:
            return self.given_hesitation
        bounded = centred_within(winsorised(self.log_rt, self.annotator, STEADIEST), self.annotator)
        known = ~np.isnan(self.log_rt)
        practice = np.where(known, np.log1p(self.position.astype(np.float64)), np.nan)
        practice = centred_within(practice, self.annotator)
        spread = float((practice[known] ** 2).sum())
        slope = float((practice[known] * bounded[known]).sum()) / spread if spread else 0.0
        return standard_scores(self.log_rt - slope * np.nan_to_num(practice), self.annotator, STEADIEST)

    def standardised(self, signal: str) -> Floats:
        """A signal's standard scores within each session; NaN where it was not measured.

        The standard deviation is at least the signal's `RESOLUTION`, so that noise is not inflated to the full range.
        """
        column = self.signals.get(signal)
        if column is None:
            return np.full(len(self), np.nan)
        least = RESOLUTION.get(signal, FINEST * np.abs(group_medians(column, self.session)))
        return standard_scores(column, self.session, np.fmax(least, np.finfo(np.float64).tiny))


def shuffle_within(groups: Ints, generator: np.random.Generator) -> Ints:
    """A random permutation of the rows that keeps every row within its group.

    >>> order = shuffle_within(np.array([0, 1, 0, 1]), np.random.default_rng(0))
    >>> sorted(order[[0, 2]].tolist()), sorted(order[[1, 3]].tolist())
    ([0, 2], [1, 3])
    """
    order: Ints = np.empty(len(groups), dtype=np.int64)
    order[np.argsort(groups, kind="stable")] = np.lexsort((generator.random(len(groups)), groups))
    return order


def _numbered(names: list[str]) -> tuple[tuple[str, ...], Ints]:
    """The distinct names in order of appearance, and the index of each name."""
    distinct = tuple(dict.fromkeys(names))
    number = {name: at for at, name in enumerate(distinct)}
    return distinct, np.array([number[name] for name in names])


def _positions(groups: Ints) -> Ints:
    seen: dict[int, int] = {}
    found = np.empty(len(groups), dtype=np.int64)
    for row, group in enumerate(groups.tolist()):
        found[row] = seen.get(group, 0)
        seen[group] = int(found[row]) + 1
    return found


def _column(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values])


def _log_visible(answer: Answer) -> float | None:
    visible = answer.timing.visible_ms
    return None if visible is None or visible < FASTEST_MS else float(np.log(visible))
