"""An answer as one flat record of named values: the rows of tables, and the form into which every format is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from joryu.annotations.answer import Answer, Timing
from joryu.errors import InputError

Value = str | int | float | None

TEXTS = ("picture", "path", "annotator", "session", "choice", "severity", "second", "confidence")
COUNTS = ("showing", "n_changes", "trial")
NUMBERS = ("rt_ms", "first_key_ms", "hidden_ms", "at")
COLUMNS = (*TEXTS, "showing", "rt_ms", "first_key_ms", "hidden_ms", "n_changes", "trial", "at")
SIGNAL = "signal:"  #: prefix of a measured signal's name in a column's name
LIMITS = {
    "attention": (0, 100),
    "meditation": (0, 100),
    "heart_rate": (0, 400),
}  #: of the signals that devices here give
SOMEBODY = "imported"  #: the annotator of answers without a name
MOST = 2**53  #: upper limit of counts: above it a float cannot hold every whole number


class LeftOut(NamedTuple):
    """A record that could not be imported, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answer in a file, before its picture is found in the project.

    ``where``: its position in the file, for messages. ``values``: the raw values, by the names in `COLUMNS`, signals
    with the prefix `SIGNAL`. ``addresses``: the names that the file gives the picture, the most likely first.
    ``changed_from``: the time and content of the answer before another tool changed it, if the file gives them.
    """

    where: str
    values: Mapping[str, object]
    addresses: Sequence[str] = field(default=())
    changed_from: tuple[float, tuple[str | None, ...]] | None = None


def record_of(answer: Answer, *, path: str = "", signals: bool = True) -> dict[str, Value]:
    """An answer as named values; ``path`` is its picture's. Signals that were not measured are absent.

    >>> record = record_of(Answer(picture="ab", annotator="x", session="s", choice="rust"), path="1.jpg")
    >>> record["path"], record["choice"], record["rt_ms"]
    ('1.jpg', 'rust', None)
    """
    named: dict[str, Value] = {
        name: getattr(answer, name) for name in ("picture", "annotator", "session", "choice", "severity", "second")
    }
    named |= {"path": path, "confidence": answer.confidence, "showing": answer.showing, "at": answer.at}
    named |= {name: getattr(answer.timing, name) for name in Timing.__dataclass_fields__}
    ordered = {name: named[name] for name in COLUMNS}
    if signals:
        ordered |= {f"{SIGNAL}{name}": value for name, value in answer.signals.items() if math.isfinite(value)}
    return ordered


def answer_of(record: Record, picture: str, remarks: list[LeftOut]) -> Answer:
    """The record as an answer about this picture.

    An impossible value of a signal is left out and reported in ``remarks``; the answer stays.

    Raises:
        InputError: a value has another type, or a number is negative or not finite.
    """
    values, where = record.values, record.where
    text = {name: _text(values.get(name), name, where) for name in TEXTS}
    number = {name: _number(values.get(name), name, where, least=0.0) for name in NUMBERS}
    count = {name: _count(values.get(name), name, where) for name in COUNTS}
    signals = {
        str(_text(name.removeprefix(SIGNAL), "a signal's name", where) or ""): measured
        for name, value in values.items()
        if name.startswith(SIGNAL) and (measured := _signal(value, name, where, remarks)) is not None
    }
    annotator = text["annotator"] or SOMEBODY
    return Answer(
        picture=picture,
        annotator=annotator,
        session=text["session"] or f"{SOMEBODY}-{annotator}",
        choice=text["choice"],
        severity=text["severity"],
        second=text["second"],
        confidence=text["confidence"],
        showing=count["showing"] or 0,
        timing=Timing(
            rt_ms=number["rt_ms"],
            first_key_ms=number["first_key_ms"],
            hidden_ms=number["hidden_ms"],
            n_changes=count["n_changes"],
            trial=count["trial"],
        ),
        signals=signals,
        at=number["at"] or 0.0,
    )


def _text(value: object, name: str, where: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(f"{where}: {name} cannot be read", expected="text", received=repr(value))
    try:
        value.encode()
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can express but no file can hold
        raise InputError(f"{where}: {name} cannot be read", expected="Unicode text", received=ascii(value)) from error
    return value


def _number(value: object, name: str, where: str, *, least: float = -math.inf) -> float | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
        if not math.isfinite(number) or number < least:
            raise ValueError
    except (ValueError, OverflowError) as error:
        wanted = "a finite number" if least < 0 else f"a finite number from {least:g}"
        raise InputError(f"{where}: {name} cannot be read", expected=wanted, received=repr(value)) from error
    return number


def _signal(value: object, name: str, where: str, remarks: list[LeftOut]) -> float | None:
    least, most = LIMITS.get(name.removeprefix(SIGNAL), (-math.inf, math.inf))
    try:
        number = _number(value, name, where)
        if number is not None and not least <= number <= most:
            raise InputError(f"{where}: {name} cannot be read", expected=f"{least:g}..{most:g}", received=repr(value))
    except InputError as error:
        remarks.append(LeftOut(where, f"{reason_of(error, where)}; the answer is taken without it"))
        return None
    return number


def reason_of(error: InputError, where: str) -> str:
    """The message of an error without ``where``, for lists that name the position already."""
    return str(error).removeprefix(f"{where}: ")


def _count(value: object, name: str, where: str) -> int | None:
    number = _number(value, name, where)
    if number is None:
        return None
    if not 0 <= number < MOST or not number.is_integer():
        raise InputError(f"{where}: {name} cannot be read", expected="a whole number from 0", received=repr(value))
    return int(number)
