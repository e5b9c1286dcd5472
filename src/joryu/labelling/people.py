"""`People`: which browser may label under which pseudonym."""

from __future__ import annotations

import unicodedata

from joryu.annotations.database import Database
from joryu.errors import InputError, JoryuError
from joryu.labelling.tickets import Guest


class NotYoursError(JoryuError):
    """This browser may not do that at present; the page keeps the answer until it may."""


class People:
    """Which browser may label under which pseudonym.

    A pseudonym belongs to the browsers that first used it. The host, who has the project's files anyway, may continue
    every pseudonym that a host began, but that of a guest only if the server was started with ``--annotator``. A guest
    may take a free name; an invitation made for a name allows that name in another browser.

    Args:
        events: the database that stores which browsers use a pseudonym.
    """

    def __init__(self, events: Database) -> None:
        self._events = events
        self._reserved: dict[str, bool] = {}  # names with a link, and whether the link is a guest's

    def reserve(self, name: str, *, guest: bool) -> None:
        """Reserve a name for the person a link was made for, until they come."""
        self._reserved.setdefault(name, guest)

    def take(self, name: str, guest: Guest) -> None:
        """Give a pseudonym to this browser, if that is allowed.

        Raises:
            InputError: the pseudonym is somebody else's, or looks almost the same as somebody else's.
        """
        if guest.annotator is not None and name != guest.annotator:
            raise InputError(f"this link is {guest.annotator}'s", received=repr(name))
        if not self.may_be(name, guest):
            hint = (
                "choose another name, or ask whoever started the server for an invitation as this one"
                if guest.invited
                else f"choose another name, or start with --annotator {name} to go on as this one"
            )
            raise InputError(f"{name} labels here already, in another browser", hint=hint)
        if guest.annotator is None:
            self._require_distinct(name)
        self.hold(name, guest)

    def hold(self, name: str, guest: Guest) -> None:
        """Record that a pseudonym belongs to this browser."""
        self._events.hold(name, guest.browser, host=not guest.invited)

    def may_be(self, name: str, guest: Guest) -> bool:
        """Whether this browser may label under this pseudonym."""
        holders = self._events.holders(name)
        if name == guest.annotator or guest.browser in holders:
            return True
        if guest.invited:
            return not holders and name not in self._reserved and name not in self._events.annotators()
        return any(holders.values()) or not (holders or self._reserved.get(name, False))

    def names_of(self, browser: str) -> list[str]:
        """The pseudonyms that a browser labels under."""
        return self._events.held_by(browser)

    def _require_distinct(self, name: str) -> None:
        known = {*self._events.annotators(), *self._reserved}
        like = sorted(other for other in known if other != name and _folded(other) == _folded(name))
        if like and name not in known:
            raise InputError(
                f"somebody labels here as {like[0]}", received=repr(name),
                hint="write it the same way, or choose another",
            )  # fmt: skip


def _folded(name: str) -> str:
    """A name without differences of case, character width and spaces."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
