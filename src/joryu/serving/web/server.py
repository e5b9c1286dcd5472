"""Start the server: a socket, a token for strangers, and a stop that lets every request end."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import uvicorn

from joryu.errors import InputError
from joryu.listening.address import SHORTEST, is_local, listen, token_fault
from joryu.listening.connections import most_connections
from joryu.serving.web.app import Served, create_app
from joryu.serving.web.gate import Gate
from joryu.serving.web.limits import RequestLimits
from joryu.serving.web.main_thread import WorkHere
from joryu.serving.web.opening import Opened, warm_up
from joryu.serving.web.protocol import Quick

PORT: Final = 8643
VARIABLE: Final = "JORYU_SERVE_TOKEN"  #: where the token is read from, unless from a file


class Place(NamedTuple):
    """Where a server listens; without a ``port`` on 8643, or another free one."""

    host: str = "127.0.0.1"
    port: int | None = None


def read_token(host: str, file: Path | None) -> str | None:
    """The token that clients must show: of a file, else of the environment; none if only this machine can ask.

    It is never taken from the command line, which other users of a machine can read.

    Raises:
        InputError: others could ask and there is no token, it can be guessed, or the file cannot be read.
    """
    where, token = f"${VARIABLE}", os.environ.get(VARIABLE)
    if file is not None:
        where = str(file)
        try:
            token = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "bytes that are no text"
            raise InputError(f"the token in {file} cannot be read", received=reason) from error
        if not token:
            raise InputError(f"{file} holds no token", expected="one line", received="nothing")
    expected = f"a token of at least {SHORTEST} characters that nobody guesses, in ${VARIABLE} or --token-file"
    hint = "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
    if fault := token_fault(token):
        raise InputError(f"the token in {where} can be guessed", expected=expected, received=fault, hint=hint)
    if not token and not is_local(host):
        raise InputError(
            f"everybody who reaches {host} could ask", expected=expected, received="none",
            hint=f"{hint}, or leave --host out to serve this computer alone",
        )  # fmt: skip
    return token or None


def serve(model: Opened, *, place: Place, served: Served, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; what is being answered then is answered still. ``say`` is told the address.

    Raises:
        InputError: the address is not usable.
    """
    with listen(place.host, place.port, PORT) as listening:
        here = WorkHere()
        server = server_of(create_app(model, served, thread=here), served.limits)
        warm_up(model)
        name = f"[{place.host.strip('[]')}]" if ":" in place.host else place.host
        say(f"http://{name}:{listening.getsockname()[1]} answers {model.behind.question.count}")
        with _stopping(server), ThreadPoolExecutor(1, thread_name_prefix="http") as beside:
            running = beside.submit(_run, server, listening, here)
            here.work()
            running.result()


def _run(server: uvicorn.Server, listening: socket.socket, model: WorkHere) -> None:
    try:
        server.run(sockets=[listening])
    finally:
        model.shutdown(cancel_futures=True)  # the main thread must not wait for a server that has ended


@contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[None]:
    """SIGINT and SIGTERM let the server end; a second SIGINT does not wait for what is being answered."""
    before = {one: signal.signal(one, server.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def server_of(app: Gate, limits: RequestLimits) -> uvicorn.Server:
    """The server itself. When it stops, requests that are being answered have the time of a request to end."""
    # No access log, no proxy headers: nothing that a client says is kept, and there is no proxy.
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", proxy_headers=False, server_header=False, http=Quick,
        ws="none", backlog=most_connections(), timeout_graceful_shutdown=int(limits.seconds) + 1,
    )  # fmt: skip
    return uvicorn.Server(config)
