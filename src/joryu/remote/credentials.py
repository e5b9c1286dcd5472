"""Keys of paid APIs: read from the environment, sent in a header, and shown nowhere."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from typing import Any, Final, Protocol, final
from urllib.parse import quote, urlsplit

from joryu.errors import InputError
from joryu.remote.api import Api

HIDDEN: Final = "[key]"


class Credentials(Protocol):
    """What a request is signed with."""

    def headers(self) -> Mapping[str, str]:
        """The headers to send, fresh for each request; it may ask a server for a new token."""
        ...

    def redact(self, text: str) -> str:
        """The text without any secret."""
        ...


@final
class Anonymous:
    """No key at all, for a server on this computer."""

    def headers(self) -> Mapping[str, str]:
        return {}

    def redact(self, text: str) -> str:
        return text


@final
class Key:
    """A key that was read from an environment variable; it never shows itself.

    >>> key = Key("planted", header="x-goog-api-key")
    >>> key, key.redact("no such key: planted")
    (Key([key]), 'no such key: [key]')
    """

    __slots__ = ("_header", "_prefix", "_secret")

    def __init__(self, secret: str, *, header: str, prefix: str = "") -> None:
        self._secret, self._header, self._prefix = secret, header, prefix

    def headers(self) -> Mapping[str, str]:
        return {self._header: self._prefix + self._secret}

    def redact(self, text: str) -> str:
        for form in (self._secret, quote(self._secret, safe="")):
            text = text.replace(form, HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"

    def __reduce__(self) -> Any:
        raise TypeError("a key is not copied to other processes or files")


def find_credentials(api: Api, environment: Mapping[str, str] = os.environ) -> Credentials:
    """The key of an API, from the environment variable that its description names.

    A server on this computer may do without. Google's application default credentials are used where there is no key
    (extra ``api``).

    Raises:
        InputError: there is none, it cannot be one, or it would travel unencrypted.
    """
    host = require_endpoint(api.endpoint)
    if api.key is None:
        return Anonymous()
    secret = environment.get(api.key.env, "").strip()
    if not secret:
        if is_here(host) or not api.key.needed:
            return Anonymous()
        if api.name == "google-vision" and (found := _google_login(environment)) is not None:
            return found
        raise InputError(
            f"{api.name} needs a key", expected=f"it in the environment variable {api.key.env}", received="none",
            hint=f"type export {api.key.env}=… in the shell, never the key in a command",
        )  # fmt: skip
    if not secret.isascii() or not secret.isprintable() or len(secret) < 4:
        raise InputError(
            f"what {api.key.env} holds cannot be a key", expected="four or more printable ASCII characters",
            received=f"{len(secret)} characters (not shown)",
        )  # fmt: skip
    if urlsplit(api.endpoint).scheme != "https" and not is_here(host):
        raise InputError("a key would travel unencrypted", expected="https://…", received=api.endpoint)
    return Key(secret, header=api.key.header, prefix=api.key.prefix)


def is_here(host: str) -> bool:
    """Whether a host is this computer.

    >>> is_here("127.0.0.1"), is_here("localhost"), is_here("vision.googleapis.com")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_endpoint(endpoint: str) -> str:
    """The host of an endpoint, which must be a plain address: what is typed there is recorded.

    Raises:
        InputError: it is no address, or holds a name, a password or a query, any of which might be secret.
    """
    try:
        place = urlsplit(endpoint)
        host, _ = place.hostname, place.port
    except ValueError:
        host, place = None, urlsplit("")
    if place.scheme not in ("http", "https") or not host:
        raise InputError("is no address", setting="endpoint", expected="https://HOST or http://127.0.0.1:PORT")
    if place.username is not None or place.password is not None or place.query or place.fragment:
        raise InputError(
            "holds more than an address, and is recorded with the answers", setting="endpoint",
            expected="scheme, host, port and path alone", received=f"{place.scheme}://{host}… (the rest is not shown)",
            hint="give keys in the environment",
        )  # fmt: skip
    return host


def _google_login(environment: Mapping[str, str]) -> Credentials | None:
    from joryu.remote.google_login import find_login  # noqa: PLC0415 - needs an extra

    return find_login(environment)
