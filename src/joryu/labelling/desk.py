"""`Desk`: the logic behind the page, without HTTP: sessions, tasks, answers, clocks and the device."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from joryu.annotations import Answer, Project, Timing, pseudonym
from joryu.errors import InputError
from joryu.labelling.people import NotYoursError, People
from joryu.labelling.pictures import ID_LENGTH, Gallery
from joryu.labelling.queue import Queue, Task
from joryu.labelling.shown_since import ShownSince
from joryu.labelling.tickets import ANYBODY, Guest

HIDDEN = ("attention", "meditation", "heart_rate", "bands")
FORGOTTEN = "What was said and measured under this name was deleted meanwhile. From now on it is kept again."
_SESSION = re.compile(r"[A-Za-z0-9_-]{16,64}")


class RecordingDevice(Protocol):
    """What the desk needs from a device; `joryu.labelling.worn.Worn` is one."""

    def begin(self, session: str) -> None: ...

    def window(self, start: float, stop: float) -> dict[str, float]: ...

    def state(self) -> dict[str, Any]: ...


class SentAnswer(NamedTuple):
    """One answer as the page sends it; times are in milliseconds on the page's clock.

    ``offset_ms`` is what to add to the page's clock to get the server's, as far as the page knows. It comes with every
    answer and is not stored per session, because every loaded page has a clock of its own, two pages may share a
    session, and an answer may arrive after its page was closed.
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
    """One project that is being labelled, perhaps by several people at once.

    Args:
        project: where answers are stored.
        worn: the device, if any.
        device: its spec, for the record.
        hide_signals: do not show measured values while somebody labels, because seeing them changes them.
        wearer: the pseudonym of the person who wears the device; by default the first person who begins without an
            invitation. Nobody else is measured or sees the values, not even an invited guest with that pseudonym.
        seconds: a monotonic clock in seconds, to refuse answers that come sooner than a picture can be seen.
    """

    def __init__(
        self,
        project: Project,
        *,
        worn: RecordingDevice | None = None,
        device: str | None = None,
        wearer: str | None = None,
        hide_signals: bool = False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project = project
        self._seen = ShownSince(seconds)
        self.gallery = Gallery(project.pictures_root, project.pictures)
        self._worn, self._device, self._wearer = worn, device, wearer
        self._hidden = HIDDEN if hide_signals else ()
        self._lock = threading.RLock()
        self._keys = {file.key[:ID_LENGTH]: file.key for file in project.pictures}
        self.people = People(project.events)
        if wearer is not None:
            self.people.reserve(wearer, guest=False)
        self._annotators: dict[str, str] = {}
        self._guests: dict[str, Guest] = {}  # by session: the browser that used it last
        self._seated: set[str] = set()  # sessions known to be on the disk
        self._notices: dict[str, str] = {}  # by session: a notice that its page has not shown yet
        self._trials: dict[str, int] = {}  # by session: the number of answered showings
        self._queue = self._fresh_queue()

    def _fresh_queue(self) -> Queue:
        return Queue(self.project.settings, [file.key for file in self.project.pictures], self.project.answers())

    # --- sessions ---------------------------------------------------------------------------------------------------

    def begin(self, annotator: str, session: str | None = None, *, guest: Guest = ANYBODY) -> str:
        """Begin a session, or continue one; returns its id. An invited ``guest`` never wears the device.

        Raises:
            InputError: the name is not a pseudonym, or the name or session belongs to somebody else.
        """
        name = pseudonym(annotator.strip())
        if session is not None and not _SESSION.fullmatch(session):
            raise InputError("this session is not usable", received=repr(session[:60]))
        chosen = session or secrets.token_urlsafe(18)
        with self._lock:
            if self.annotator_of(chosen, name) != name:
                raise InputError("this session is somebody else's", hint="reload the page")
            try:
                self.people.take(name, guest)
            except InputError:
                self._annotators.pop(chosen, None)
                raise
            self._guests[chosen] = guest
            self._wearer = self._wearer or (None if guest.invited else name)
            measured = self._worn is not None and self._wears(chosen)
            self.project.events.begin_session(chosen, name, self._device if measured else None)
            self._seated.add(chosen)
            if self._worn is not None and measured:
                self._worn.begin(chosen)
        return chosen

    def admit(self, session: str, guest: Guest) -> None:
        """Check that a browser may use a session; called before every other use of one.

        Raises:
            InputError: the session is not known.
            NotYoursError: its annotator belongs to another browser.
        """
        annotator = self.annotator_of(session)
        with self._lock:
            if self._guests.get(session) != guest:
                self._require_own(annotator, guest)
                self._guests[session] = guest
            self._look_again(session, annotator)

    def _require_own(self, annotator: str, guest: Guest) -> None:
        if not self.people.may_be(annotator, guest):
            raise NotYoursError(f"this browser may not go on as {annotator}", hint="reload the page")

    def _wears(self, session: str) -> bool:
        return self._annotators.get(session) == self._wearer and not self._guests.get(session, ANYBODY).invited

    def _worn_by(self, session: str) -> RecordingDevice | None:
        """The device, if this session's annotator wears it; from now on it records for this session."""
        annotator = self.annotator_of(session)
        if self._worn is None:
            return None
        with self._lock:
            if self._wearer is None and self.project.events.device_of(session) is not None:
                self._wearer = annotator  # the server was restarted while a page was open
            if not self._wears(session):
                return None
            self._worn.begin(session)
        return self._worn

    def annotator_of(self, session: str, otherwise: str | None = None) -> str:
        """The annotator of a session.

        Raises:
            InputError: the session is not known.
        """
        known = self._annotators.get(session) or self.project.events.annotator_of(session) or otherwise
        if known is None:
            raise InputError("this session is not known", hint="reload the page")
        self._annotators[session] = known
        return known

    # --- showing and answering --------------------------------------------------------------------------------------

    def upcoming(self, session: str) -> dict[str, Any]:
        """What the page needs next: the picture to show, the one to preload, and the annotator's progress."""
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
            "notice": self._notices.pop(session, None),
        }

    def _look_again(self, session: str, annotator: str) -> None:
        """Take over changes by another process, which may have deleted a person or imported answers."""
        if self.project.events.changed_elsewhere():
            self._queue = self._fresh_queue()
            self._trials.clear()
            self._seated.clear()
        if session in self._seated:
            return
        guest = self._guests.get(session, ANYBODY)
        self._require_own(annotator, guest)  # another browser may have taken the name meanwhile
        self.people.hold(annotator, guest)
        if self.project.events.begin_session(session, annotator, self._device if self._wears(session) else None):
            self._notices[session] = FORGOTTEN
        self._seated.add(session)

    def _trial(self, session: str) -> int:
        if session not in self._trials:
            self._trials[session] = self.project.events.n_answered(session)
        return self._trials[session]

    def answer(self, session: str, key: str, said: SentAnswer) -> bool:
        """Store an answer; returns whether it was new. It is on the disk when this returns.

        ``key`` identifies the request, so that a repeated one is stored once.

        Raises:
            InputError: the session or picture is not known, the answer has a field that the project does not ask for,
                or it came sooner than a picture can be seen.
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
        """Undo the annotator's last answer; returns the showing to repeat, or ``None`` if there was no answer."""
        annotator = self.annotator_of(session)
        with self._lock:
            undone = self.project.undo(annotator, session, key=f"{session}:{key}")
            if undone is not None:
                self._trials.pop(undone.session, None)  # counted anew, because the same request may come twice
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
        """The server's monotonic clock in milliseconds; signals are stamped on it."""
        return time.monotonic() * 1000

    def synchronise(self, session: str, *, offset_ms: float, round_trip_ms: float) -> None:
        """Record the offset of the page's clock to the server's, which the page measured with four time stamps."""
        self.annotator_of(session)
        self.project.events.note_clock(session, offset_ms=offset_ms, round_trip_ms=round_trip_ms)

    def _measured(self, session: str, said: SentAnswer) -> Mapping[str, float]:
        """Means of the signals from the picture's paint to the last key; unmeasured signals are left out."""
        worn, offset_ms = self._worn_by(session), said.offset_ms
        if worn is None or offset_ms is None or said.onset is None or said.done is None:
            return {}
        return worn.window((said.onset + offset_ms) / 1000, (said.done + offset_ms) / 1000)

    @property
    def measures(self) -> bool:
        """Whether a device is attached."""
        return self._worn is not None

    def device_state(self, session: str) -> dict[str, Any] | None:
        """The device's state for the page; ``None`` if this session's annotator does not wear a device.

        Raises:
            InputError: the session is not known.
        """
        worn = self._worn_by(session)
        if worn is None:
            return None
        state = worn.state()
        return {name: None if name in self._hidden else value for name, value in state.items()}
