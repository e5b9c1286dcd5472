"""`Tickets`: links that let one browser each into the page, and the secrets that identify that browser afterwards."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Guest(NamedTuple):
    """A person who comes by a link.

    ``annotator``: the pseudonym that the link was made for; ``None``: they are asked for a name. ``invited``: whether
    they were invited by the host, who started the server. ``browser``: the hash of the key that their browser keeps.
    ``view``: the key with which it asks for pictures.
    """

    annotator: str | None = None
    invited: bool = False
    browser: str = ""
    view: str = ""


ANYBODY = Guest()


class Invitation(NamedTuple):
    """A link for a guest, as the host sees it; ``token`` is ``None`` once a browser has used it."""

    id: str
    annotator: str | None
    browser: str
    token: str | None


@dataclass(slots=True)
class _Ticket:
    token: str
    guest: Guest
    cookie: str | None = None  # once it is entered
    revoked: bool = False
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


class Tickets:
    """The links of a server, and the browsers that used them.

    A link works for one browser. That browser gets a cookie, and sends it together with a key that it made itself.
    Cookies are sent to every port of a host, so a cookie alone is not enough; the key is in the page's own storage,
    which browsers separate by port. Only hashes of keys are stored.

    >>> tickets = Tickets()
    >>> token = tickets.issue()
    >>> cookie = tickets.enter(token, key="k" * 64, view="v" * 32)
    >>> tickets.admitted(cookie, "k" * 64) is not None, tickets.admitted(cookie, "") is None
    (True, True)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets: list[_Ticket] = []

    def issue(self, token: str | None = None, *, guest: Guest = ANYBODY) -> str:
        """Make a token with which one browser can enter as this guest; returns it."""
        fresh = token or secrets.token_urlsafe(32)
        with self._lock:
            self._tickets.append(_Ticket(fresh, guest))
        return fresh

    def enter(self, token: str, *, key: str, view: str) -> str | None:
        """The cookie for a browser that enters with a token, or that lost its cookie; ``None`` if it may not enter."""
        found = self._find(lambda one: one.token, token)
        browser = hash_of(key)
        if found is None or found.revoked:
            return None
        with self._lock:
            if found.cookie is not None and not hmac.compare_digest(found.guest.browser, browser):
                return None
            found.guest = found.guest._replace(browser=browser, view=view)
            found.cookie = secrets.token_urlsafe(32)
            return found.cookie

    def admitted(self, cookie: str, key: str) -> Guest | None:
        """The guest whose browser has this cookie and this key; ``None`` if there is none."""
        guest = self._guest(cookie)
        return guest if guest is not None and hmac.compare_digest(guest.browser, hash_of(key)) else None

    def views(self, cookie: str, view: str) -> Guest | None:
        """The guest whose browser asks for a picture; images are requested without headers, so the URL has ``view``."""
        guest = self._guest(cookie)
        return guest if guest is not None and hmac.compare_digest(guest.view.encode(), view.encode()) else None

    def opens(self, token: str, cookie: str) -> bool:
        """Whether a browser with this cookie may try to enter with this token, or without one."""
        ticket = self._find(lambda one: one.token, token)
        return (ticket is not None and not ticket.revoked) or self._guest(cookie) is not None

    def why_not(self, cookie: str) -> str:
        """The explanation for a browser that was not admitted."""
        if not cookie:
            return (
                "This browser has no cookie of this page: it was cleared, or the page was opened elsewhere. Open the"
                " link again in the browser that it was opened in first; this page then goes on by itself."
            )
        ticket = self._find(lambda one: one.cookie or "", cookie)
        if ticket is None:
            return (
                "The server was started again. Open the link that it printed, or a new invitation, in this browser;"
                " this page then goes on by itself."
            )
        if ticket.revoked:
            return "This invitation was taken back. Ask whoever started the server for another one."
        return "This page's key is gone from the browser. Open the link again in the browser it was opened in first."

    # --- invitations ------------------------------------------------------------------------------------------------

    def invitations(self) -> list[Invitation]:
        """The valid invitations, in the order in which they were made."""
        with self._lock:
            standing = [one for one in self._tickets if one.guest.invited and not one.revoked]
        return [
            Invitation(one.id, one.guest.annotator, one.guest.browser, one.token if one.cookie is None else None)
            for one in standing
        ]

    def revoke(self, invitation: str) -> bool:
        """Revoke an invitation, used or not; returns whether it existed."""
        with self._lock:
            found = [one for one in self._tickets if one.guest.invited and one.id == invitation and not one.revoked]
            for one in found:
                one.revoked = True
        return bool(found)

    # --- finding ----------------------------------------------------------------------------------------------------

    def _guest(self, cookie: str) -> Guest | None:
        found = self._find(lambda one: one.cookie or "", cookie)
        return None if found is None or found.revoked else found.guest

    def _find(self, said: Callable[[_Ticket], str], secret: str) -> _Ticket | None:
        """The ticket with this secret. All are compared, in constant time, so that the time reveals nothing."""
        with self._lock:
            every = [(one, said(one)) for one in self._tickets]
        found = [one for one, own in every if hmac.compare_digest(own.encode(), secret.encode(errors="replace"))]
        return found[0] if found and secret else None


def hash_of(key: str) -> str:
    """The hash under which a browser's key is stored."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
