"""`Finding`: one thing an audit noticed, how bad it is, and what to try."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ENOUGH_LABELS = 100
"""Labelled examples under which agreement is reported but nothing is concluded from it."""

OVERRIDE = "--allow-dead-teacher"


class Severity(StrEnum):
    """How bad a finding is."""

    FATAL = "fatal"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the audit noticed, and what to try."""

    code: str
    severity: Severity
    message: str
    hint: str


def fatal(code: str, message: str, hint: str) -> Finding:
    """A finding that stops a training; the hint names the option that trains all the same."""
    return Finding(code, Severity.FATAL, message, f"{hint}; {OVERRIDE} trains all the same")
