"""`ShownSince`: refuse answers that come sooner than anybody can see the picture."""

from __future__ import annotations

from collections.abc import Callable

from joryu.annotations import Timing
from joryu.annotations.answer import FASTEST_MS
from joryu.errors import InputError
from joryu.labelling.queue import Task


class ShownSince:
    """The time at which each session was given its current picture.

    The page itself reports the time from paint to key, and a manipulated page may report anything. But no picture is
    painted before it was given, so the server's clock is a bound that no page can change.

    Args:
        seconds: a monotonic clock in seconds.

    >>> moments = iter([0.0, 0.035])
    >>> seen = ShownSince(moments.__next__)
    >>> seen.give("session", Task("ab12", 0))
    >>> seen.require("session", Task("ab12", 0), Timing(rt_ms=742.0))
    Traceback (most recent call last):
    ...
    joryu.errors.InputError: this came sooner than the picture can be seen (expected at least 200 ms; received 35 ms); \
try looking again
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._given: dict[str, tuple[Task, float]] = {}

    def give(self, session: str, task: Task | None) -> None:
        """Record what a session shows from now on; a picture that it shows already keeps its time."""
        if task is None:
            self._given.pop(session, None)
        elif session not in self._given or self._given[session][0] != task:
            self._given[session] = task, self._seconds()

    def require(self, session: str, task: Task, timing: Timing) -> None:
        """Refuse an answer that came before anybody can have seen the picture.

        Raises:
            InputError: it came less than `FASTEST_MS` after the picture, by the page's times or by the server's clock.
        """
        hidden_ms = timing.hidden_ms or 0.0
        waits = [timing.first_key_ms, None if timing.rt_ms is None else timing.rt_ms - hidden_ms]
        given, since = self._given.get(session, (None, 0.0))
        if given == task:
            waits.append((self._seconds() - since) * 1000)
        shortest = min((wait for wait in waits if wait is not None), default=FASTEST_MS)
        if shortest < FASTEST_MS:
            raise InputError(
                "this came sooner than the picture can be seen", expected=f"at least {FASTEST_MS:.0f} ms",
                received=f"{max(0.0, shortest):.0f} ms", hint="try looking again",
            )  # fmt: skip
