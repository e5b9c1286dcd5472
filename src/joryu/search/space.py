"""`SearchSpace`: what a sweep searches, each setting a range or choices, read from ``temperature=1..20:log``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from joryu.errors import InputError, did_you_mean

HOLE = "{width}"  #: where the width stands in the spec of a student
DIGITS = 4  #: significant digits of what is tried, so that a value can be typed again and means the same
EDGE = 0.05  #: the share of a range, at each end, in which the best point asks for a wider one
GRAMMAR = "NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A,B,C"


class Setting(NamedTuple):
    """What can be searched: the smallest and largest value that means anything, and whether it is a whole number."""

    low: float
    high: float
    whole: bool = False
    low_is_usable: bool = True  #: whether ``low`` itself may be tried

    def usable(self, value: float) -> bool:
        """Whether the setting can have this value."""
        above = value >= self.low if self.low_is_usable else value > self.low
        return above and value <= self.high and (float(value).is_integer() or not self.whole)

    def __str__(self) -> str:
        kind = "whole numbers" if self.whole else "numbers"
        below = "" if math.isinf(self.high) else f", at most {self.high:g}"
        return f"{kind} {'from' if self.low_is_usable else 'above'} {self.low:g}{below}"


#: to search another setting: one row here, and where it goes in `joryu.search.setup.SweepSetup.applied`
SETTINGS: Mapping[str, Setting] = {
    "temperature": Setting(0.0, math.inf, low_is_usable=False),
    "hard_weight": Setting(0.0, 1.0),
    "learning_rate": Setting(0.0, math.inf, low_is_usable=False),
    "width": Setting(1, 999_999, whole=True),
}

End = Literal["low", "high"]
"""Which end of a range."""

Values = Mapping[str, float]
"""One point: the value of each setting that is searched."""


def spoken(name: str) -> str:
    """A setting as people say it.

    >>> spoken("hard_weight")
    'hard weight'
    """
    return name.replace("_", " ")


def typed(name: str) -> str:
    """A setting as it is typed behind ``--search``.

    >>> typed("hard_weight")
    'hard-weight'
    """
    return name.replace("_", "-")


def written(value: float) -> str:
    """A number as it can be typed and is read as the same number.

    >>> written(20.0), written(0.1), written(1234567.5), written(1e-5)
    ('20', '0.1', '1234567.5', '1e-05')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _beyond(end: float, value: float, *, digits: int) -> float | None:
    """A value beyond an end in so few digits, or as many as it takes to lie beyond; ``None`` if it does not."""
    if value == end or not math.isfinite(value):
        return None
    if isinstance(value, int):
        return value
    rounded = (float(f"{value:.{n}g}") for n in range(digits, 18))
    return next(one for one in rounded if one != end and (one > end) == (value > end))


@dataclass(frozen=True, slots=True)
class Range:
    """All values from ``low`` to ``high``; ``log`` tries each power of ten as often as the next."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def distribution(self) -> BaseDistribution:
        """The range as Optuna knows it."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def rounded(self, value: float) -> float:
        """A value of the range with so few digits that it can be typed again.

        >>> Range(1.0, 20.0).rounded(3.14159265)
        3.142
        """
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def share(self, value: float) -> float:
        """Where a value lies: 0 at ``low``, 1 at ``high``.

        >>> round(Range(1.0, 100.0, log=True).share(10.0), 9)
        0.5
        """
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def end_of(self, value: float) -> End | None:
        """``low`` or ``high``, if the value lies within `EDGE` of that end; ``None`` if it lies inside."""
        at = self.share(value)
        return "low" if at <= EDGE else "high" if at >= 1 - EDGE else None

    def wider(self, end: End, setting: Setting) -> str | None:
        """The range, wider at one end, as it is typed; ``None`` if the setting goes no further there."""
        step = self.high - self.low
        if end == "low":
            beyond = self.low * self.low / self.high if self.log else self.low - step
        else:
            beyond = self.high * self.high / self.low if self.log else self.high + step
        beyond = min(max(beyond, setting.low), setting.high)
        if not setting.low_is_usable and beyond <= setting.low:
            beyond = self.low / 10
        new = _beyond(self.low if end == "low" else self.high, int(beyond) if self.whole else beyond, digits=3)
        if new is None:
            return None
        low, high = (new, self.high) if end == "low" else (self.low, new)
        return str(Range(low, high, log=self.log, whole=self.whole))

    def describe(self) -> dict[str, Any]:
        """The range as JSON."""
        return {"low": self.low, "high": self.high, "log": self.log}

    def __str__(self) -> str:
        return f"{written(self.low)}..{written(self.high)}{':log' if self.log else ''}"


@dataclass(frozen=True, slots=True)
class Choices:
    """A few values, in ascending order; none is taken to be nearer to another."""

    values: tuple[float, ...]

    def distribution(self) -> BaseDistribution:
        """The choices as Optuna knows them."""
        return CategoricalDistribution(self.values)

    def rounded(self, value: float) -> float:
        """The value, which was typed."""
        return value

    def share(self, value: float) -> float:
        """Where a choice stands among the others: 0 the first, 1 the last."""
        return self.values.index(value) / (len(self.values) - 1)

    def end_of(self, value: float) -> End | None:
        """``low`` for the first choice, ``high`` for the last, ``None`` for those between."""
        return "low" if value == self.values[0] else "high" if value == self.values[-1] else None

    def wider(self, end: End, setting: Setting) -> str | None:
        """The choices with one more beyond an end, as they are typed; ``None`` if the setting goes no further there."""
        first, second = self.values[:2] if end == "low" else self.values[:-3:-1]
        beyond = first * (first / second) if min(self.values) > 0 else 2 * first - second
        new = _beyond(first, min(max(beyond, setting.low), setting.high), digits=2)
        if new is not None and setting.whole:
            new = _beyond(first, round(new), digits=2)
        if new is None or not setting.usable(new):
            return None
        return str(Choices(tuple(sorted([*self.values, new]))))

    def describe(self) -> dict[str, Any]:
        """The choices as JSON."""
        return {"choices": list(self.values)}

    def __str__(self) -> str:
        return ",".join(map(written, self.values))


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What is searched: a `Range` or `Choices` for each setting.

    >>> space = SearchSpace.parse(["temperature=1..20:log", "width=4,8,16"])
    >>> [f"{name} {part}" for name, part in space.parts.items()]
    ['temperature 1..20:log', 'width 4,8,16']
    """

    parts: Mapping[str, Range | Choices]

    @classmethod
    def parse(cls, given: Sequence[str]) -> SearchSpace:
        """Read what was typed.

        Raises:
            InputError: a part cannot be read, comes twice, searches nothing, or has a value that cannot be.
        """
        parts: dict[str, Range | Choices] = {}
        for text in given:
            name, part = _parsed(text)
            if name in parts:
                raise InputError("comes twice", setting="search", expected=f"{typed(name)} once", received=text)
            parts[name] = part
        if not parts:
            raise InputError("there is nothing to search", setting="search", expected=GRAMMAR, received="nothing")
        return cls(parts)

    def distributions(self) -> dict[str, BaseDistribution]:
        """The space as Optuna knows it."""
        return {name: part.distribution() for name, part in self.parts.items()}

    def rounded(self, params: Mapping[str, Any]) -> dict[str, float]:
        """A point of the space with so few digits that it can be typed again."""
        return {name: part.rounded(params[name]) for name, part in self.parts.items()}

    def describe(self) -> dict[str, Any]:
        """The space as JSON, from which `SearchSpace.of_record` makes it again."""
        return {name: part.describe() for name, part in self.parts.items()}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> SearchSpace:
        """The space that a record describes.

        >>> space = SearchSpace.parse(["width=4..16"])
        >>> SearchSpace.of_record(space.describe()) == space
        True
        """
        parts: dict[str, Range | Choices] = {}
        for name, part in record.items():
            if "choices" in part:
                parts[name] = Choices(tuple(part["choices"]))
            else:
                parts[name] = Range(part["low"], part["high"], part["log"], whole=SETTINGS[name].whole)
        return cls(parts)


def _parsed(text: str) -> tuple[str, Range | Choices]:
    said, equals, values = text.partition("=")
    name = said.strip().replace("-", "_")
    if not equals:
        raise _unreadable(text)
    setting = SETTINGS.get(name)
    if setting is None:
        known = [typed(one) for one in SETTINGS]
        raise InputError(
            f"cannot search {said!r}", setting="search", expected=", ".join(known), received=text,
            hint=did_you_mean(typed(name), known),
        )  # fmt: skip
    values, colon, scale = values.strip().partition(":")
    low, dots, high = values.partition("..")
    if colon and not (dots and scale == "log"):
        raise _unreadable(text)
    if dots:
        return name, _range(name, (_number(low, setting, text), _number(high, setting, text)), text, log=bool(colon))
    return name, _choices([_number(part, setting, text) for part in values.split(",")], text)


def _range(name: str, ends: tuple[float, float], text: str, *, log: bool) -> Range:
    low, high = ends
    if low >= high:
        raise InputError("searches nothing", setting="search", expected="LOW below HIGH", received=text)
    if log and low <= 0:
        raise InputError(
            "cannot be logarithmic from 0", setting="search", expected="LOW above 0", received=text,
            hint=f"try {typed(name)}={high / 100:g}..{high:g}:log, or leave :log out",
        )  # fmt: skip
    return Range(low, high, log=log, whole=SETTINGS[name].whole)


def _choices(values: Sequence[float], text: str) -> Choices:
    if len(set(values)) < 2:
        raise InputError(
            "searches nothing", setting="search", expected="two different choices, or LOW..HIGH", received=text
        )
    if len(set(values)) < len(values):
        raise InputError("names a choice twice", setting="search", expected="each once", received=text)
    return Choices(tuple(sorted(values)))


def _number(said: str, setting: Setting, text: str) -> float:
    try:
        value = float(said)
    except ValueError:
        raise _unreadable(text) from None
    if not (math.isfinite(value) and setting.usable(value)):
        raise InputError("has a value that cannot be", setting="search", expected=setting, received=text)
    return int(value) if setting.whole else value


def _unreadable(text: str) -> InputError:
    return InputError("cannot be read", setting="search", expected=GRAMMAR, received=text)
