"""Where a server listens: what is typed as host and port is listened on, or refused in one line; and weak tokens."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.listening.address import SHORTEST, is_local, listen, token_fault
from joryu.listening.guessing import surprises

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with closing(listen(HERE, 0, usual=0)) as listening:
        yield listening.getsockname()[1]


def test_who_knocks_before_the_server_has_begun_waits(taken: int) -> None:
    with closing(socket.create_connection((HERE, taken), timeout=5)) as knocking:
        assert knocking.getpeername()[1] == taken


def test_where_the_usual_port_is_taken_another_is_found_and_a_port_that_was_named_is_not_changed(taken: int) -> None:
    with closing(listen(HERE, None, usual=taken)) as listening:
        assert listening.getsockname()[1] not in (0, taken)
    with pytest.raises(InputError, match=r"cannot listen on 127\.0\.0\.1 .*in use.*try another --port"):
        listen(HERE, taken, usual=0)


@pytest.mark.parametrize("port", [-1, 65536, 10**12])
def test_a_port_that_there_is_not_is_refused(port: int) -> None:
    with pytest.raises(InputError, match=rf"^port is no port .*65535; received {port}"):
        listen(HERE, port, usual=0)


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7", "ä..b", "ä" * 80, "a\0b"])
def test_an_address_that_is_not_this_machines_is_refused(host: str) -> None:
    with pytest.raises(InputError, match=r"cannot listen on .*a free port and an address of this machine"):
        listen(host, 0, usual=0)


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_address_of_the_new_kind_may_stand_in_brackets() -> None:
    try:
        with closing(listen("[::1]", 0, usual=0)) as listening:
            assert listening.family is socket.AF_INET6
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("host", "local"),
    [("localhost", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("localhost.example.org", False), ("", False)],  # noqa: S104
)  # fmt: skip
def test_only_this_machine_is_local(host: str, local: bool) -> None:
    assert is_local(host) is local


@given(st.text(st.characters(), min_size=1, max_size=24))
def test_a_token_without_a_fault_is_long_and_text_and_a_fault_does_not_repeat_it(token: str) -> None:
    fault = token_fault(token)
    if fault is None:
        assert len(token) >= SHORTEST
        assert token.encode().decode() == token
    else:
        assert len(token) < 4 or token not in fault


@settings(max_examples=200)
@given(st.text("abz19qwerty-", min_size=1, max_size=12), st.integers(2, 4))
def test_what_is_said_again_surprises_nobody(token: str, times: int) -> None:
    assert surprises(token * times) <= surprises(token) + 1


@given(st.text(max_size=20), st.text(max_size=6))
def test_each_sign_adds_one_surprise_at_most_and_takes_none_away(token: str, more: str) -> None:
    steps = [surprises(token.lower() + more.lower()[:at]) for at in range(len(more.lower()) + 1)]
    assert all(0 <= after - before <= 1 for before, after in itertools.pairwise(steps))
