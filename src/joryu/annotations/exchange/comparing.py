"""What in a file is news? The latest state of an answer wins, in whatever order files come in.

When a state was said is known by the clock of whoever kept it, and two machines' clocks may differ. So a clock decides
only between states of which neither is known to follow from the other: what the project itself held before is never
news, and what another tool made of the answer that holds comes after it, whatever the clocks say.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from joryu.annotations.answer import Answer
from joryu.annotations.exchange.records import SIGNAL, LeftOut, record_of

Place = tuple[str, str, int]
Words = tuple[str | None, ...]


class Replaced(NamedTuple):
    """The answer that another tool was given and changed: when it was said, and what it said."""

    at: float
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer of a file. ``answer.at`` is when its present state was said, 0 where the file does not tell."""

    where: str
    answer: Answer
    replaces: Replaced | None = None


class Compared(NamedTuple):
    """What is new, how many answers were known, how many are older than what holds; what was decided between rows."""

    fresh: list[Answer]
    known: int
    older: int
    remarks: list[LeftOut]


def words_of(answer: Answer) -> Words:
    """What a person said, without when and how."""
    return (answer.choice, answer.severity, answer.second, answer.confidence)


def compare(held: Sequence[Answer], holding: Iterable[Answer], found: Iterable[Found]) -> Compared:
    """Compare a file's answers with every answer that was ``held`` and not taken back, and with what holds now."""
    past: dict[Place, list[Answer]] = {}
    for answer in held:
        past.setdefault(_place(answer), []).append(answer)
    now = {_place(answer): answer for answer in holding}
    latest, repeated, overruled, remarks = _latest_in_file(found)
    fresh, known, older = [], repeated, overruled
    for place, one in latest.items():
        current = now.get(place)
        if current is not None and _same(current, one.answer) and one.answer.at <= current.at:
            known += 1
        elif current is None or _follows(one, current) or not _is_older(one.answer, current, past[place]):
            fresh.append(one.answer)
        else:
            older += 1
    return Compared(fresh, known, older, remarks)


def _latest_in_file(found: Iterable[Found]) -> tuple[dict[Place, Found], int, int, list[LeftOut]]:
    """For each showing what counts; how many said the same again, how many are overruled, and where times do not tell.

    Of two answers to one showing the later one counts, and where no time tells, the later row.
    """
    latest: dict[Place, Found] = {}
    known, older, remarks = 0, 0, []
    for one in found:
        place = _place(one.answer)
        before = latest.get(place)
        if before is None:
            latest[place] = one
            continue
        told = bool(one.answer.at and before.answer.at) and one.answer.at != before.answer.at
        loses = told and one.answer.at < before.answer.at
        if _same(before.answer, one.answer):
            known += 1
        else:
            older += 1
            if not told:
                remarks.append(LeftOut(before.where, f"answered otherwise by {one.where}, which counts"))
        if not loses:
            latest[place] = one
    return latest, known, older, remarks


def _follows(one: Found, current: Answer) -> bool:
    """Whether the file's answer was made of the very one that holds."""
    changed = one.replaces
    return changed is not None and changed.at == current.at and changed.words == words_of(current)


def _is_older(answer: Answer, current: Answer, past: Iterable[Answer]) -> bool:
    seen = any(_same(before, answer) and answer.at <= before.at for before in past)
    return seen or 0 < answer.at < current.at


def _place(answer: Answer) -> Place:
    return (answer.annotator, answer.picture, answer.showing)


def _same(held: Answer, found: Answer) -> bool:
    """Whether the file says what the project knows, whenever; signals may have been left out of it."""
    said, known = record_of(replace(found, at=0.0)), record_of(replace(held, at=0.0))
    measured = {name for name in said if name.startswith(SIGNAL)}
    return said == {name: value for name, value in known.items() if name in measured or not name.startswith(SIGNAL)}
