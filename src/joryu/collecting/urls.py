"""Addresses that may be asked: http and https, with a host, without a name and a password."""

from __future__ import annotations

from typing import Any, NamedTuple

from joryu.errors import InputError
from joryu.remote.transport import library

_LONGEST = 8192  #: letters
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A web address, parsed. ``origin`` is scheme, host and port; ``target`` the path and the query."""

    text: str
    origin: str
    host: str
    target: str

    def joined(self, location: str) -> Address:
        """Where a redirect from here leads to.

        Raises:
            InputError: as `parse_address`.
        """
        return _checked(lambda url: url(self.text).join(location), location)


def parse_address(text: str) -> Address:
    """Parse an address.

    >>> parse_address("HTTP://Example.com/a b.jpg?x=1#top").text
    'http://example.com/a%20b.jpg?x=1'

    Raises:
        InputError: another scheme than http and https, no host, no such port, a name or password in it, or nonsense.
    """
    return _checked(lambda url: url(text), text)


def _checked(make: Any, said: str) -> Address:
    if len(said) > _LONGEST:
        raise InputError(
            "no address that can be asked", expected=f"at most {_LONGEST:,} letters", received=f"{len(said):,}"
        )
    http = library()
    try:
        url = make(http.URL).copy_with(fragment=None)
        host, scheme = url.host, url.scheme
        port = url.port if url.port is not None else _PORTS.get(scheme, 0)
    except (http.InvalidURL, ValueError, UnicodeError) as error:
        raise InputError("no address that can be asked", received=str(error)) from error
    if scheme not in _PORTS or not host:
        raise InputError(
            "no address that can be asked", expected="http:// or https:// and a host", received=scheme or "no scheme"
        )
    if not 0 < port < 2**16:
        raise InputError("no address that can be asked", expected="a port from 1 to 65535", received=port)
    if url.userinfo:
        raise InputError("an address with a name or password is not asked", expected="one that needs neither")
    shown = f"[{host}]" if ":" in host else host
    return Address(str(url), f"{scheme}://{shown}:{port}", host, url.raw_path.decode("ascii"))
