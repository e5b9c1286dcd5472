"""`Fetcher`: one address to the bytes of what lies there, through checked redirects and within limits."""

from __future__ import annotations

import asyncio
import importlib
import time
import zlib
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from joryu.collecting.addresses import PublicOnly, RefusedAddress, Resolve, look_up
from joryu.collecting.hosts import Host, Hosts, Unreachable
from joryu.collecting.limits import FetchLimits
from joryu.collecting.robots import Robots
from joryu.collecting.urls import Address, parse_address
from joryu.errors import InputError
from joryu.remote.pace import retry_after_s
from joryu.remote.transport import library

AGENT: Final = "joryu"  #: the product token that robots.txt may name
_LARGEST_RULES: Final = 512 * 1024  #: bytes of a robots.txt that are read (RFC 9309 §2.5 asks for 500 KiB)
_RULES_REDIRECTS: Final = 5
_MOVED: Final = (301, 302, 303, 307, 308)
_MAY_PASS: Final = (408, 425, 429, 500, 502, 503, 504)
_WORDS: Final = {403: "forbidden", 404: "not found", 410: "gone", 429: "too many requests", 503: "unavailable"}


class Fetched(NamedTuple):
    """What lay at an address: the last one after redirects, the type that the host said, and the bytes."""

    address: str
    type: str
    content: bytes


class Missed(NamedTuple):
    """Why nothing came; ``for_good``: the same would come of another attempt. ``wait``: seconds the host asks for."""

    reason: str
    for_good: bool
    wait: float | None = None


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


class _TooLarge(Exception):  # noqa: N818
    pass


class Fetcher:
    """Fetches pictures; an asynchronous context manager.

    It sends no cookie and no password, uses no proxy of the environment, and asks for nothing that a host's robots.txt
    disallows; each redirect is checked as the first address was.

    Raises:
        MissingExtraError: httpx2 is not installed.
    """

    def __init__(self, limits: FetchLimits, hosts: Hosts, *, agent: str, resolve: Resolve = look_up) -> None:
        library()
        self._http: Any = importlib.import_module("httpcore2")  # the engine of httpx2: there one chooses the address
        self._limits, self._hosts = limits, hosts
        self._headers = {"User-Agent": agent, "Accept": "image/*,*/*;q=0.5", "Accept-Encoding": "identity"}
        self._in_flight = asyncio.Semaphore(limits.concurrency)
        self._pool = self._http.AsyncConnectionPool(
            max_connections=limits.concurrency, max_keepalive_connections=limits.concurrency, keepalive_expiry=15.0,
            network_backend=PublicOnly(private=limits.private, resolve=resolve),
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def fetch(self, place: str) -> Fetched | Missed:
        """What lies at an address, or why nothing came.

        Raises:
            Unreachable: its host is left alone for this run.
        """
        try:
            address, spent = parse_address(place), 0.0
            for hop in range(self._limits.redirects + 1):
                host = self._hosts.of(address.origin)
                try:
                    await self._await_turn(address, host)
                except Unreachable as why:
                    if not hop:
                        raise
                    return Missed(f"it leads to {address.host}: {why}", for_good=False)
                answer, seconds = await self._ask(address, self._limits.seconds - spent, self._limits.largest)
                spent += seconds
                if isinstance(answer, Missed):
                    host.note(succeeded=answer.for_good, reason=answer.reason)
                    return answer
                if answer.status not in _MOVED:
                    return self._judged(address, host, answer)
                host.note(succeeded=True)
                address = address.joined(answer.headers.get("location", ""))
        except RefusedAddress as refused:
            return Missed(str(refused), for_good=True)
        except InputError as error:
            return Missed(str(error), for_good=True)
        return Missed(f"more than {self._limits.redirects} redirects", for_good=True)

    async def _await_turn(self, address: Address, host: Host) -> None:
        """Wait until an address may be asked for.

        Raises:
            Unreachable: its host is left alone.
            InputError: its robots.txt disallows it.
        """
        robots = await host.robots(partial(self._learn, address, host))
        if not robots.allows(address.target):
            raise InputError(f"robots.txt of {address.host} disallows it")
        await host.turn()

    def _judged(self, address: Address, host: Host, answer: _Answer) -> Fetched | Missed:
        if answer.status == 200:
            host.note(succeeded=True)
            return Fetched(address.text, answer.headers.get("content-type", ""), answer.content)
        said = _WORDS.get(answer.status)
        reason = f"HTTP {answer.status}" + (f", {said}" if said else "")
        may_pass = answer.status in _MAY_PASS
        wait = retry_after_s(answer.headers.get("retry-after")) if may_pass else None
        host.note(succeeded=not may_pass, reason=reason)
        if wait is not None:
            host.pause(wait)
        return Missed(reason, for_good=not may_pass, wait=wait)

    async def _learn(self, address: Address, host: Host) -> Robots:
        """The rules of a host: none where it has none (4xx), and nothing may be fetched where it does not say (5xx)."""
        there = address.joined("/robots.txt")
        for _ in range(_RULES_REDIRECTS + 1):
            await host.turn()
            answer, _ = await self._ask(there, self._limits.seconds, _LARGEST_RULES, cut=True)
            if isinstance(answer, Missed):
                raise Unreachable(f"its robots.txt cannot be read: {answer.reason}")
            if answer.status in _MOVED:
                there = there.joined(answer.headers.get("location", ""))
                continue
            if answer.status >= 500 or answer.status == 429:  # as RFC 9309 §2.3.1.4; 429 says nothing of rules either
                raise Unreachable(f"its robots.txt cannot be read: HTTP {answer.status}")
            text = answer.content.decode("utf-8", errors="replace").removeprefix("\ufeff")
            return Robots.parse(text, agent=AGENT) if answer.status == 200 else Robots()
        return Robots()  # RFC 9309 §2.3.1.2: more than five redirects are as if there were none

    async def _ask(
        self, address: Address, seconds: float, largest: int, *, cut: bool = False
    ) -> tuple[_Answer | Missed, float]:
        """Ask once, and how many seconds it took; ``cut``: of what is too large the beginning is enough."""
        async with self._in_flight:
            begun = time.monotonic()
            answer = await self._answer(address, seconds, largest, cut=cut)
            return answer, time.monotonic() - begun

    async def _answer(self, address: Address, seconds: float, largest: int, *, cut: bool) -> _Answer | Missed:
        http = self._http
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                return await self._stream(address, largest, cut=cut)
        except _TooLarge:
            return Missed(f"larger than {largest:,} bytes", for_good=True)
        except (TimeoutError, http.TimeoutException):
            return Missed(f"not finished in {self._limits.seconds:g} s", for_good=False)
        except http.ConnectError as error:
            return Missed(f"no connection: {_said(error)}", for_good=False)
        except (http.NetworkError, http.ProtocolError, zlib.error, OSError) as error:  # TLS that breaks is an OSError
            return Missed(f"the answer broke off: {_said(error)}", for_good=False)

    async def _stream(self, address: Address, largest: int, *, cut: bool) -> _Answer:
        async with self._pool.stream("GET", address.text, headers=self._headers) as answer:
            headers = {name.decode("latin-1").lower(): _text(value) for name, value in answer.headers}
            if answer.status != 200:  # what an error says at length is not waited for
                return _Answer(answer.status, headers, b"")
            if not cut and int_of(headers.get("content-length")) > largest:
                raise _TooLarge
            content = await _body(answer, headers.get("content-encoding", ""), largest, cut=cut)
            return _Answer(answer.status, headers, content)


async def _body(answer: Any, encoding: str, largest: int, *, cut: bool) -> bytes:
    """The bytes, counted as they come; also those of hosts that compress what was asked for plain.

    Raises:
        InputError: an encoding that was not asked for and is not known.
    """
    known = {"": None, "identity": None, "gzip": 31, "x-gzip": 31, "deflate": 15}
    if encoding.lower() not in known:
        raise InputError("the host encodes what was asked for plain", expected="identity", received=encoding)
    bits = known[encoding.lower()]
    inflating = None if bits is None else zlib.decompressobj(bits)
    content = bytearray()
    async for part in answer.aiter_stream():
        content += part if inflating is None else inflating.decompress(part, largest + 1 - len(content))
        if len(content) > largest:
            if cut:
                return bytes(content[:largest])
            raise _TooLarge
    if inflating is not None and not inflating.eof:
        raise zlib.error("it ends in the middle")
    return bytes(content)


def int_of(header: str | None) -> int:
    """The number in a header, 0 where there is none.

    >>> int_of("12"), int_of("a lot"), int_of(None)
    (12, 0, 0)
    """
    return int(header) if header is not None and header.isascii() and header.isdigit() else 0


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]


def _text(header: bytes) -> str:
    """A header as text. Addresses of redirects come in UTF-8, too, where the standard has ASCII alone."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")
