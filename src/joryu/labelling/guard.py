"""What stands between the page and everybody else. Each rule here is somebody's CVE."""

from __future__ import annotations

import hmac
import secrets
import threading
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024  #: of a request's body
SAFE = {"GET", "HEAD"}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Guest(NamedTuple):
    """Who comes by a token: one annotator, or somebody who is asked for a name; whether by another's invitation."""

    annotator: str | None = None
    invited: bool = False


ANYBODY = Guest()


class Tickets:
    """Random launch tokens, each good for one exchange, and the secret that the browser gets for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Guest] = {}
        self._secrets: dict[str, Guest] = {}

    def issue(self, token: str | None = None, *, guest: Guest = ANYBODY) -> str:
        """A token that can be exchanged once; the browser that does is this guest's."""
        fresh = token or secrets.token_urlsafe(32)
        with self._lock:
            self._open[fresh] = guest
        return fresh

    def exchange(self, token: str) -> str | None:
        """The secret for a token, which is then spent; ``None`` for any other."""
        with self._lock:
            # Every open token is compared, and in constant time, so that time tells nothing about them.
            found = [known for known in self._open if hmac.compare_digest(known.encode(), token.encode())]
            if not found:
                return None
            secret = secrets.token_urlsafe(32)
            self._secrets[secret] = self._open.pop(found[0])
            return secret

    def accepts(self, secret: str) -> bool:
        """Whether a browser shows a secret that was given for a token."""
        return self.guest(secret) is not None

    def guest(self, secret: str) -> Guest | None:
        """Whose token this secret was given for; ``None`` for any other secret."""
        with self._lock:
            known = list(self._secrets.items())
        found = [guest for one, guest in known if hmac.compare_digest(one.encode(), secret.encode())]
        return found[0] if found else None


class Guard:
    """An ASGI layer before everything else.

    Hosts outside the list (DNS rebinding), cross-origin or non-JSON writes, bodies beyond the limit and everything
    without the cookie are refused; a token in the address is exchanged for the cookie and taken out of the address.
    What passes has ``request.state.guest``: the `Guest` whose token it was.

    Args:
        app: what is guarded.
        tickets: of this launch.
        hosts: every acceptable ``Host`` header, port included.
        cookie: its name; the port is part of it, as cookies are not kept apart by port.
    """

    def __init__(self, app: ASGIApp, *, tickets: Tickets, hosts: frozenset[str], cookie: str) -> None:
        self._app, self._tickets, self._hosts, self._cookie = app, tickets, hosts, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none here
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        scope.setdefault("state", {})["guest"] = self._tickets.guest(_cookie(Headers(scope=scope), self._cookie))
        await self._app(scope, _limited(receive), guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if host.lower() not in self._hosts:
            return _refuse(421, "this server answers to its own name only: open the link that joryu annotate printed")
        if not self._from_here(scope, headers, host):
            return _refuse(403, "only this page may change anything")
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if token and scope["path"] == "/" and scope["method"] == "GET":
            return self._exchange(token, _cookie(headers, self._cookie))
        if not self._tickets.accepts(_cookie(headers, self._cookie)):
            return _refuse(403, "open the link that joryu annotate printed; it works once, a new start prints another")
        return None if scope["method"] in SAFE else _unfit_body(headers)

    def _from_here(self, scope: Scope, headers: Headers, host: str) -> bool:
        if scope["method"] in SAFE:
            return True
        own = f"{scope['scheme']}://{host}"
        return headers.get("origin") == own and headers.get("sec-fetch-site", "same-origin") == "same-origin"

    def _exchange(self, token: str, cookie: str) -> Response:
        secret = self._tickets.exchange(token)
        if secret is None and self._tickets.accepts(cookie):  # the same link, opened again in its own browser
            return RedirectResponse("/", status_code=303)
        if secret is None:
            return _refuse(403, "this link was used already, or is another server's: start joryu annotate again")
        moved = RedirectResponse("/", status_code=303)
        moved.set_cookie(self._cookie, secret, httponly=True, samesite="strict", path="/")
        return moved


def _refuse(status: int, why: str) -> Response:
    return PlainTextResponse(why + "\n", status_code=status)


def _cookie(headers: Headers, name: str) -> str:
    # Cookies are not kept apart by port, so whatever else runs on this machine adds its own. The standard library's
    # SimpleCookie gives up on all of them when one holds JSON or a space; browsers, and this parser, do not.
    return cookie_parser(headers.get("cookie", "")).get(name, "")


def _unfit_body(headers: Headers) -> Response | None:
    if headers.get("content-type", "").split(";")[0].strip() != "application/json":
        return _refuse(415, "JSON only")
    said = headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > MOST_BYTES:
        return _refuse(413, f"at most {MOST_BYTES} bytes")
    return None


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            return {"type": "http.disconnect"}  # a body that goes on beyond the limit is not read to its end
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept: list[Any] = [pair for pair in message["headers"] if pair[0].lower() != b"server"]
            message["headers"] = kept + [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await send(message)

    return sending
