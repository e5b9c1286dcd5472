"""`Rejected`: a file that was left out of a set, with the reason."""

from __future__ import annotations

from typing import NamedTuple


class Rejected(NamedTuple):
    """A file that was left out, and why."""

    name: str
    reason: str
