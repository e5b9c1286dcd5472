"""`Gate`: the ASGI layer in front of the application that bounds what strangers can send, and asks for the token."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from joryu.serving.web.counters import Counters
from joryu.serving.web.json_response import SafeJSONResponse
from joryu.serving.web.limits import Refused, RequestLimits, busy

OPEN = {"/healthz"}  #: what needs no token
PART_S = 10.0  #: seconds to wait for the next part of a body
LINGER_S = 5.0  #: seconds in which what a refused client still sends is read and thrown away
_NAMES = {"127.0.0.1", "localhost", "[::1]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a client must show: a token, of which only the hash is kept; without one, that it runs on this machine."""

    digest: bytes | None = None

    @classmethod
    def of(cls, token: str | None) -> Key:
        """The key for a token; none for ``None``."""
        return cls(digest=None if token is None else hashlib.sha256(token.encode()).digest())

    def require(self, headers: Headers) -> None:
        """Check the headers of a request, in constant time.

        Raises:
            Refused: no token, or another.
        """
        if self.digest is None:
            return
        shown = headers.get("x-goog-api-key") or _bearer(headers.get("authorization", ""))
        if not shown:
            raise Refused(
                401,
                "this server wants a token, in the header x-goog-api-key or Authorization: Bearer; never in the URL",
            )
        if not hmac.compare_digest(hashlib.sha256(shown.encode("latin-1", "replace")).digest(), self.digest):
            raise Refused(401, "the token is another one")


def _bearer(said: str) -> str:
    """The token in an ``Authorization`` header, whose scheme may be written in any case (RFC 9110, section 11.1)."""
    scheme, _, token = said.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else said.strip()


class Gate:
    """Lets a request through whose body is whole and within the limits, and answers all others.

    The body is read here, so that the application waits for no client. A page of another site can send a request to
    this machine but not read the answer; it is refused all the same (``Origin``), and so is a name that was made to
    point here (``Host``), unless the server listens for others and asks for a token.

    Args:
        app: the application.
        limits: sizes and times.
        key: what a client must show.
        counters: hear of every request.
    """

    def __init__(self, app: ASGIApp, *, limits: RequestLimits, key: Key, counters: Counters) -> None:
        self._app, self._limits, self._key, self._counters = app, limits, key, counters
        self._running = self._lingering = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer, body = _Watched(send), _Incoming(receive)
        with self._counters.request(scope["path"], answer.status_of):
            try:
                async with asyncio.timeout(self._limits.seconds):
                    await self._pass(scope, body.receive, answer.send)
            except TimeoutError:
                await self._refuse(Refused(504, f"no answer within {self._limits.seconds:g} seconds"), scope, answer)
            except Refused as refused:
                await self._refuse(refused, scope, answer)
        if answer.open:
            await self._discard(body)
            await answer.end()

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        self._require_ours(headers)
        if scope["path"] not in OPEN:
            self._key.require(headers)
        if scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        if self._running >= self._limits.requests:
            raise busy(f"{self._running} requests are being answered already")
        self._running += 1
        try:
            content = await _read_body(headers, receive, self._limits.body)
            await self._app(scope, _replayed(content, receive), send)
        finally:
            self._running -= 1

    def _require_ours(self, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._key.digest is None and host.rpartition(":")[0].lower() not in _NAMES and host.lower() not in _NAMES:
            raise Refused(421, "this server answers on this machine only: as 127.0.0.1, localhost or [::1]")
        if origin is not None and origin.partition("://")[2] != host:
            raise Refused(403, "pages of other sites are not answered")

    async def _refuse(self, refused: Refused, scope: Scope, answer: _Watched) -> None:
        if answer.status is not None:
            return  # a part of the answer has gone; the connection ends
        told = SafeJSONResponse(refused.to_json(), refused.status, refused.headers)
        if scope["method"] in ("GET", "HEAD"):
            await told(scope, _nothing, answer.send)
            return
        told.headers["connection"] = "close"  # not all that the client still sends is read
        await told(scope, _nothing, answer.send_open)

    async def _discard(self, body: _Incoming) -> None:
        """Read on after a refusal, within bounds: the kernel resets a connection that is closed with bytes unread.

        Whoever sends a body whole before they read would be told of the reset, and not of the refusal.
        """
        if self._lingering >= self._limits.requests:
            return
        self._lingering += 1
        taken = 0
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    while not body.whole and taken < 4 * self._limits.body:
                        taken += len((await body.receive()).get("body", b""))
        finally:
            self._lingering -= 1


class _Incoming:
    """A way to receive that remembers whether all has come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.whole = False

    async def receive(self) -> Message:
        message = await self._receive()
        self.whole = not message.get("more_body", False)  # or the client has gone
        return message


class _Watched:
    """A way to send that remembers the status, and that can keep the end of an answer back."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None
        self.open = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
        await self._send(message)

    async def send_open(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            message["more_body"] = self.open = True
        await self.send(message)

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def status_of(self) -> int:
        return self.status or 499  # the client went before there was an answer


async def _read_body(headers: Headers, receive: Receive, most: int) -> bytes:
    too_long = Refused(413, f"the body is too long: at most {most:,} bytes")
    said = headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > most:
        raise too_long
    parts, taken = list[bytes](), 0
    while True:
        try:
            async with asyncio.timeout(PART_S):  # wait_for would make a task of each part
                message = await receive()
        except TimeoutError as error:
            raise Refused(408, f"nothing came for {PART_S:g} seconds") from error
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client went before its request was whole")
        parts.append(message.get("body", b""))
        taken += len(parts[-1])
        if taken > most:
            raise too_long
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(content: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return again


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
