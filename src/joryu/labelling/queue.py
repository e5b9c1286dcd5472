"""Which picture comes next: overlap first, repeats now and then, and at the end where people disagree most."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
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
    (``overlap``), then those nobody answered. When every picture has enough, those that people disagree about most are
    offered to whoever has not seen them. A share ``repeats`` of the showings repeats a picture that the annotator has
    answered at least ten showings before, each once.

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
        self._history: dict[str, list[Task]] = {}
        for answer in answers:
            self.add(answer)

    def add(self, answer: Answer) -> None:
        """Take an answer into account."""
        if answer.picture not in self._known:  # of a file that is gone
            return
        self._history.setdefault(answer.annotator, []).append(Task(answer.picture, answer.showing))
        if answer.showing == 0:
            self._choices[answer.picture][answer.annotator] = answer.choice

    def upcoming(self, annotator: str, n: int = 2) -> list[Task]:
        """The next showings, as far as they can be told before the next answer; empty when all is done."""
        history = self._history.get(annotator, [])
        waiting = self._waiting(annotator)
        found: list[Task] = []
        while len(found) < n:
            task = self._repeat(annotator, [*history, *found])
            if task is None and waiting:
                task = Task(waiting.pop(0), 0)
            if task is None:
                break
            found.append(task)
        return found

    def progress(self, annotator: str) -> Progress:
        """Pictures answered by this annotator, and those and the waiting ones together; repeats do not count."""
        done = len({task.picture for task in self._history.get(annotator, [])})
        return Progress(done, done + len(self._waiting(annotator)))

    def trial(self, annotator: str) -> int:
        """How many showings this annotator has answered."""
        return len(self._history.get(annotator, []))

    def _waiting(self, annotator: str) -> list[str]:
        open_to = [picture for picture in self._pictures if annotator not in self._choices[picture]]
        short = [picture for picture in open_to if len(self._choices[picture]) < self._settings.overlap]
        if short:
            return sorted(short, key=lambda picture: (not self._choices[picture], self._draw(annotator, picture)))
        torn = [picture for picture in open_to if self._disagreement(picture) > 0]
        return sorted(torn, key=lambda picture: (-self._disagreement(picture), self._draw(annotator, picture)))

    def _disagreement(self, picture: str) -> float:
        """The entropy of the choices, in nats; skips say nothing."""
        counts = Counter(choice for choice in self._choices[picture].values() if choice is not None)
        total = sum(counts.values())
        return -sum(count / total * math.log(count / total) for count in counts.values()) if total else 0.0

    def _repeat(self, annotator: str, history: Sequence[Task]) -> Task | None:
        """A picture to show again now, if it is time for one."""
        if self._draw(annotator, f"trial {len(history)}") >= self._settings.repeats:
            return None
        times = Counter(task.picture for task in history)
        rested = [task.picture for task in history[:-REST] if times[task.picture] == 1]
        if not rested:
            return None
        return Task(min(rested, key=lambda picture: self._draw(annotator, f"again {picture}")), 1)

    def _draw(self, annotator: str, what: str) -> float:
        """A number from 0 to 1 that depends on the seed, the annotator and ``what`` alone."""
        digest = hashlib.blake2b(f"{self._settings.seed}\x00{annotator}\x00{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
