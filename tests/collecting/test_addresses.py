"""Only public addresses are connected to, and only those that were looked at."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

import httpcore2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.collecting.addresses import PublicOnly, RefusedAddress, is_public
from joryu.collecting.urls import parse_address
from joryu.errors import InputError

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),  # noqa: S104
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("2001:0:5ef5:79fd:0:0:80ff:fffe", "nonsense", ""),  # Teredo, of a client at 127.0.0.1
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", f"::ffff:{PUBLIC}", "64:ff9b::808:808"])
def test_what_is_public(address: str) -> None:
    assert is_public(address)


class Network:
    """Stands where the network is: what was connected to, and who does not answer."""

    def __init__(self, silent: Sequence[str] = ()) -> None:
        self.connected: list[str] = []
        self._silent = silent

    async def connect_tcp(self, host: str, port: int, **_: Any) -> str:
        self.connected.append(host)
        if host in self._silent:
            raise httpcore2.ConnectError("nobody there")
        return f"{host}:{port}"


def connect(answers: Sequence[Sequence[str]], network: Network, **how: Any) -> tuple[Any, list[str]]:
    """What connecting gave, and the names that were looked up."""
    waiting, looked_up = iter(answers), list[str]()

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return next(waiting)

    backend = PublicOnly(resolve=resolve, **how)
    backend._network = network
    return asyncio.run(backend.connect_tcp("name.example", 443)), looked_up


def test_a_name_that_says_something_else_a_moment_later_gains_nothing() -> None:
    """DNS rebinding: what is connected to is what was looked at, by its number."""
    network = Network()
    stream, looked_up = connect([[PUBLIC], ["127.0.0.1"]], network)
    assert (stream, network.connected, looked_up) == (f"{PUBLIC}:443", [PUBLIC], ["name.example"])


@pytest.mark.parametrize("addresses", [["10.0.0.1"], [PUBLIC, "127.0.0.1"], ["::ffff:192.168.0.1"]])
def test_a_host_with_an_address_that_is_not_public_is_not_connected_to(addresses: list[str]) -> None:
    network = Network()
    with pytest.raises(RefusedAddress, match=r"name\.example leads to .*, which is no public address"):
        connect([addresses], network)
    assert network.connected == []


def test_private_addresses_where_they_are_allowed() -> None:
    assert connect([["127.0.0.1"]], Network(), private=True)[0] == "127.0.0.1:443"


def test_the_next_address_where_one_does_not_answer() -> None:
    network = Network(silent=[PUBLIC])
    assert connect([[PUBLIC, "8.8.8.8"]], network)[0] == "8.8.8.8:443"
    with pytest.raises(httpcore2.ConnectError):
        connect([[PUBLIC]], Network(silent=[PUBLIC]))


def test_a_socket_of_this_computer_is_refused() -> None:
    with pytest.raises(RefusedAddress):
        asyncio.run(PublicOnly().connect_unix_socket("/run/some.sock"))


@pytest.mark.parametrize("name", ["localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::1]"])
def test_this_computer_by_all_its_names(name: str) -> None:
    backend = PublicOnly()
    network = Network()
    backend._network = network
    with pytest.raises((RefusedAddress, httpcore2.ConnectError)):
        asyncio.run(backend.connect_tcp(name, 80))
    assert network.connected == []


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://a.example/x", "file:///etc/passwd", "data:image/png;base64,AAAA", "gopher://a.example", "a.jpg", ""),
        *("http://", "http:///x.jpg", "https://user:secret@a.example/x.jpg", "http://user@a.example", "http://a:b/x"),
        *("javascript:alert(1)", "//a.example/x.jpg", "http://[::1", f"http://a.example/{'x' * 9000}"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_address(text)
    assert "secret" not in str(refused.value)


def test_a_redirect_may_be_relative_and_may_not_bring_a_password() -> None:
    address = parse_address("https://a.example/x/y.jpg?z#top")
    assert (address.origin, address.target) == ("https://a.example:443", "/x/y.jpg?z")
    assert address.joined("../n.jpg").text == "https://a.example/n.jpg"
    assert address.joined("//b.example:8443/n.jpg").origin == "https://b.example:8443"
    assert parse_address("http://münchen.example/ä.jpg").text == "http://xn--mnchen-3ya.example/%C3%A4.jpg"
    for there in ("http://me:secret@a.example/", "file:///etc/passwd"):
        with pytest.raises(InputError):
            address.joined(there)


INNER = {
    "mapped": lambda inner: f"::ffff:{inner}",
    "compatible": lambda inner: f"::{inner}",
    "NAT64": lambda inner: f"64:ff9b::{inner}",
    "6to4": lambda inner: str(ipaddress.IPv6Address((0x2002 << 112) | (int(inner) << 80) | 0x1_0000_0001)),
    "Teredo": lambda inner: str(
        ipaddress.IPv6Address((0x20010000_08080808_0000_8000 << 32) | (int(inner) ^ 0xFFFFFFFF))
    ),
}


@given(
    st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
    | st.sampled_from(["10.0.0.0", "127.0.0.0", "169.254.0.0", "172.16.0.0", "192.168.0.0", "100.64.0.0", "224.0.0.0"])
    .flatmap(lambda first: st.integers(0, 2**16 - 1).map(lambda at: ipaddress.IPv4Address(first) + at)),
    st.sampled_from([*INNER]),
)  # fmt: skip
def test_an_address_inside_another_is_as_public_as_it_is_alone(inner: ipaddress.IPv4Address, how: str) -> None:
    assert is_public(INNER[how](inner)) is is_public(str(inner))


@pytest.mark.parametrize("port", ["0", "65536", "99999", "4294967376"])
def test_a_port_that_there_is_not_is_no_address(port: str) -> None:
    for ask in (parse_address, parse_address("https://b.example/").joined):
        with pytest.raises(InputError, match="no address that can be asked"):
            ask(f"http://a.example:{port}/x.jpg")
    assert parse_address("http://a.example:65535/").origin == "http://a.example:65535"


HOSTS = st.sampled_from(
    ["a.example", "A.Example:80", "münchen.example", "[2606:4700::1111]", "8.8.8.8:81", "xn--", "a..b"]
)
PARTS = st.text("ab/.?=&%2Fé\\ #@:+*~\u2028", max_size=12)


@settings(max_examples=200)
@given(
    st.text(st.characters(), max_size=20)
    | st.builds("{}://{}/{}".format, st.sampled_from(["http", "HTTPS"]), HOSTS, PARTS)
)
def test_whatever_stands_in_a_list_is_refused_or_an_address_in_one_spelling(text: str) -> None:
    try:
        found = parse_address(text)
    except InputError as refused:
        assert "no address that can be asked" in str(refused) or "name or password" in str(refused)
        return
    assert parse_address(found.text) == found
    assert found.text.isascii() and "#" not in found.text
    assert found.text.startswith(("http://", "https://"))
    assert found.target.startswith("/")
