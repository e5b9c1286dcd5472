"""Decide which answers of an imported file are new: the latest state of an answer wins, in any order of imports.

Each state has a time from the clock of the machine that stored it, and two machines' clocks may differ. So times are
only compared if neither state is known to follow from the other. A state that the project held before is never new, and
a change that another tool made to the valid answer is always later than that answer.
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
    """The answer from which another tool made a changed one: its time, and its content."""

    at: float
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAnswer:
    """An answer in a file. ``answer.at`` is the time of its present state, 0 if the file does not give it."""

    where: str
    answer: Answer
    replaces: Replaced | None = None


class Compared(NamedTuple):
    """The new answers, how many were known, how many are older than the valid ones, and remarks on conflicting rows."""

    fresh: list[Answer]
    known: int
    older: int
    remarks: list[LeftOut]


def words_of(answer: Answer) -> Words:
    """The content of an answer, without times and signals."""
    return (answer.choice, answer.severity, answer.second, answer.confidence)


def compare(held: Sequence[Answer], holding: Iterable[Answer], found: Iterable[FoundAnswer]) -> Compared:
    """Compare a file's answers with all answers ``held`` (not undone), and with the valid ones (``holding``)."""
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


def _latest_in_file(found: Iterable[FoundAnswer]) -> tuple[dict[Place, FoundAnswer], int, int, list[LeftOut]]:
    """The answer that counts for each showing, how many rows repeat it, how many are older, and remarks.

    Of two answers to the same showing the later one counts; without different times, the later row.
    """
    latest: dict[Place, FoundAnswer] = {}
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


def _follows(one: FoundAnswer, current: Answer) -> bool:
    """Whether the file's answer was made by changing the valid one."""
    changed = one.replaces
    return changed is not None and changed.at == current.at and changed.words == words_of(current)


def _is_older(answer: Answer, current: Answer, past: Iterable[Answer]) -> bool:
    seen = any(_same(before, answer) and answer.at <= before.at for before in past)
    return seen or 0 < answer.at < current.at


def _place(answer: Answer) -> Place:
    return (answer.annotator, answer.picture, answer.showing)


def _same(held: Answer, found: Answer) -> bool:
    """Whether the file's answer has the content of a known one; its signals may have been left out."""
    said, known = record_of(replace(found, at=0.0)), record_of(replace(held, at=0.0))
    measured = {name for name in said if name.startswith(SIGNAL)}
    return said == {name: value for name, value in known.items() if name in measured or not name.startswith(SIGNAL)}
