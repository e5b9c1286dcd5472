"""Send requests over HTTP: one connection pool, time limits, no redirects, bodies of a bounded size."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from joryu.errors import MissingExtraError
from joryu.remote.api import Api
from joryu.remote.credentials import Credentials, is_here, require_endpoint
from joryu.remote.outcome import Lost, Received

LARGEST_ANSWER: Final = 64 * 2**20  #: bytes


def library() -> Any:
    """The HTTP library, httpx2.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module("httpx2")
    except ImportError as error:
        raise MissingExtraError("httpx2", "api", "asking an API") from error


class Sender:
    """Sends bodies to an API, at most ``connections`` at a time; an asynchronous context manager.

    Each connection has a client of its own: a pool looks at all of its connections before every request, which at 32 of
    them was a fifth of the processor time that asking takes.

    Redirects are not followed, as a key would travel with them. Proxies of the environment are used, but not for this
    computer. ``timeout`` is for a whole request, in seconds.

    Raises:
        MissingExtraError: httpx2 is not installed.
    """

    def __init__(self, api: Api, credentials: Credentials, *, connections: int, timeout: float) -> None:
        self._http, self._api, self._credentials, self._timeout = library(), api, credentials, timeout
        outside = not is_here(require_endpoint(api.endpoint))
        trusted = self._http.create_ssl_context(trust_env=outside)
        one = self._http.Limits(max_connections=1, max_keepalive_connections=1)
        setting = {"limits": one, "timeout": timeout, "follow_redirects": False, "trust_env": outside}
        self._clients = [self._http.AsyncClient(**setting, verify=trusted) for _ in range(connections)]
        self._idle: asyncio.LifoQueue[Any] = asyncio.LifoQueue()  # the one used last: its connection is open still
        for client in self._clients:
            self._idle.put_nowait(client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(client.aclose() for client in self._clients))

    async def send(self, body: bytes, content_type: str) -> Received | Lost:
        """Send one request and wait for its answer."""
        headers = {**self._credentials.headers(), "content-type": content_type}
        http, client = self._http, await self._idle.get()
        try:
            async with asyncio.timeout(self._timeout):
                return await self._send(client, body, headers)
        except (http.ConnectError, http.ConnectTimeout, http.PoolTimeout, http.UnsupportedProtocol) as error:
            return Lost("no connection", f"no connection: {self._said(error)}", sent=False)
        except (TimeoutError, http.TimeoutException):
            return Lost("timeout", f"no answer in {self._timeout:g} s", sent=True)
        except http.HTTPError as error:
            return Lost("dropped", f"the connection broke: {self._said(error)}", sent=True)
        finally:
            self._idle.put_nowait(client)

    async def _send(self, client: Any, body: bytes, headers: Mapping[str, str]) -> Received | Lost:
        sending = client.stream(self._api.method, self._api.endpoint, content=body, headers=dict(headers))
        async with sending as answer:
            parts, size = [], 0
            async for part in answer.aiter_bytes():
                parts.append(part)
                size += len(part)
                if size > LARGEST_ANSWER:
                    return Lost("oversized", f"an answer of more than {LARGEST_ANSWER >> 20} MiB", sent=True)
            content = self._credentials.redact(b"".join(parts).decode(errors="surrogateescape"))
            return Received(answer.status_code, dict(answer.headers), content.encode(errors="surrogateescape"))

    def _said(self, error: Exception) -> str:
        return self._credentials.redact(str(error) or type(error).__name__)[:200]
