"""Start the labelling page: a free port, a token, the device, and the browser."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import quote

import uvicorn

from joryu.annotations import Project, pseudonym
from joryu.errors import InputError
from joryu.labelling.app import create_app
from joryu.labelling.desk import Desk
from joryu.labelling.devices import open_device
from joryu.labelling.opening import opened
from joryu.labelling.tickets import Guest, Tickets
from joryu.labelling.worn import Worn
from joryu.listening.address import SHORTEST, is_local, listen, token_fault
from joryu.listening.connections import Patient, most_connections

PORT, HTTP = 8642, 80
NAMES = ("127.0.0.1", "localhost", "[::1]")
EVERYWHERE = ("0.0.0.0", "::", "[::]")  # noqa: S104 - addresses to listen on, but not to go to


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the page is served.

    ``token`` is random unless it is given; a ``host`` other than this machine requires a given one. It lets the person
    who started the server in, in one browser; others are invited on the summary page. ``port`` is by default 8642, or
    another free port.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    token: str | None = None

    def __post_init__(self) -> None:
        wrong = token_fault(self.token)
        if wrong is None and self.token:
            return
        expected = f"--token with at least {SHORTEST} characters that nobody guesses"
        if not is_local(self.host):
            raise InputError(
                f"the page would be open to everybody who reaches {self.host}", expected=expected,
                received=wrong or "none", hint="leave --host out to serve this computer alone",
            )  # fmt: skip
        if self.token:
            raise InputError(
                "this launch token can be guessed", expected=expected, received=wrong, hint="leave --token out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeller:
    """The person who labels at this machine, their device, and whether its values are hidden while they label."""

    annotator: str | None = None
    device: str | None = None
    hide_signals: bool = False


def check(labeller: Labeller) -> None:
    """Check the labeller's name and device, so that no project is made for settings that `serve` refuses.

    Raises:
        InputError: the name is not a pseudonym, or the device is unknown.
        MissingExtraError: the device's library is not installed.
    """
    if labeller.annotator is not None:
        pseudonym(labeller.annotator)
    if labeller.device is not None:
        open_device(labeller.device)
    elif labeller.hide_signals:
        raise InputError("--hide-signals hides what a device measures", expected="--device", received="none")


def serve(
    project: Project,
    *,
    place: Address,
    labeller: Labeller = Labeller(),
    browse: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve the page until Ctrl-C; ``say`` is called with its address.

    Raises:
        InputError: the address or the device's spec is not usable.
        MissingExtraError: the device's library is not installed.
    """
    with ExitStack() as stack:
        device = labeller.device
        worn = None if device is None else stack.enter_context(Worn(device, project))
        listening = stack.enter_context(_listen(place))
        port = int(listening.getsockname()[1])
        tickets = Tickets()
        desk = Desk(project, worn=worn, device=device, wearer=labeller.annotator, hide_signals=labeller.hide_signals)
        app = create_app(desk, tickets=tickets, hosts=hosts_of(place, port))
        link = link_to(place, port, tickets.issue(place.token, guest=Guest(labeller.annotator)))
        say(f"labelling {project.folder.resolve().name}: {link}")
        say("(this link is yours, for one browser: its summary page invites others; Ctrl-C stops)")
        if browse:
            stack.enter_context(opened(link, project.folder))
        # No access log, because it would hold the token. No proxy headers, because there is no proxy.
        config = uvicorn.Config(
            app, access_log=False, log_level="warning", proxy_headers=False, server_header=False, http=Patient,
            ws="none", backlog=most_connections(),
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listening])


def link_to(place: Address, port: int, token: str) -> str:
    """The link that enters with a token, which may contain any characters.

    >>> link_to(Address(), 8642, "a&b#c")
    'http://127.0.0.1:8642/?token=a%26b%23c'
    """
    return f"http://{name_of(place)}:{port}/?token={quote(token, safe='')}"


def name_of(place: Address) -> str:
    """The host in links to this server; if it listens on all addresses, the one by which others reach it."""
    return (_outward() or NAMES[0]) if place.host in EVERYWHERE else _written(place.host)


def hosts_of(place: Address, port: int) -> frozenset[str]:
    """The values of the ``Host`` header that mean this server."""
    others = _own_addresses() if place.host in EVERYWHERE else set()
    names = {*NAMES, name_of(place), *others}
    # Browsers leave out the default port of http.
    return frozenset({f"{name}:{port}" for name in names} | (names if port == HTTP else set()))


def _written(host: str) -> str:
    """A host as browsers write it in an address and in the ``Host`` header."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower()
    return f"[{address}]" if address.version == 6 else str(address)


def _outward() -> str | None:
    """The address by which this machine reaches others, if it reaches any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nobody's (RFC 5737); a datagram socket looks up the route, sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _own_addresses() -> set[str]:
    name = socket.gethostname()
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    except OSError:
        found = set()
    return {name.lower(), *map(_written, found)}


def _listen(place: Address) -> socket.socket:
    return listen(place.host, place.port, PORT)
