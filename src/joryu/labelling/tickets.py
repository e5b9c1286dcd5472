"""Who may come in: links that open the page in one browser each, and what that browser shows from then on."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple


class Guest(NamedTuple):
    """Who comes by a link.

    ``annotator``: whose link it is; ``None``: whoever comes is asked for a name. ``invited``: by the one who started
    the server, who is the host. ``browser``: the hash of what their browser keeps. ``view``: what it shows for
    pictures.
    """

    annotator: str | None = None
    invited: bool = False
    browser: str = ""
    view: str = ""


ANYBODY = Guest()


class Invitation(NamedTuple):
    """A link for a guest, as its host sees it; ``token`` is ``None`` once a browser came by it."""

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
    """Links and who came by them.

    A link is good for one browser. That browser gets a cookie, and shows with it a key that it made itself. Cookies are
    sent to every port of a host, so a cookie alone opens nothing; the key lives in the page's own storage, which
    browsers do keep apart by port. Of keys only hashes are kept.

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
        """A token that one browser can enter by; that browser is this guest's."""
        fresh = token or secrets.token_urlsafe(32)
        with self._lock:
            self._tickets.append(_Ticket(fresh, guest))
        return fresh

    def enter(self, token: str, *, key: str, view: str) -> str | None:
        """The cookie for a browser that comes by a token, and again if it lost it; ``None``: not by this token."""
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
        """Whose browser shows this cookie and this key; ``None``: nobody's, or it lacks one of them."""
        guest = self._guest(cookie)
        return guest if guest is not None and hmac.compare_digest(guest.browser, hash_of(key)) else None

    def views(self, cookie: str, view: str) -> Guest | None:
        """Whose browser asks for a picture. An image is asked for without headers: a second key is in its address."""
        guest = self._guest(cookie)
        return guest if guest is not None and hmac.compare_digest(guest.view.encode(), view.encode()) else None

    def opens(self, token: str, cookie: str) -> bool:
        """Whether an address with this token, or without one, may be tried in a browser with this cookie."""
        ticket = self._find(lambda one: one.token, token)
        return (ticket is not None and not ticket.revoked) or self._guest(cookie) is not None

    def why_not(self, cookie: str) -> str:
        """What to tell whoever was not admitted."""
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
        """Those that stand, in the order they were made."""
        with self._lock:
            standing = [one for one in self._tickets if one.guest.invited and not one.revoked]
        return [
            Invitation(one.id, one.guest.annotator, one.guest.browser, one.token if one.cookie is None else None)
            for one in standing
        ]

    def revoke(self, invitation: str) -> bool:
        """Take an invitation back, whether somebody came by it or not; whether there was one."""
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
        """The ticket whose secret this is; every one is compared, in constant time, so that time tells nothing."""
        with self._lock:
            every = [(one, said(one)) for one in self._tickets]
        found = [one for one, own in every if hmac.compare_digest(own.encode(), secret.encode(errors="replace"))]
        return found[0] if found and secret else None


def hash_of(key: str) -> str:
    """What is kept of a browser's key."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
