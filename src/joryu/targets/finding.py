"""`Finding`: one thing an audit noticed, how bad it is, and what to try."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ENOUGH_LABELS = 100
"""The fewest labelled examples from whose agreement anything is concluded; with fewer it is only reported."""

OVERRIDE = "--allow-dead-teacher"


class Severity(StrEnum):
    """How bad a finding is: ``fatal`` if training would be pointless, ``warning`` if it may be, else ``note``."""

    FATAL = "fatal"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the audit noticed: a ``code`` for programs, a ``message``, and a ``hint`` of what to try."""

    code: str
    severity: Severity
    message: str
    hint: str


def fatal(code: str, message: str, hint: str) -> Finding:
    """A finding that stops a training; the hint names the option that trains all the same."""
    return Finding(code, Severity.FATAL, message, f"{hint}; {OVERRIDE} trains all the same")
