"""`Desk`: what the page asks for and gives, without the web: sessions, tasks, answers, clocks, the device."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from joryu.annotations import Answer, Project, Timing, pseudonym
from joryu.errors import InputError
from joryu.labelling.pictures import ID_LENGTH, Gallery
from joryu.labelling.queue import Queue, Task
from joryu.labelling.seen import Seen

_SESSION = re.compile(r"[A-Za-z0-9_-]{16,64}")


class Device(Protocol):
    """What the desk needs of a device (`joryu.labelling.worn.Worn`)."""

    def begin(self, session: str) -> None: ...

    def window(self, start: float, stop: float) -> dict[str, float]: ...

    def state(self) -> dict[str, Any]: ...


class Said(NamedTuple):
    """One answer as the page sends it: fields by name, times in ms on the page's clock.

    ``offset_ms`` is by how much that clock was behind ours, as far as the page knew. It comes with every answer and is
    not remembered here: each page that is loaded begins a clock of its own, two pages may share a session, and an
    answer may arrive after its page was closed.
    """

    picture: str
    showing: int
    choice: str | None
    severity: str | None
    second: str | None
    confidence: str | None
    timing: Timing
    onset: float | None
    done: float | None
    offset_ms: float | None


class Desk:
    """One project being labelled, by several people at once perhaps.

    Args:
        project: where everything goes.
        worn: the device, if any.
        device: its spec, for the record.
        wearer: who wears it; without it whoever begins first uninvited. Nobody else is measured or sees what is.
        seconds: the clock by which an answer is refused that comes sooner than its picture can be seen.
    """

    def __init__(
        self,
        project: Project,
        *,
        worn: Device | None = None,
        device: str | None = None,
        wearer: str | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project = project
        self._seen = Seen(seconds)
        self.gallery = Gallery(project.pictures_root, project.pictures)
        self._worn, self._device, self._wearer = worn, device, wearer
        self._lock = threading.RLock()
        self._keys = {file.key[:ID_LENGTH]: file.key for file in project.pictures}
        self._annotators: dict[str, str] = {}
        self._trials: dict[str, int] = {}  # by session: how many showings were answered
        self._queue = self._fresh_queue()

    def _fresh_queue(self) -> Queue:
        return Queue(self.project.settings, [file.key for file in self.project.pictures], self.project.answers())

    # --- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, annotator: str, session: str | None = None, *, invited: bool = False) -> str:
        """Begin a sitting, or go on with one; its id. An ``invited`` guest may be far from the device.

        Raises:
            InputError: a name that is no pseudonym, or somebody else's session.
        """
        name = pseudonym(annotator.strip())
        if session is not None and not _SESSION.fullmatch(session):
            raise InputError("this session is not usable", received=repr(session[:60]))
        chosen = session or secrets.token_urlsafe(18)
        with self._lock:
            if self.annotator_of(chosen, name) != name:
                raise InputError("this session is somebody else's", hint="reload the page")
            self._wearer = self._wearer or (None if invited else name)
            measured = self._worn is not None and name == self._wearer
            self.project.events.begin_session(chosen, name, self._device if measured else None)
            self._annotators[chosen] = name
            if self._worn is not None and measured:
                self._worn.begin(chosen)
        return chosen

    def _worn_by(self, session: str) -> Device | None:
        """The device, if it is on the one whose session this is; from now on it measures for this session."""
        annotator = self.annotator_of(session)
        if self._worn is None:
            return None
        with self._lock:
            if self._wearer is None and self.project.events.device_of(session) is not None:
                self._wearer = annotator  # the server was started again under a page that had begun
            if annotator != self._wearer:
                return None
            self._worn.begin(session)
        return self._worn

    def annotator_of(self, session: str, otherwise: str | None = None) -> str:
        """Whose session this is.

        Raises:
            InputError: nobody's.
        """
        known = self._annotators.get(session) or self.project.events.annotator_of(session) or otherwise
        if known is None:
            raise InputError("this session is not known", hint="reload the page")
        self._annotators[session] = known
        return known

    # --- showing and answering --------------------------------------------------------------------------------------

    def upcoming(self, session: str) -> dict[str, Any]:
        """What to show now and what to fetch meanwhile, and how far this annotator is."""
        annotator = self.annotator_of(session)
        with self._lock:
            self._look_again(session, annotator)
            tasks = self._queue.upcoming(annotator)
            progress, trial = self._queue.progress(annotator), self._trial(session)
            self._seen.give(session, tasks[0] if tasks else None)
        shown = [self._shown(task) for task in tasks]
        return {
            "task": shown[0] if shown else None,
            "prefetch": shown[1] if len(shown) > 1 else None,
            "done": progress.done,
            "total": progress.total,
            "trial": trial,
        }

    def _look_again(self, session: str, annotator: str) -> None:
        """Make the queue anew if another process changed the answers: forgot somebody, or imported some."""
        if self.project.events.changed_elsewhere():
            self.project.events.begin_session(session, annotator, self._device if annotator == self._wearer else None)
            self._queue = self._fresh_queue()
            self._trials.clear()

    def _trial(self, session: str) -> int:
        if session not in self._trials:
            self._trials[session] = self.project.events.n_answered(session)
        return self._trials[session]

    def answer(self, session: str, key: str, said: Said) -> bool:
        """Take an answer; whether it was new. It is on the disk when this returns.

        Raises:
            InputError: an unknown session or picture, something that is not asked for, or sooner than can be.
        """
        annotator = self.annotator_of(session)
        self._seen.require(session, Task(self._key(said.picture), said.showing), said.timing)
        answer = Answer(
            picture=self._key(said.picture),
            annotator=annotator,
            session=session,
            choice=said.choice,
            severity=said.severity,
            second=said.second,
            confidence=said.confidence,
            showing=said.showing,
            timing=said.timing,
            signals=self._measured(session, said),
            at=time.time(),
        )
        with self._lock:
            self._look_again(session, annotator)
            recorded = self.project.record(answer, key=f"{session}:{key}")
            if recorded.fresh:
                self._queue.add(answer)
                if session in self._trials:
                    self._trials[session] += 1
        return recorded.fresh

    def undo(self, session: str, key: str) -> dict[str, Any] | None:
        """Take the annotator's last answer back; the showing to repeat, or ``None``."""
        annotator = self.annotator_of(session)
        with self._lock:
            undone = self.project.undo(annotator, session, key=f"{session}:{key}")
            if undone is not None:
                self._trials.pop(undone.session, None)  # counted anew: the same request may come twice
                if self.project.events.has_answer(annotator, undone.picture, undone.showing):
                    self._queue = self._fresh_queue()  # an earlier answer counts again
                else:
                    self._queue.take_back(undone)
        if undone is None or undone.picture[:ID_LENGTH] not in self.gallery:
            return None
        return self._shown(Task(undone.picture, undone.showing))

    def _shown(self, task: Task) -> dict[str, Any]:
        return {"picture": task.picture[:ID_LENGTH], "showing": task.showing}

    def _key(self, picture_id: str) -> str:
        if picture_id not in self._keys:
            raise InputError("no such picture", received=repr(picture_id[:60]))
        return self._keys[picture_id]

    # --- clocks and signals -----------------------------------------------------------------------------------------

    @staticmethod
    def clock() -> float:
        """The server's monotonic clock in ms, on which signals are stamped."""
        return time.monotonic() * 1000

    def synchronise(self, session: str, *, offset_ms: float, round_trip_ms: float) -> None:
        """Keep by how much the page's clock is behind ours, as the page found by four stamps."""
        self.annotator_of(session)
        self.project.events.note_clock(session, offset_ms=offset_ms, round_trip_ms=round_trip_ms)

    def _measured(self, session: str, said: Said) -> Mapping[str, float]:
        """Means of the signals between the picture's paint and the last key; what was not measured is left out."""
        worn, offset_ms = self._worn_by(session), said.offset_ms
        if worn is None or offset_ms is None or said.onset is None or said.done is None:
            return {}
        return worn.window((said.onset + offset_ms) / 1000, (said.done + offset_ms) / 1000)

    @property
    def measures(self) -> bool:
        """Whether a device is attached at all."""
        return self._worn is not None

    def device_state(self, session: str) -> dict[str, Any] | None:
        """What the strip on the page shows; ``None`` for whoever does not wear a device.

        Raises:
            InputError: an unknown session.
        """
        worn = self._worn_by(session)
        return None if worn is None else worn.state()
