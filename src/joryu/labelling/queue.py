"""Which picture comes next: overlap first, repeats now and then, and at the end where people disagree most."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from joryu.annotations import Answer, Settings

REST = 10  #: showings between a picture and its repeat, at least


class Task(NamedTuple):
    """One showing: of which picture, and the how-manieth for this annotator (0: the first)."""

    picture: str
    showing: int


class Progress(NamedTuple):
    """How many pictures this annotator has answered, and how many there are to answer in all."""

    done: int
    total: int


class Queue:
    """The order of showings, a function of the settings and of what was answered alone.

    So a page that is reloaded, or a server that is started again, goes on with the very same picture. Each annotator
    has an order of their own. First come the pictures that somebody answered and that need more annotators
    (``overlap``), then those nobody answered. Last come those that enough have answered and disagree about, the most
    disputed first, for whoever has not seen them. A share ``repeats`` of the showings repeats a picture that the
    annotator has answered at least ten showings before, each once.

    Args:
        settings: of the project.
        pictures: the keys to show.
        answers: what holds now.
    """

    def __init__(self, settings: Settings, pictures: Sequence[str], answers: Iterable[Answer]) -> None:
        self._settings = settings
        self._pictures = list(dict.fromkeys(pictures))
        self._known = set(self._pictures)
        self._choices: dict[str, dict[str, str | None]] = {picture: {} for picture in self._pictures}
        self._history: dict[str, dict[Task, None]] = {}  # each showing once, in the order of their latest answers
        self._orders: dict[str, list[str]] = {}
        self._waits: dict[str, list[str]] = {}  # what `_waiting` found since the last change
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        """Take an answer into account; a later one to the same showing replaces it."""
        if answer.picture not in self._known:  # of a file that is gone
            return
        task = Task(answer.picture, answer.showing)
        history = self._history.setdefault(answer.annotator, {})
        history.pop(task, None)
        history[task] = None
        if answer.showing == 0:
            self._choices[answer.picture][answer.annotator] = answer.choice
        self._still_waiting(answer)

    def take_back(self, answer: Answer) -> None:
        """Forget an answer that was undone and had replaced no other."""
        if answer.picture not in self._known:
            return
        self._history.get(answer.annotator, {}).pop(Task(answer.picture, answer.showing), None)
        if answer.showing == 0:
            self._choices[answer.picture].pop(answer.annotator, None)
        self._waits.clear()

    def upcoming(self, annotator: str, n: int = 2) -> list[Task]:
        """The next showings, as far as they can be told before the next answer; empty when all is done."""
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

    def progress(self, annotator: str) -> Progress:
        """Pictures answered by this annotator, and with them all that will be offered; repeats do not count."""
        done = len({task.picture for task in self._history.get(annotator, {})})
        return Progress(done, done + len(self._waiting(annotator)))

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
        """Keep the annotator's own list, less this picture: an answer changes the order of the rest for others only."""
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
        # Both sorts are stable: the annotator's own order stays within. What comes last is known from the start, so
        # that the progress ends where it said.
        return sorted(short, key=lambda picture: not self._choices[picture]) + sorted(torn, key=lambda one: -torn[one])

    def _disagreement(self, picture: str) -> float:
        """The entropy of the choices, in nats; skips say nothing."""
        if len(self._choices[picture]) < 2:
            return 0.0
        counts = Counter(choice for choice in self._choices[picture].values() if choice is not None)
        total = sum(counts.values())
        return -sum(count / total * math.log(count / total) for count in counts.values()) if total else 0.0

    def _repeat(self, annotator: str, history: Collection[Task], ahead: Sequence[Task]) -> Task | None:
        """A picture to show again now, if it is time for one."""
        if self._draw(annotator, f"trial {len(history) + len(ahead)}") >= self._settings.repeats:
            return None
        shown = [*history, *ahead]
        times = Counter(task.picture for task in shown)
        rested = [task.picture for task in shown[:-REST] if times[task.picture] == 1]
        if not rested:
            return None
        return Task(min(rested, key=lambda picture: self._draw(annotator, f"again {picture}")), 1)

    def _draw(self, annotator: str, what: str) -> float:
        """A number from 0 to 1 that depends on the seed, the annotator and ``what`` alone."""
        digest = hashlib.blake2b(f"{self._settings.seed}\x00{annotator}\x00{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
