"""Where a server listens, and whether a token that a person chose keeps others out."""

from __future__ import annotations

import ipaddress
import socket

from joryu.errors import InputError
from joryu.listening.guessing import ENOUGH, surprises

SHORTEST = 16  #: the least characters of a token chosen by a person


def is_local(host: str) -> bool:
    """Whether an address is this machine's own.

    >>> is_local("127.0.0.1"), is_local("[::1]"), is_local("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_fault(token: str | None) -> str | None:
    """What is wrong with a chosen token, or ``None``; the token itself is not repeated, as others may see it.

    >>> token_fault("abc"), token_fault("o7Rk-2vXq_9mTz4B")
    ('3 characters', None)
    """
    if not token:
        return None
    if token.encode(errors="replace").decode() != token:
        return "signs that are not text"
    if len(token) < SHORTEST:
        return f"{len(token)} characters"
    if surprises(token) < ENOUGH:
        return f"{len(token)} characters, most of which repeat or continue those before"
    return None


def listen(host: str, port: int | None, usual: int) -> socket.socket:
    """A socket that listens on ``port``; without one on the ``usual`` port, or on another free one.

    Raises:
        InputError: the port is taken or is none, or the address is not this machine's.
    """
    if port is not None and not 0 <= port < 2**16:
        raise InputError("is no port", setting="port", expected="0 (any that is free) to 65535", received=port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    reason = ""
    for one in [port] if port is not None else [usual, 0]:
        # The protocol is named, as asyncio turns Nagle's algorithm off only then: each answer took 40 ms longer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host.strip("[]"), one))
        except (OSError, TypeError, UnicodeError) as error:  # the latter two of what cannot be the name of a host
            listening.close()
            reason = getattr(error, "strerror", None) or str(error)
            continue
        listening.listen()  # a client may knock before the server has begun; it waits instead of being refused
        return listening
    raise InputError(
        f"cannot listen on {host}", expected="a free port and an address of this machine", received=reason,
        hint="try another --port",
    )  # fmt: skip
