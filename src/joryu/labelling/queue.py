"""`Queue`: which picture comes next."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from joryu.annotations import Answer, Settings

REST = 10  #: the least number of showings between a picture and its repeat


class Task(NamedTuple):
    """One showing of a picture to an annotator; ``showing`` counts their showings of it, from 0."""

    picture: str
    showing: int


class AnnotatorProgress(NamedTuple):
    """The number of pictures that an annotator has answered, and the number to answer in all."""

    done: int
    total: int


class Queue:
    """The order of showings. It depends only on the settings and the answers so far.

    So after a reload of the page or a restart of the server the same picture comes next. Each annotator has an order of
    their own: first the pictures that somebody answered and that need more annotators (``overlap``), then those
    without an answer, and last those on which enough annotators disagree, the most disputed first. A share ``repeats``
    of the showings repeats pictures that the annotator answered at least `REST` showings before, each once.

    Args:
        settings: of the project.
        pictures: the keys of the pictures to show.
        answers: the valid answers so far.
    """

    def __init__(self, settings: Settings, pictures: Sequence[str], answers: Iterable[Answer]) -> None:
        self._settings = settings
        self._pictures = list(dict.fromkeys(pictures))
        self._known = set(self._pictures)
        self._choices: dict[str, dict[str, str | None]] = {picture: {} for picture in self._pictures}
        self._history: dict[str, dict[Task, None]] = {}  # each showing once, in the order of the latest answers
        self._orders: dict[str, list[str]] = {}
        self._waits: dict[str, list[str]] = {}  # results of `_waiting` since the last change
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        """Add an answer; a later one to the same showing replaces it."""
        if answer.picture not in self._known:  # its file no longer exists
            return
        task = Task(answer.picture, answer.showing)
        history = self._history.setdefault(answer.annotator, {})
        history.pop(task, None)
        history[task] = None
        if answer.showing == 0:
            self._choices[answer.picture][answer.annotator] = answer.choice
        self._still_waiting(answer)

    def take_back(self, answer: Answer) -> None:
        """Remove an answer that was undone, and that had not replaced another."""
        if answer.picture not in self._known:
            return
        self._history.get(answer.annotator, {}).pop(Task(answer.picture, answer.showing), None)
        if answer.showing == 0:
            self._choices[answer.picture].pop(answer.annotator, None)
        self._waits.clear()

    def upcoming(self, annotator: str, n: int = 2) -> list[Task]:
        """At most ``n`` next showings, as far as they do not depend on the next answer; empty when all is done."""
        history = self._history.get(annotator, {})
        waiting = iter(self._waiting(annotator))
        found: list[Task] = []
        while len(found) < n:
            task = self._repeat(annotator, history, found)
            if task is None and (picture := next(waiting, None)) is not None:
                task = Task(picture, 0)
            if task is None:
                break
            found.append(task)
        return found

    def progress(self, annotator: str) -> AnnotatorProgress:
        """How many pictures this annotator has answered, and of how many; repeats do not count."""
        done = len({task.picture for task in self._history.get(annotator, {})})
        return AnnotatorProgress(done, done + len(self._waiting(annotator)))

    def _order(self, annotator: str) -> list[str]:
        """All pictures in this annotator's own order."""
        if annotator not in self._orders:
            self._orders[annotator] = sorted(self._pictures, key=lambda picture: self._draw(annotator, picture))
        return self._orders[annotator]

    def _waiting(self, annotator: str) -> list[str]:
        if annotator not in self._waits:
            self._waits[annotator] = self._fresh_waiting(annotator)
        return self._waits[annotator]

    def _still_waiting(self, answer: Answer) -> None:
        """Remove the picture from the annotator's own list; an answer changes the order of the rest only for others."""
        own = self._waits.get(answer.annotator, [])
        self._waits.clear()
        if answer.showing == 0:
            own = own[1:] if own[:1] == [answer.picture] else []
        if own:
            self._waits[answer.annotator] = own

    def _fresh_waiting(self, annotator: str) -> list[str]:
        open_to = [picture for picture in self._order(annotator) if annotator not in self._choices[picture]]
        short = [picture for picture in open_to if len(self._choices[picture]) < self._settings.overlap]
        enough = [picture for picture in open_to if len(self._choices[picture]) >= self._settings.overlap]
        torn = {picture: entropy for picture in enough if (entropy := self._disagreement(picture)) > 0}
        # Both sorts are stable, so the annotator's own order is kept within. Disputed pictures are counted from the
        # start, so that the total of the progress does not grow.
        return sorted(short, key=lambda picture: not self._choices[picture]) + sorted(torn, key=lambda one: -torn[one])

    def _disagreement(self, picture: str) -> float:
        """The entropy of the choices in nats; skipped pictures do not count."""
        if len(self._choices[picture]) < 2:
            return 0.0
        counts = Counter(choice for choice in self._choices[picture].values() if choice is not None)
        total = sum(counts.values())
        return -sum(count / total * math.log(count / total) for count in counts.values()) if total else 0.0

    def _repeat(self, annotator: str, history: Collection[Task], ahead: Sequence[Task]) -> Task | None:
        """The picture to repeat now, or ``None`` if no repeat is due."""
        if self._draw(annotator, f"trial {len(history) + len(ahead)}") >= self._settings.repeats:
            return None
        shown = [*history, *ahead]
        times = Counter(task.picture for task in shown)
        rested = [task.picture for task in shown[:-REST] if times[task.picture] == 1]
        if not rested:
            return None
        return Task(min(rested, key=lambda picture: self._draw(annotator, f"again {picture}")), 1)

    def _draw(self, annotator: str, what: str) -> float:
        """A number from 0 to 1 that depends only on the seed, the annotator and ``what``."""
        digest = hashlib.blake2b(f"{self._settings.seed}\x00{annotator}\x00{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
