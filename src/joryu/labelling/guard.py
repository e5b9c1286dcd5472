"""`Guard`: protects the page against other web sites, programs and users. Each rule prevents a known kind of attack."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from joryu.labelling.tickets import Guest, Tickets

MOST_BYTES = 64 * 1024  #: the largest body of a request
BODY_S = 20.0  #: seconds to wait for the next part of a body
SAFE = {"GET", "HEAD"}
KEY = (
    "x-joryu-key"  #: the header with the key that the page keeps; another site cannot send it, another port not read it
)
PAGES = {"/", "/summary"}
ENTER = "/api/enter"
DOOR = Path(__file__).parent / "templates" / "door.html"

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


class Guard:
    """An ASGI layer in front of the whole application.

    It refuses hosts outside the list (DNS rebinding), cross-origin or non-JSON writes, bodies beyond the limit, and
    every request without both the cookie and the page's key. A browser cannot send a header with its first request for
    a page. That request gets a small entry page without any data of the project, which takes the token out of the
    address, enters with it, and fetches the real page with the key. A request that passes has ``request.state.guest``.

    Args:
        app: the application to protect.
        tickets: the links of this server, and who came by them.
        hosts: the accepted values of the ``Host`` header, with port.
        cookie: the cookie's name. It includes the port, because browsers do not separate cookies by port.
    """

    def __init__(self, app: ASGIApp, *, tickets: Tickets, hosts: frozenset[str], cookie: str) -> None:
        self._app, self._tickets, self._hosts, self._cookie = app, tickets, hosts, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the application has none
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded, headers = _with_headers(send), Headers(scope=scope)
        answer = self._refusal(scope, headers) or self._door(scope, headers)
        if answer is None and not _needs_nothing(scope):
            cookie = _cookie(headers, self._cookie)
            guest = self._guest(scope, headers, cookie)
            scope.setdefault("state", {})["guest"] = guest
            answer = _refuse(403, self._tickets.why_not(cookie)) if guest is None else None
        if answer is None and scope["method"] not in SAFE:
            answer = _unfit_body(headers)
        await (self._app(scope, _limited(receive), guarded) if answer is None else answer(scope, receive, guarded))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if host.lower() not in self._hosts:
            return _refuse(421, "this server answers to its own name only: open the link that joryu annotate printed")
        if not self._from_here(scope, headers, host):
            return _refuse(403, "only this page may change anything")
        return None

    def _from_here(self, scope: Scope, headers: Headers, host: str) -> bool:
        if scope["method"] in SAFE:
            return True
        own = f"{scope['scheme']}://{host}"
        return headers.get("origin") == own and headers.get("sec-fetch-site", "same-origin") == "same-origin"

    def _door(self, scope: Scope, headers: Headers) -> Response | None:
        """The response to a browser's first request for a page."""
        if scope["method"] not in SAFE or scope["path"] not in PAGES or KEY in headers:
            return None
        cookie = _cookie(headers, self._cookie)
        if self._tickets.opens(_asked(scope, "token"), cookie):
            return HTMLResponse(DOOR.read_bytes())
        if cookie:
            return _refuse(403, self._tickets.why_not(cookie))
        return _refuse(
            403, "open the link that joryu annotate printed: it works in one browser, and a new start prints another"
        )

    def _guest(self, scope: Scope, headers: Headers, cookie: str) -> Guest | None:
        if scope["path"].startswith("/pictures/") and scope["method"] in SAFE and KEY not in headers:
            return self._tickets.views(cookie, _asked(scope, "view"))
        return self._tickets.admitted(cookie, headers.get(KEY, ""))


def _needs_nothing(scope: Scope) -> bool:
    """Whether a request needs no permission: the page's own scripts and styles, and the request to enter."""
    return bool(scope["path"].startswith("/static/") or scope["path"] in {"/favicon.ico", ENTER})


def _asked(scope: Scope, name: str) -> str:
    query: bytes = scope["query_string"]
    return parse_qs(query.decode("latin-1")).get(name, [""])[0]


def _refuse(status: int, why: str) -> Response:
    return PlainTextResponse(why + "\n", status_code=status)


def _cookie(headers: Headers, name: str) -> str:
    # Browsers do not separate cookies by port, so other programs on this machine add theirs. The standard library's
    # SimpleCookie rejects all of them if one holds JSON or a space; browsers, and this parser, do not.
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
        try:
            message = await asyncio.wait_for(receive(), BODY_S)
        except TimeoutError:
            return {"type": "http.disconnect"}
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            return {"type": "http.disconnect"}  # the rest of a body beyond the limit is not read
        return message

    return counted


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept: list[Any] = [pair for pair in message["headers"] if pair[0].lower() != b"server"]
            message["headers"] = kept + [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        await send(message)

    return sending
