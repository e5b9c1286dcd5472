"""Connect to public addresses alone, and to the very address that was looked at.

A name that stands in a list may lead anywhere, also into the network of whoever collects (server-side request forgery).
So every connection, those after redirects too, is made here: the host's addresses are looked up once, each is checked,
and one of *these* is connected to, so that a name which leads elsewhere a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the addresses of a host for a port.

Raises:
    OSError: it has none.
"""

_INNER: Final = {
    ipaddress.ip_network("64:ff9b::/96"): 0,  # NAT64 (RFC 6052): the last 32 bits are an IPv4 address
    ipaddress.ip_network("::/96"): 0,  # IPv4-compatible (RFC 4291, given up long ago)
}


class RefusedAddress(Exception):  # noqa: N818 - it is a verdict about an address
    """A host leads to an address that is not public."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, and so does an IPv4 address inside it.

    >>> [is_public(one) for one in ("93.184.215.14", "127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1")]
    [True, False, False, False, False]
    >>> [is_public(one) for one in ("2606:4700::1111", "::1", "fe80::1%eth0", "::ffff:127.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False]
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None or found.is_site_local:
            return False
        if (inner := _inside(found)) is not None:
            return is_public(str(inner))
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for; of Teredo, that of the client, who is behind it."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _INNER):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, as the system knows them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class PublicOnly:
    """A network backend of httpcore2 that connects to public addresses alone, unless ``private`` ones are allowed.

    A host of which one address is public and another is not is refused whole: such a pair is how rebinding begins.
    """

    def __init__(self, *, private: bool = False, resolve: Resolve = look_up) -> None:
        self._http: Any = importlib.import_module("httpcore2")
        self._network, self._private, self._resolve = self._http.AnyIOBackend(), private, resolve

    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> Any:  # fmt: skip
        """Connect to one of the host's addresses, the first that answers.

        Raises:
            RefusedAddress: one of them is not public.
            httpcore2.ConnectError: it has none, or none answers.
        """
        addresses = await self._addresses(host, port)
        for at, address in enumerate(addresses, start=1):
            try:
                return await self._network.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (self._http.ConnectError, self._http.ConnectTimeout):
                if at == len(addresses):
                    raise
        raise self._http.ConnectError(f"{host} has no address")

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise self._http.ConnectError(f"{host} is not found: {error}") from error
        for address in addresses:
            if not self._private and not is_public(address):
                raise RefusedAddress(f"{host} leads to {address}, which is no public address")
        return addresses

    async def connect_unix_socket(self, path: str, timeout: float | None = None, socket_options: Any = None) -> Any:
        """Refuse: no address leads to a file.

        Raises:
            RefusedAddress: always.
        """
        raise RefusedAddress(f"{path} is a socket of this computer")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
