"""`Answer`: one person's answer at one showing of a picture, and what was measured meanwhile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from joryu.errors import InputError

FASTEST_MS = 200.0
"""Milliseconds after a picture's paint, before which nobody can have answered about it.

What tells pictures of animals from others is in the brain's signals 150 ms after they appear, and the first hands that
answer better than chance move after about 250 ms (Thorpe, Fize & Marlot 1996; VanRullen & Thorpe 2001). A key that
comes sooner was meant for the picture before, or for nothing."""

_PSEUDONYM = re.compile(r"[\w][\w .-]{0,39}")


def pseudonym(name: str) -> str:
    """Check that a name is usable as a pseudonym; returns it.

    >>> pseudonym("ann 2")
    'ann 2'

    Raises:
        InputError: it is too long, or has characters other than letters, digits, spaces, dots and dashes.
    """
    if not _PSEUDONYM.fullmatch(name):
        raise InputError(
            "this pseudonym is not usable", expected="1 to 40 letters, digits, spaces, dots or dashes",
            received=repr(name[:60]), hint="do not use an e-mail address",
        )  # fmt: skip
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The timing of an answer. A value that was not measured is ``None``, never 0.

    Args:
        rt_ms: milliseconds from the picture's paint to the key that completed the answer.
        first_key_ms: milliseconds from the paint to the first key.
        hidden_ms: the part of ``rt_ms`` in which the page was not visible.
        n_changes: how often a choice was changed to another one.
        trial: the number of the showing in the session, from 0.
    """

    rt_ms: float | None = None
    first_key_ms: float | None = None
    hidden_ms: float | None = None
    n_changes: int | None = None
    trial: int | None = None

    @property
    def visible_ms(self) -> float | None:
        """``rt_ms`` minus ``hidden_ms``; ``None`` if not measured, or if the page was hidden all the time.

        >>> Timing(rt_ms=900.0, hidden_ms=158.0).visible_ms
        742.0
        """
        if self.rt_ms is None:
            return None
        visible = self.rt_ms - (self.hidden_ms or 0.0)
        return visible if visible > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one showing of one picture to one annotator.

    Args:
        picture: key of the picture: SHA-256 of the file, in hexadecimal.
        annotator: a pseudonym.
        session: one sitting of one annotator.
        choice: the chosen class, by name; ``None`` means that the picture was skipped.
        severity: one of the project's severities, by name.
        second: the second choice, a class by name.
        confidence: one of the project's confidence levels, by name.
        showing: 0 the first time this annotator saw the picture, 1 the first repeat, …
        timing: response time and related values.
        signals: means over the time of the answer, by name (``attention``, ``heart_rate``, …). A signal that was not
            measured or is not believable is absent.
        at: when the answer was stored, in seconds since 1970.

    >>> answer = Answer(picture="ab12", annotator="a1", session="s1", choice="healthy", signals={"attention": 53.0})
    >>> answer.skipped, answer.signals.get("heart_rate")
    (False, None)
    """

    picture: str
    annotator: str
    session: str
    choice: str | None
    severity: str | None = None
    second: str | None = None
    confidence: str | None = None
    showing: int = 0
    timing: Timing = Timing()
    signals: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    at: float = 0.0

    @property
    def skipped(self) -> bool:
        """Whether the annotator gave no class."""
        return self.choice is None
